"""The generative model of votes: k of N volunteers give the positive answer (paper Eqs. 1-6, 22-23).

Binomial: k ~ Bin(N, ρ), where volunteers differ by chance alone. Beta-binomial: ρ itself scatters about its mean, as a
beta distribution of parameters ρ s and (1 − ρ) s does, so that k scatters more, by the factor
1 + (N − 1) / (s + 1) in variance. s is the concentration; infinite, it makes the binomial.

Suffixes name the axes of an array: G galaxies, T networks, K = N + 1 possible counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

# Smallest positive normal number: log(0) becomes -708, so that 0 * log(0) is 0 and exp(k * log(0)) is 0.
_TINY = np.finfo(np.float64).tiny
# Largest number of float64 values in one temporary array (4 MB).
_CHUNK_VALUES = 500_000


def log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, _TINY))


def _logs(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rho = np.asarray(rho, np.float64)
    return log(rho), log(1.0 - rho)


def log_pmf(rho: np.ndarray, votes: int, concentration: np.ndarray | None = None) -> np.ndarray:
    """Log probability of every count k = 0 … `votes` (paper Eq. 2): shape of `rho` plus (K,).

    Binomial without a `concentration`, above 0 and of the shape of `rho`; else beta-binomial.
    """
    k_K = np.arange(votes + 1)
    log_choose_K = math.lgamma(votes + 1) - np.array(
        [math.lgamma(k + 1) + math.lgamma(votes - k + 1) for k in k_K.tolist()]
    )
    if concentration is not None:
        yes, no, all_answers = _log_rising(rho, votes, concentration)
        return log_choose_K + yes + no[..., ::-1] - all_answers[..., -1:]
    log_yes, log_no = _logs(rho)
    return log_choose_K + k_K * log_yes[..., None] + (votes - k_K) * log_no[..., None]


def _log_rising(rho: np.ndarray, votes: int, concentration: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Σ log(p + i / s) over i < n, for p of a yes, a no and any answer, and n = 0 … `votes`: shapes of `rho` plus (K,).

    They are log Γ(s p + n) − log Γ(s p) − n log s, without the loss of digits of that difference where s is large, and
    Σ log p where it is infinite.
    """
    rho = np.asarray(rho, np.float64)[..., None]
    steps = np.arange(votes) / np.asarray(concentration, np.float64)[..., None]
    terms = (log(rho + steps), log(1.0 - rho + steps), np.log1p(steps))
    return tuple(np.pad(np.cumsum(of, axis=-1), [(0, 0)] * (of.ndim - 1) + [(1, 0)]) for of in terms)


def loss(rho: np.ndarray, k: np.ndarray, votes: np.ndarray, concentration: np.ndarray | None = None) -> np.ndarray:
    """Surprise of a network at k of `votes` positive answers, without the constant binomial coefficient, in nats.

    Broadcast over all four. Binomial without a `concentration`, else beta-binomial.
    """
    if concentration is None:
        return binomial_loss(rho, k, votes)
    rho, k, votes, concentration = np.broadcast_arrays(rho, k, votes, concentration)
    yes, no, all_answers = _log_rising(rho, int(votes.max(initial=0)), concentration)
    at_k, at_rest, at_all = (
        np.take_along_axis(of, number[..., None].astype(int), -1)[..., 0]
        for of, number in ((yes, k), (no, votes - k), (all_answers, votes))
    )
    return at_all - at_k - at_rest


def binomial_loss(rho: np.ndarray, k: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Surprise of a network at k of `votes` positive answers, without the constant binomial coefficient.

    −[k log ρ + (N − k) log(1 − ρ)], in nats, broadcast over all three (paper Eq. 6, as a loss).
    """
    log_yes, log_no = _logs(rho)
    return -(k * log_yes + (votes - k) * log_no)


def mixture_pmf(
    rho_GT: np.ndarray,
    votes: int,
    weights_T: np.ndarray | None = None,
    concentration_GT: np.ndarray | None = None,
) -> np.ndarray:
    """Posterior of every count, marginalised over networks (paper Eq. 10): shape (G, K)."""
    parts = [mixture for mixture, _ in _mixtures(rho_GT, votes, weights_T, concentration_GT)]
    return np.concatenate(parts) if parts else np.empty((0, votes + 1))


def entropy(pmf: np.ndarray) -> np.ndarray:
    """Entropy in nats over the last axis (paper Eqs. 22-23)."""
    return -(pmf * np.log(np.maximum(pmf, _TINY))).sum(axis=-1)


def mixtures_and_entropies(
    log_pmf_of: Callable[[slice], np.ndarray], galaxies: int, networks: int, counts: int, weights_T: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mixture over networks, shape (g, K), and mean entropy of what one network says, shape (g,), of some at a time.

    `log_pmf_of` gives log probabilities of all K counts, or ways to count, of the galaxies of a slice: (g, T, K).
    """
    weights_T = np.full(networks, 1.0 / networks) if weights_T is None else np.asarray(weights_T, np.float64)
    step = max(1, _CHUNK_VALUES // (networks * counts))
    for start in range(0, galaxies, step):
        log_GTK = log_pmf_of(slice(start, start + step))
        pmf_GTK = np.exp(log_GTK)
        yield weights_T @ pmf_GTK, -(pmf_GTK * log_GTK).sum(axis=-1) @ weights_T


def information(mixtures: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Entropy of the mixture less the mean entropy of one network, nats, shape (G,), of `mixtures_and_entropies`."""
    parts = [entropy(mixture_GK) - entropy_G for mixture_GK, entropy_G in mixtures]
    # A sum of floats may end a rounding error below zero where all networks agree.
    return np.maximum(np.concatenate(parts or [np.empty(0)]), 0.0)


def _mixtures(
    rho_GT: np.ndarray, votes: int, weights_T: np.ndarray | None, concentration_GT: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    def log_pmf_of(chunk: slice) -> np.ndarray:
        return log_pmf(rho_GT[chunk], votes, None if concentration_GT is None else concentration_GT[chunk])

    return mixtures_and_entropies(log_pmf_of, *rho_GT.shape, votes + 1, weights_T)


def mutual_information(
    rho_GT: np.ndarray,
    votes: int,
    weights_T: np.ndarray | None = None,
    concentration_GT: np.ndarray | None = None,
) -> np.ndarray:
    """Information about the network that `votes` answers on each galaxy would carry (paper Eq. 24).

    Parameters
    ----------
    rho_GT
        Predicted vote probability of each galaxy by each network, in [0, 1].
    votes
        Expected number of responses N, at least 1.
    weights_T
        Weight of each network, summing to 1; equal by default.
    concentration_GT
        Of the beta-binomial, above 0; the binomial by default.

    Returns
    -------
    Nats, shape (G,), between 0 and log(votes + 1).
    """
    return information(_mixtures(rho_GT, votes, weights_T, concentration_GT))
