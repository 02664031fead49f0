"""How many fewer votes, or galaxies, a strategy needs than another for the same RMSE on the test galaxies.

A saving is measured seed by seed, on two learning curves that start from the same first model. Each curve is made
monotone by isotonic regression, for noise makes it go up and down. Levels of RMSE are fixed beforehand, as fractions of
the range that both curves cover. At each, the votes that a curve needs are read off, by straight lines in log votes.
The saving is 1 − exp(mean over levels of log(votes / votes of the other)). Log ratios of several seeds are averaged.

The paper's saving "at best" (§3.6), the largest at the RMSE of any model, stands beside it. It picks the levels where
noise helps, so that equal curves have one too; `equal_best` says how large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo import randomness, tables
from activezoo.acquisition.registry import baselines
from activezoo.errors import InputError

LEVELS = np.linspace(0.1, 0.9, 10)
"""Of RMSE, as fractions of the range from the first model to the end. In the outer tenths curves are flat."""
CURRENCIES = ("votes", "galaxies")
RESAMPLES = 200
"""Of the test galaxies."""
ALL_SEEDS = "all"


class Curve(NamedTuple):
    """A learning curve: the models of one strategy and seed, the first one first."""

    amount: np.ndarray
    """Votes, or galaxies, that each model learnt from, shape (M,)."""
    rmse: np.ndarray
    """Shape (M,)."""


def monotone(rmse: np.ndarray) -> np.ndarray:
    """The falling curve that is closest to a curve, by least squares."""
    from sklearn.isotonic import isotonic_regression

    return isotonic_regression(np.asarray(rmse, float), increasing=False)


def amount_needed(levels: np.ndarray, curve: Curve) -> np.ndarray:
    """Where a falling curve first comes down to levels that it covers: straight lines in log amount, shape (L,)."""
    after = np.argmax(curve.rmse <= levels[:, None], axis=1)
    before = np.maximum(after - 1, 0)
    high, low, log_amount = curve.rmse[before], curve.rmse[after], np.log(curve.amount)
    fraction = np.divide(high - levels, high - low, out=np.ones(len(levels)), where=high > low)
    return np.exp(log_amount[before] + fraction * (log_amount[after] - log_amount[before]))


class Saving(NamedTuple):
    """What two curves of one seed say; nan where they have no range of RMSE in common."""

    log_ratio: float
    """Mean over levels of log(amount / amount of the other)."""
    rmse_from: float
    rmse_to: float
    """Highest and lowest level."""
    needed: float
    needed_baseline: float
    """Geometric means over levels."""


def saving(strategy: Curve, baseline: Curve) -> Saving:
    """Compare two monotone curves.

    The range of levels ends where the higher of the two curves ends, whichever that is. So both curves reach each level
    and, if they are equal but for noise, neither is favoured. An end fixed by one of them would favour the other: of
    levels that it reached by luck, the other would miss some.
    """
    top = min(strategy.rmse[0], baseline.rmse[0])
    bottom = max(strategy.rmse[-1], baseline.rmse[-1])
    if not bottom < top:
        return Saving(*[np.nan] * 5)
    levels = top - LEVELS * (top - bottom)
    logs = [np.log(amount_needed(levels, curve)).mean() for curve in (strategy, baseline)]
    return Saving(logs[0] - logs[1], levels[0], levels[-1], *np.exp(logs))


def interval(log_ratio_S: np.ndarray, resampled_SR: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean log ratio over seeds and test galaxies; nan with one seed.

    Parameters
    ----------
    log_ratio_S
        Of each seed.
    resampled_SR
        Of each seed with other test galaxies, drawn with replacement, the same ones for all seeds.

    Notes
    -----
    Half its width is that of a t interval over seeds and that of a normal one over test galaxies, added as squares. The
    seeds have the same test galaxies, so their scatter does not tell of what these do to all seeds alike: the
    covariance between seeds, over resamples, does. What they do to a seed alone is in the scatter, and must not count
    twice.
    docs/strategies.md says how often the interval holds the truth.
    """
    from scipy.stats import t

    seeds, mean = len(log_ratio_S), log_ratio_S.mean()
    if seeds == 1:
        return np.nan, np.nan
    resampled_SR = resampled_SR[:, np.isfinite(resampled_SR).all(axis=0)]
    shared = np.cov(resampled_SR)[~np.eye(seeds, dtype=bool)].mean() if resampled_SR.shape[1] > 1 else np.nan
    half = np.hypot(
        t.ppf(0.975, seeds - 1) * log_ratio_S.std(ddof=1) / np.sqrt(seeds), 1.96 * np.sqrt(np.maximum(shared, 0))
    )
    return mean - half, mean + half


def best(strategy: Curve, baseline: Curve) -> tuple[float, float]:
    """The paper's saving "at best", and the RMSE of it; nan if there is none.

    Parameters
    ----------
    strategy, baseline
        Mean curves over seeds as they are, not made monotone.

    Notes
    -----
    It is the largest at the RMSE of any model of the strategy. The amounts are those beyond the first model, as the
    paper counts them, where each curve, joined by straight lines, first comes down to that RMSE.
    """
    found = [(np.nan, np.nan)]
    for level in strategy.rmse[1:]:
        amounts = [_first_crossing(level, curve) - curve.amount[0] for curve in (strategy, baseline)]
        if np.isfinite(amounts[1]) and amounts[1] > 0 and level < baseline.rmse[0]:
            found.append((1 - amounts[0] / amounts[1], level))
    return max(found, key=lambda pair: -np.inf if np.isnan(pair[0]) else pair[0])


def _first_crossing(level: float, curve: Curve) -> float:
    """Amount at which a curve, joined by straight lines, first comes down to a level; inf if never."""
    reached = curve.rmse <= level
    if not reached.any():
        return np.inf
    after = int(np.argmax(reached))
    if after == 0:
        return float(curve.amount[0])
    high, low = curve.rmse[after - 1], curve.rmse[after]
    step = curve.amount[after] - curve.amount[after - 1]
    return float(curve.amount[after - 1] + (high - level) / (high - low) * step)


def equal_best(strategy: Sequence[Curve], baseline: Sequence[Curve], key: tuple) -> np.ndarray:
    """Savings "at best" if the two did not differ: with curves swapped within seeds, in all ways or 1,024 of them."""
    seeds = len(strategy)
    if seeds <= 10:
        swaps = np.array(list(product([False, True], repeat=seeds)))
    else:
        swaps = randomness.generator(*key, "swaps").random((1024, seeds)) < 0.5
    pairs = list(zip(strategy, baseline, strict=True))
    return np.array(
        [
            best(*(mean_curve([pair[swap ^ side] for pair, swap in zip(pairs, row, strict=True)]) for side in (0, 1)))[
                0
            ]
            for row in swaps
        ]
    )


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Mean over seeds, model by model."""
    return Curve(*(np.mean([curve[part] for curve in curves], axis=0) for part in (0, 1)))


def squared_errors(evaluations: Iterable[str | Path]) -> np.ndarray:
    """Squared deviation of ρ from k/N of each model and test galaxy, shape (M, G).

    Raises
    ------
    InputError
        The models were not tested on the same galaxies.
    """
    rows, ids = [], None
    for path in evaluations:
        table = tables.read(path, ["id", "k", "N", "rho"])
        ids = table["id"] if ids is None else ids
        if table["id"] != ids:
            raise InputError(f"{path}: other test galaxies than those of the other models; delete it and run again")
        rows.append((table["rho"].to_numpy() - table["k"].to_numpy() / table["N"].to_numpy()) ** 2)
    return np.array(rows)


def savings(metrics: pd.DataFrame, errors: Mapping[tuple, np.ndarray]) -> pd.DataFrame:
    """Savings of each strategy over each that does not choose by a model.

    Parameters
    ----------
    metrics
        From `learning_curves.collect`, of one question.
    errors
        Squared errors on the test galaxies, shape (G,), by strategy, seed and iteration.

    Returns
    -------
    Columns question, strategy, baseline, currency ('votes' or 'galaxies'), seed (as text, or 'all'); saving, with its
    95 % interval low, high (of all seeds); those of `Saving`, but for the log ratio; and of all seeds: reach_rmse, the
    lowest RMSE that both mean curves reach, with reach and reach_baseline, what they need for it; best and best_rmse
    (paper), equal_median and equal_95, median and 95th percentile of best for equal curves.
    """
    strategies = list(dict.fromkeys(metrics.strategy))
    rows = []
    for baseline in baselines(strategies):
        for strategy in (name for name in strategies if name != baseline):
            rows += _compared(metrics, errors, strategy, baseline)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[:5], "str"))


COLUMNS = (
    *("question", "strategy", "baseline", "currency", "seed", "saving", "low", "high", *Saving._fields[1:]),
    *("reach_rmse", "reach", "reach_baseline", "best", "best_rmse", "equal_median", "equal_95"),
)


def _compared(metrics: pd.DataFrame, errors: Mapping[tuple, np.ndarray], strategy: str, baseline: str) -> list[tuple]:
    """Rows of one strategy and one baseline."""
    of = {name: metrics[metrics.strategy == name] for name in (strategy, baseline)}
    seeds, others = (sorted(rows.seed.unique().tolist()) for rows in of.values())
    question = metrics.question.iloc[0]
    if seeds != others:
        raise InputError(
            f"question {question!r}: {strategy!r} ran with seeds {seeds}, {baseline!r} with {others}; they are "
            "compared seed by seed and must be the same"
        )
    models = {(name, seed): rows.sort_values("iteration") for name in of for seed, rows in of[name].groupby("seed")}
    key = ("savings", question, strategy, baseline)
    galaxies = len(next(iter(errors.values())))
    weights_GR = (
        randomness.generator(*key).multinomial(galaxies, np.full(galaxies, 1 / galaxies), RESAMPLES).T / galaxies
    )
    rmse_MR = {
        run: np.sqrt(np.array([errors[*run, iteration] for iteration in rows.iteration]) @ weights_GR)
        for run, rows in models.items()
    }
    monotone_R = {run: [monotone(rmse) for rmse in curves.T] for run, curves in rmse_MR.items()}
    table = []
    for currency in CURRENCIES:
        raw = {run: Curve(rows[currency].to_numpy(float), rows.rmse.to_numpy()) for run, rows in models.items()}
        curves = {run: curve._replace(rmse=monotone(curve.rmse)) for run, curve in raw.items()}
        found = [saving(curves[strategy, seed], curves[baseline, seed]) for seed in seeds]
        resampled_SR = [
            [
                saving(*(raw[name, seed]._replace(rmse=monotone_R[name, seed][r]) for name in (strategy, baseline)))[0]
                for r in range(RESAMPLES)
            ]
            for seed in seeds
        ]
        names = (question, strategy, baseline, currency)
        nothing = (np.nan,) * 7
        table += [
            (*names, str(seed), 1 - np.exp(one.log_ratio), np.nan, np.nan, *one[1:], *nothing)
            for seed, one in zip(seeds, found, strict=True)
        ]
        log_ratio_S = np.array([one.log_ratio for one in found])
        low, high = interval(log_ratio_S, np.array(resampled_SR))
        means = {name: mean_curve([raw[name, seed] for seed in seeds]) for name in (strategy, baseline)}
        falling = {name: curve._replace(rmse=monotone(curve.rmse)) for name, curve in means.items()}
        lowest = max(curve.rmse[-1] for curve in falling.values())
        reach = [amount_needed(np.array([lowest]), falling[name])[0] for name in (strategy, baseline)]
        equal = equal_best(*([raw[name, seed] for seed in seeds] for name in (strategy, baseline)), key)
        ranges = [np.mean([one[place] for one in found]) for place in (1, 2)]
        needed = [np.exp(np.mean(np.log([one[place] for one in found]))) for place in (3, 4)]
        quantiles = np.nanquantile(equal, [0.5, 0.95]) if np.isfinite(equal).any() else (np.nan, np.nan)
        # The more votes in proportion, the less the saving: the ends of the interval change places.
        total = (1 - np.exp(log_ratio_S.mean()), 1 - np.exp(high), 1 - np.exp(low))
        table.append((*names, ALL_SEEDS, *total, *ranges, *needed, lowest, *reach, *best(*means.values()), *quantiles))
    return table
