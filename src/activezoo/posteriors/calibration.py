"""How far posteriors over votes can be trusted (paper §2.7): what they expect against what volunteers answered.

Suffixes name the axes of an array: G galaxies, R some of them that share one N, T networks, K = N + 1 possible counts,
E acceptable errors ε, B bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from activezoo.model import evaluation
from activezoo.model.predictions import Predictions
from activezoo.posteriors.counts import (
    DECIMALS,
    ESTIMATORS,
    checked,
    crps,
    estimate,
    estimate_of,
    majority_probability,
    posteriors,
    says_yes,
    surprise,
)

EPSILONS = (0.02, 0.05, 0.10, 0.20)
ONE, EACH, MIXTURE = "one network", "each network", "mixture"


def coverage(
    variants: Mapping[str, Predictions], k: np.ndarray, responses: np.ndarray, epsilons: Sequence[float] = EPSILONS
) -> pd.DataFrame:
    """How many galaxies have k within N ε of k̂, as posteriors expect and in fact (paper Eqs. 11-13).

    Parameters
    ----------
    variants
        Predictions of the same galaxies, in the same order, by name. If there are those of `mixture`, two more come of
        them: `one network`, the first alone, and `each network`, the mean of the counts of all its networks, each used
        alone.
    k, responses
        Positive votes and all votes N of each galaxy, shapes (G,).
    epsilons
        Acceptable errors of a vote fraction, ε.

    Returns
    -------
    A row for each variant, estimator of k̂ and ε, with the columns `variant`, `estimator`, `epsilon`, `galaxies`,
    `expected`, `actual`, `coverage_error` = (expected − actual) / actual, and its `standard_error`, by which it would
    scatter over samples of galaxies with the same expected count. The last two are missing where `actual` is 0.

    Notes
    -----
    A count j is within ε if |j − k̂| < N ε, strictly. Both sides are rounded to 9 decimals first: N = 40 and ε = 0.05
    make exactly 2, and j = k̂ ± 2 are outside.
    """
    if min(epsilons) < 1e-6:
        raise ValueError(f"epsilon is {min(epsilons)}: it must be a positive fraction")
    tables = []
    for variant, alternatives in _alternatives(variants).items():
        counts = sum(weight * _counts(one, k, responses, np.asarray(epsilons)) for weight, one in alternatives)
        for estimator, (expected_E, actual_E) in zip(ESTIMATORS, counts, strict=True):
            columns = {"variant": variant, "estimator": estimator, "epsilon": epsilons, "galaxies": len(k)}
            tables.append(pd.DataFrame({**columns, "expected": expected_E, "actual": actual_E}))
    table = pd.concat(tables, ignore_index=True)
    actual = table.actual.where(table.actual > 0)
    table["coverage_error"] = (table.expected - actual) / actual
    table["standard_error"] = table.expected / actual**2 * np.sqrt(actual * (1 - actual / table.galaxies))
    return table


def one_network(predictions: Predictions) -> Predictions:
    """The first network alone."""
    return predictions.of(networks=slice(1))


def _alternatives(variants: Mapping[str, Predictions]) -> dict[str, list[tuple[float, Predictions]]]:
    """Every variant as weighted alternatives, over which its results are averaged: one but for `each network`."""
    first = next(iter(variants))
    for name, predictions in variants.items():
        if predictions.ids != variants[first].ids:
            raise ValueError(f"{name!r} predicts other galaxies than {first!r}, or in another order")
    whole = {name: [(1.0, predictions)] for name, predictions in variants.items()}
    if MIXTURE not in variants:
        return whole
    mixture = variants[MIXTURE]
    networks = [mixture.of(networks=slice(place, place + 1)) for place in range(len(mixture.weights_T))]
    each = list(zip(mixture.weights_T.tolist(), networks, strict=True))
    return {ONE: [(1.0, one_network(mixture))], EACH: each, **whole}


def _counts(predictions: Predictions, k: np.ndarray, responses: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Galaxies with k within N ε of k̂, by estimator, expected or actual, and ε: shape (estimators, 2, E)."""
    k, responses = checked(predictions, k, responses)
    counts = np.zeros((len(ESTIMATORS), 2, len(epsilons)))
    for rows, n, pmf_RK in posteriors(predictions, responses):
        below_RK = np.pad(np.cumsum(pmf_RK, axis=1), ((0, 0), (1, 0)))  # p(k < j) of j = 0 … N + 1
        for number, estimator in enumerate(ESTIMATORS):
            k_hat_R1 = estimate_of(pmf_RK, estimator)[:, None]
            first_RE = np.floor(np.round(k_hat_R1 - n * epsilons, DECIMALS)).astype(int) + 1
            last_RE = np.ceil(np.round(k_hat_R1 + n * epsilons, DECIMALS)).astype(int) - 1
            first_RE, last_RE = np.maximum(first_RE, 0), np.minimum(last_RE, n)
            expected_RE = np.take_along_axis(below_RK, last_RE + 1, 1) - np.take_along_axis(below_RK, first_RE, 1)
            actual_RE = (first_RE <= k[rows, None]) & (k[rows, None] <= last_RE)
            counts[number] += expected_RE.sum(axis=0), actual_RE.sum(axis=0)
    return counts


def pit(predictions: Predictions, k: np.ndarray, responses: np.ndarray, bins: int = 10) -> np.ndarray:
    """Probability integral transform of the observed counts, as a histogram.

    Returns
    -------
    Heights of equal bins of [0, 1], shape (bins,), with mean 1. All are 1, but for chance, if the posteriors are
    calibrated; a U shape means overconfident posteriors, a hump underconfident ones, and a slope a bias.

    Notes
    -----
    For counts the transform is not one value but uniform from p(< k) to p(≤ k); it is not drawn, each galaxy being
    spread over the bins (Czado, Gneiting & Held 2009).
    """
    k, responses = checked(predictions, k, responses)
    edges_B = np.linspace(0, 1, bins + 1)[1:-1]
    below_edge_B = np.zeros(bins - 1)
    for rows, _, pmf_RK in posteriors(predictions, responses):
        probability_R1 = np.take_along_axis(pmf_RK, k[rows, None], 1)
        low_R1 = np.take_along_axis(np.cumsum(pmf_RK, axis=1), k[rows, None], 1) - probability_R1
        # A count of (nearly) no probability is a step, not a slope.
        slope_R1 = 1 / np.maximum(probability_R1, np.finfo(float).tiny)
        below_edge_B += np.clip((edges_B - low_R1) * slope_R1, 0, 1).sum(axis=0)
    return np.diff(below_edge_B / len(k), prepend=0, append=1) * bins


def wilson(successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of a probability: low and high. Successes may be fractional."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, trials, alpha=0.05, method="wilson")
    # Rounding may carry the interval of a certain outcome beyond 0 or 1; statsmodels before 0.15 lets it.
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def reliability(predictions: Predictions, k: np.ndarray, responses: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """How often the majority says yes, against the probability of it: `binned`, a tie being half a yes."""
    k, responses = checked(predictions, k, responses)
    return binned(majority_probability(predictions, responses), says_yes(k, responses), bins)


def binned(probability: np.ndarray, outcome: np.ndarray, bins: int) -> pd.DataFrame:
    """How often something happens, by equal bins of the probability of it.

    Parameters
    ----------
    probability, outcome
        Of each galaxy, shapes (G,); an outcome is 1 (or True), 0, or a part of 1.

    Returns
    -------
    A row for each bin that has galaxies, with the columns `bin` (from 0), `galaxies`, `predicted` (mean probability),
    `observed` (frequency), and `low` and `high`, its 95 % interval.
    """
    bin_G = np.clip((probability * bins).astype(int), 0, bins - 1)
    galaxies_B = np.bincount(bin_G, minlength=bins)
    filled = galaxies_B > 0
    outcome_B, probability_B = (np.bincount(bin_G, of_G, bins)[filled] for of_G in (outcome, probability))
    galaxies_B = galaxies_B[filled]
    low, high = wilson(outcome_B, galaxies_B)
    return pd.DataFrame(
        {
            "bin": np.flatnonzero(filled),
            "galaxies": galaxies_B,
            "predicted": probability_B / galaxies_B,
            "observed": outcome_B / galaxies_B,
            "low": low,
            "high": high,
        }
    )


def expected_calibration_error(reliability_table: pd.DataFrame) -> float:
    """Mean distance of the predicted probability from the observed frequency, over the galaxies of all bins."""
    distance = (reliability_table.predicted - reliability_table.observed).abs()
    return float(np.average(distance, weights=reliability_table.galaxies))


def scores(variants: Mapping[str, Predictions], k: np.ndarray, responses: np.ndarray) -> pd.DataFrame:
    """Scores of point estimates, probabilities and whole posteriors, with the variants of `coverage`.

    Returns
    -------
    A row for each variant, with the columns

    - `variant`, `galaxies`;
    - `rmse_mode`, `rmse_mean`, `rmse_rho`: root-mean-square deviation from k/N of k̂/N, for both estimators of k̂, and
      of ρ̂, averaged over networks. The last two are the same number: the mean of k of a mixture of binomials is N ρ̂;
    - `crps`: mean over galaxies, in units of vote fraction;
    - `expected_calibration_error`: of the majority's answer;
    - `surprise`: mean over galaxies, nats;
    - `accuracy`: how often the likelier answer of the majority is the majority's; tied galaxies are left out.
    """
    rows = []
    for variant, alternatives in _alternatives(variants).items():
        weights, members = zip(*alternatives, strict=True)
        each = pd.DataFrame([_scores(predictions, k, responses) for predictions in members])
        means = zip(each, np.average(each, axis=0, weights=weights), strict=True)
        rows.append({"variant": variant, "galaxies": len(k), **dict(means)})
    return pd.DataFrame(rows)


def _scores(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> dict[str, float]:
    k, responses = checked(predictions, k, responses)
    decided = 2 * k != responses
    right = (majority_probability(predictions, responses) > 0.5) == (2 * k > responses)
    return {
        "rmse_mode": evaluation.rmse(estimate(predictions, responses, "mode") / responses, k, responses),
        "rmse_mean": evaluation.rmse(estimate(predictions, responses, "mean") / responses, k, responses),
        "rmse_rho": evaluation.rmse(predictions.rho_GT @ predictions.weights_T, k, responses),
        "crps": float(crps(predictions, k, responses).mean()),
        "expected_calibration_error": expected_calibration_error(reliability(predictions, k, responses)),
        "surprise": float(surprise(predictions, k, responses).mean()),
        "accuracy": float(right[decided].mean()) if decided.any() else np.nan,
    }
