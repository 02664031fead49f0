"""How well a model predicts the votes of the test galaxies (paper §3.6)."""

from __future__ import annotations

import numpy as np

from activezoo.model import votes
from activezoo.model.predictions import Predictions


def rmse(rho: np.ndarray | float, k: np.ndarray, responses: np.ndarray) -> float:
    """Root-mean-square deviation of ρ from k/N."""
    return float(np.sqrt(np.mean((rho - k / responses) ** 2)))


def rmse_of_rho(rho: np.ndarray, k: np.ndarray, responses: np.ndarray) -> float:
    """Root-mean-square deviation of ρ from the true vote probability, which the votes tell with noise.

    The noise of k/N adds its variance to the mean square; k(N − k) / (N²(N − 1)) estimates it without bias. Galaxies
    with one vote, which do not tell of it, do not count; nan if no other is left.
    """
    many = responses > 1
    fraction, responses = (k / responses)[many], responses[many]
    if not many.any():
        return float("nan")
    noise = fraction * (1 - fraction) / (responses - 1)
    return float(np.sqrt(max(0.0, np.mean((rho[many] - fraction) ** 2 - noise))))


def test_metrics(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> dict[str, float]:
    """Metrics against k of `responses` votes of each galaxy, shapes (G,).

    Returns
    -------
    `rmse`, root-mean-square deviation of ρ, averaged over networks, from k/N; `rmse_of_rho`, see there; `test_loss`,
    surprise of one network at a galaxy's votes, averaged over networks and galaxies, nats (paper Eq. 6).
    """
    rho_G = predictions.rho_GT @ predictions.weights_T
    loss_GT = votes.loss(predictions.rho_GT, k[:, None], responses[:, None], predictions.concentration_GT)
    return {
        "rmse": rmse(rho_G, k, responses),
        "rmse_of_rho": rmse_of_rho(rho_G, k, responses),
        "test_loss": float(np.mean(loss_GT @ predictions.weights_T)),
    }


def training_loss(loss_by_step: np.ndarray) -> float:
    """Surprise at the labelled galaxies, averaged over the second half of an iteration's steps (smoothing batches)."""
    return float(np.mean(loss_by_step[len(loss_by_step) // 2 :]))
