"""How well a model predicts the votes of the test galaxies (paper §3.6)."""

from __future__ import annotations

import numpy as np

from activezoo.model import votes
from activezoo.model.predictions import Predictions


def rmse(rho: np.ndarray | float, k: np.ndarray, responses: np.ndarray) -> float:
    """Root-mean-square deviation of ρ from k/N."""
    return float(np.sqrt(np.mean((rho - k / responses) ** 2)))


def test_metrics(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> dict[str, float]:
    """Metrics against k of `responses` votes of each galaxy, shapes (G,).

    Returns
    -------
    `rmse`, root-mean-square deviation of ρ, averaged over networks, from k/N; `test_loss`, surprise of one network at
    a galaxy's votes, averaged over networks and galaxies, nats (paper Eq. 6).
    """
    rho_G = predictions.rho_GT @ predictions.weights_T
    loss_GT = votes.binomial_loss(predictions.rho_GT, k[:, None], responses[:, None])
    return {
        "rmse": rmse(rho_G, k, responses),
        "test_loss": float(np.mean(loss_GT @ predictions.weights_T)),
    }


def training_loss(loss_by_step: np.ndarray) -> float:
    """Surprise at the labelled galaxies, averaged over the second half of an iteration's steps (smoothing batches)."""
    return float(np.mean(loss_by_step[len(loss_by_step) // 2 :]))
