"""Posteriors over the count k of N votes (paper Eq. 10), and what they say of the count that was observed.

Suffixes name the axes of an array: G galaxies, R some of them that share one N, T networks, K = N + 1 possible counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from activezoo.model import votes
from activezoo.model.predictions import Predictions

ESTIMATORS = ("mode", "mean")
LEVELS = (0.68, 0.95)
"""Probabilities of the intervals that are published."""
# Numbers that differ by less are taken as equal, so that N ε = 2 is 2 whatever the floats say.
DECIMALS = 9
ROUNDING = 10.0**-DECIMALS
# Largest number of posterior values held at once (8 MB).
_CHUNK_VALUES = 1_000_000


def posteriors(predictions: Predictions, responses: np.ndarray) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
    """Posteriors of k of the N votes of each galaxy, a chunk of galaxies of equal N at a time.

    Yields
    ------
    Positions of the galaxies (R,), their N, and the posteriors, shape (R, K).
    """
    responses = np.asarray(responses)
    if responses.shape != (len(predictions.ids),) or (responses < 1).any():
        raise ValueError("responses must hold a number of votes, at least 1, for each galaxy")
    for n in np.unique(responses).astype(int).tolist():
        rows = np.flatnonzero(responses == n)
        step = max(1, _CHUNK_VALUES // (n + 1))
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            of_chunk = predictions.of(chunk)
            yield chunk, n, votes.mixture_pmf(of_chunk.rho_GT, n, of_chunk.weights_T, of_chunk.concentration_GT)


def most_likely(pmf_GK: np.ndarray) -> np.ndarray:
    """The most likely count, the lowest of those that are equal but for rounding: shape (G,)."""
    return np.argmax(pmf_GK >= pmf_GK.max(axis=1, keepdims=True) * (1 - ROUNDING), axis=1)


def quantile(pmf_GK: np.ndarray, probability: float) -> np.ndarray:
    """The lowest count whose cumulative probability is at least `probability`, but for rounding: shape (G,)."""
    return np.argmax(np.cumsum(pmf_GK, axis=1) >= probability - ROUNDING, axis=1)


def majority(pmf_GK: np.ndarray) -> np.ndarray:
    """Probability that more than half of the votes are positive; exactly half counts half. Shape (G,)."""
    n = pmf_GK.shape[1] - 1
    return pmf_GK @ says_yes(np.arange(n + 1), n)


def says_yes(k: np.ndarray, responses: np.ndarray | int) -> np.ndarray:
    """What the majority says: yes is 1, no is 0, a tie ½."""
    return 0.5 + 0.5 * np.sign(2 * k - responses)


def estimate_of(pmf_GK: np.ndarray, estimator: str) -> np.ndarray:
    return most_likely(pmf_GK) if estimator == "mode" else pmf_GK @ np.arange(pmf_GK.shape[1])


def estimate(predictions: Predictions, responses: np.ndarray, estimator: str = "mode") -> np.ndarray:
    """k̂ of each galaxy, shape (G,): the most likely count (`mode`), or the `mean` Σ k p(k), not rounded."""
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator is {estimator!r}, not one of {', '.join(ESTIMATORS)}")
    k_hat_G = np.empty(len(predictions.ids))
    for rows, _, pmf_RK in posteriors(predictions, responses):
        k_hat_G[rows] = estimate_of(pmf_RK, estimator)
    return k_hat_G


def majority_probability(predictions: Predictions, responses: np.ndarray) -> np.ndarray:
    """p(k > N/2) + ½ p(k = N/2) of each galaxy, shape (G,)."""
    probability_G = np.empty(len(predictions.ids))
    for rows, _, pmf_RK in posteriors(predictions, responses):
        probability_G[rows] = majority(pmf_RK)
    return probability_G


def checked(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes as arrays, if there are 0 to N positive ones for each predicted galaxy."""
    k, responses = np.asarray(k), np.asarray(responses)
    if not k.shape == responses.shape == (len(predictions.ids),):
        raise ValueError(f"{k.shape} k and {responses.shape} responses for {len(predictions.ids)} galaxies")
    wrong = np.flatnonzero((k < 0) | (k > responses))
    if wrong.size:
        galaxy = wrong[0]
        raise ValueError(f"galaxy {predictions.ids[galaxy]}: {k[galaxy]} of {responses[galaxy]} votes are positive")
    return k, responses


def crps(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of each galaxy, Σ_j (p(≤ j) − [k ≤ j])² / N, shape (G,).

    In units of vote fraction, 0 at best; that of a prediction without uncertainty is its absolute error.
    """
    k, responses = checked(predictions, k, responses)
    score_G = np.empty(len(k))
    for rows, n, pmf_RK in posteriors(predictions, responses):
        observed_RK = k[rows, None] <= np.arange(n + 1)
        score_G[rows] = ((np.cumsum(pmf_RK, axis=1) - observed_RK) ** 2).sum(axis=1) / n
    return score_G


def surprise(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Surprise of the mixture at the votes of each galaxy, −log p(k), in nats: shape (G,)."""
    from scipy.special import gammaln, logsumexp

    k, responses = checked(predictions, k, responses)
    log_choose_G = gammaln(responses + 1) - gammaln(k + 1) - gammaln(responses - k + 1)
    loss_GT = votes.loss(predictions.rho_GT, k[:, None], responses[:, None], predictions.concentration_GT)
    return -logsumexp(-loss_GT, axis=1, b=predictions.weights_T) - log_choose_G


def predictive_entropy(predictions: Predictions, responses: np.ndarray) -> np.ndarray:
    """Entropy of the posterior of k, which is the surprise that it expects, in nats: shape (G,)."""
    entropy_G = np.empty(len(predictions.ids))
    for rows, _, pmf_RK in posteriors(predictions, responses):
        entropy_G[rows] = votes.entropy(pmf_RK)
    return entropy_G
