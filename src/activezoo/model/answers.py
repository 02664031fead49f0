"""The generative model of votes on a question with any number of answers, of which `votes` has the case of two.

Each of N volunteers gives one of A answers, with probabilities ρ that add up to 1: a multinomial. With a concentration
s, ρ itself scatters about its mean as a Dirichlet distribution of parameters ρ s does: a Dirichlet-multinomial. The
count of one answer, or of several together, is then binomial or beta-binomial with the same s.

Suffixes name the axes of an array: G galaxies, T networks, A answers, K ways in which N votes fall on the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np

from activezoo import randomness
from activezoo.model import votes as two_answers

# With so many ways, mutual information is the exact sum over them: 8 votes on 7 answers. Else it is drawn.
_MOST_WAYS = 3003
# Draws of votes on a galaxy, from all networks together.
_DRAWS = 1024


@cache
def ways(votes: int, answers: int) -> np.ndarray:
    """All counts of `answers` answers that add up to `votes`: shape (K, A), in lexicographic order."""
    # Bars between stars: each choice of places for the bars is one way.
    places = votes + answers - 1
    bars_KB = np.array(list(combinations(range(places), answers - 1)))
    ends_KB = np.pad(bars_KB, ((0, 0), (1, 1)), constant_values=(-1, places))
    return np.diff(ends_KB, axis=1) - 1


def log_pmf(rho: np.ndarray, counts_KA: np.ndarray, concentration: np.ndarray | None = None) -> np.ndarray:
    """Log probability of counts that all add up to the same number: shape of `rho` without its last axis, plus (K,).

    Parameters
    ----------
    rho
        Probabilities of the answers, shape (…, A).
    counts_KA
        Such as `ways`.
    concentration
        Of the Dirichlet-multinomial, above 0, shape (…); the multinomial by default.
    """
    log_factorial = np.cumsum(np.log(np.maximum(np.arange(counts_KA[0].sum() + 1), 1)))
    log_ways_K = log_factorial[-1] - log_factorial[counts_KA].sum(axis=1)
    return log_ways_K - _losses(rho, counts_KA, concentration)


def _losses(rho: np.ndarray, counts_KA: np.ndarray, concentration: np.ndarray | None) -> np.ndarray:
    """Surprise at counts that all add up to the same number, without the number of orders: (…, K)."""
    if concentration is None:
        return -two_answers.log(rho) @ counts_KA.T
    of_answers, of_all = _log_rising(rho, int(counts_KA[0].sum()), concentration)
    return of_all[..., -1:] - sum(of_answers[..., answer, counts_KA[:, answer]] for answer in range(rho.shape[-1]))


def _log_rising(rho: np.ndarray, votes: int, concentration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ log(p + i / s) over i < n, for p of each answer, (…, A, N + 1), and of all, (…, N + 1); see `votes`."""
    steps = np.arange(votes) / np.asarray(concentration, np.float64)[..., None]
    terms = two_answers.log(np.asarray(rho, np.float64)[..., None] + steps[..., None, :]), np.log1p(steps)
    return tuple(np.pad(np.cumsum(of, axis=-1), [(0, 0)] * (of.ndim - 1) + [(1, 0)]) for of in terms)


def loss(rho: np.ndarray, counts: np.ndarray, concentration: np.ndarray | None = None) -> np.ndarray:
    """Surprise of a network at the counts of the answers, without the number of their orders, in nats.

    −Σ n log ρ, or that of the Dirichlet-multinomial with a `concentration` of shape (…). Broadcast over `rho` and
    `counts`, shapes (…, A). No votes surprise by 0.
    """
    counts = np.asarray(counts)
    if concentration is None:
        return -(counts * two_answers.log(rho)).sum(axis=-1)
    shape = np.broadcast_shapes(np.shape(rho), counts.shape)
    rho, counts = np.broadcast_to(rho, shape), np.broadcast_to(counts, shape).astype(int)
    votes = counts.sum(axis=-1)
    of_answers, of_all = _log_rising(rho, int(votes.max(initial=0)), np.broadcast_to(concentration, shape[:-1]))
    at_counts = np.take_along_axis(of_answers, counts[..., None], -1)[..., 0].sum(axis=-1)
    return np.take_along_axis(of_all, votes[..., None], -1)[..., 0] - at_counts


def mixture_pmf(
    rho_GTA: np.ndarray,
    votes: int,
    weights_T: np.ndarray | None = None,
    concentration_GT: np.ndarray | None = None,
) -> np.ndarray:
    """Posterior of all `ways`, marginalised over networks: shape (G, K)."""
    parts = [mixture for mixture, _ in _mixtures(rho_GTA, votes, weights_T, concentration_GT)]
    return np.concatenate(parts) if parts else np.empty((0, len(ways(votes, rho_GTA.shape[-1]))))


def _mixtures(
    rho_GTA: np.ndarray, votes: int, weights_T: np.ndarray | None, concentration_GT: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    galaxies, networks, answers = rho_GTA.shape
    counts_KA = ways(votes, answers)

    def log_pmf_of(chunk: slice) -> np.ndarray:
        return log_pmf(rho_GTA[chunk], counts_KA, None if concentration_GT is None else concentration_GT[chunk])

    return two_answers.mixtures_and_entropies(log_pmf_of, galaxies, networks, len(counts_KA), weights_T)


def mutual_information(
    rho_GTA: np.ndarray,
    votes: int,
    weights_T: np.ndarray | None = None,
    concentration_GT: np.ndarray | None = None,
) -> np.ndarray:
    """Information about the network that `votes` answers on each galaxy would carry (paper Eq. 24).

    Parameters
    ----------
    rho_GTA
        Predicted probabilities of the answers by each network; they add up to 1.
    votes
        Expected number of responses N, at least 1.
    weights_T
        Weight of each network, summing to 1; equal by default.
    concentration_GT
        Of the Dirichlet-multinomial, above 0; the multinomial by default.

    Returns
    -------
    Nats, shape (G,), between 0 and the log of the number of `ways`.

    Notes
    -----
    Of two answers, it is that of `votes`, to the bit. Up to some 3,000 ways it is the sum over all of them. Beyond,
    votes are drawn from the networks, by the same random numbers for every galaxy, and the mean of
    log p(votes | network) − log p(votes) estimates it without bias, within some 0.03 nats. The sum over answers of
    the information of each one's count would need no draws. But it counts what votes tell once for each answer, twice
    for two, so that questions with other numbers of answers could not be compared.
    """
    if rho_GTA.shape[-1] == 2:
        return two_answers.mutual_information(rho_GTA[..., 0], votes, weights_T, concentration_GT)
    if math.comb(votes + rho_GTA.shape[-1] - 1, votes) > _MOST_WAYS:
        return drawn_mutual_information(rho_GTA, votes, weights_T, concentration_GT)
    return two_answers.information(_mixtures(rho_GTA, votes, weights_T, concentration_GT))


def drawn_mutual_information(
    rho_GTA: np.ndarray,
    votes: int,
    weights_T: np.ndarray | None = None,
    concentration_GT: np.ndarray | None = None,
    draws: int = _DRAWS,
) -> np.ndarray:
    """Estimate of `mutual_information` by about so many draws of votes on each galaxy, from all networks together."""
    galaxies, networks, answers = rho_GTA.shape
    weights_T = np.full(networks, 1.0 / networks) if weights_T is None else np.asarray(weights_T, np.float64)
    information_G = np.empty(galaxies)
    size = (-(-draws // networks), networks)
    own = np.tile(np.arange(networks), size[0])
    for galaxy, rho_TA in enumerate(np.asarray(rho_GTA, np.float64)):
        rng = randomness.generator("mutual information", votes, answers)
        concentration_T = None if concentration_GT is None else concentration_GT[galaxy]
        drawn_TA = rho_TA / rho_TA.sum(axis=-1, keepdims=True)
        if concentration_T is not None:
            # A sum that is too small for floats would be 0.
            gamma = rng.standard_gamma(drawn_TA * concentration_T[:, None], (*size, answers)) + np.finfo(float).tiny
            drawn_TA = gamma / gamma.sum(axis=-1, keepdims=True)
        counts_KA = rng.multinomial(votes, drawn_TA, size).reshape(-1, answers)
        log_TK = -_losses(rho_TA, counts_KA, concentration_T)
        own_K = log_TK[own, np.arange(len(own))]
        gain_K = -np.log(weights_T @ np.exp(log_TK - own_K))
        information_G[galaxy] = gain_K.reshape(size).mean(axis=0) @ weights_T
    return np.maximum(information_G, 0.0)
