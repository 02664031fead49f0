"""What experts would say, told from what volunteers say (paper Appendix A).

Experts know weak bars better than volunteers do (Masters et al. 2012), so that a vote fraction is not the probability
that an expert says bar. A logistic function makes it one, whether volunteers gave the fraction or a model predicts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo.errors import InputError
from activezoo.posteriors import calibration, classification

# Bins of the calibration curve (paper Figure A2).
BINS = 5


class Rescaling(NamedTuple):
    """A logistic function of the vote fraction (paper Figure A3)."""

    slope: float
    intercept: float

    def probability(self, fraction: np.ndarray) -> np.ndarray:
        """Probability that an expert says yes to a galaxy of this vote fraction."""
        from scipy.special import expit

        return expit(self.slope * np.asarray(fraction) + self.intercept)


class Comparison(NamedTuple):
    """How well predictors tell what experts say: three tables, by `predictor`."""

    counts: pd.DataFrame
    """predicted (sum of the probabilities), low, high (its 95 % interval by chance), actual."""
    curve: pd.DataFrame
    """A row a bin of probability that has galaxies: bin (from 0), galaxies, predicted (mean), observed, low, high."""
    scores: pd.DataFrame
    """galaxies, area (under the ROC curve; nan with one class), brier_score, expected_calibration_error."""


def fit_rescaling(fraction: np.ndarray, is_positive: np.ndarray) -> Rescaling:
    """Logistic regression, without a penalty, of what experts say on vote fractions, shapes (G,).

    Raises
    ------
    InputError
        Experts say the same of all galaxies.
    """
    from sklearn.linear_model import LogisticRegression

    fraction, is_positive = np.asarray(fraction, float), np.asarray(is_positive, bool)
    if is_positive.all() or not is_positive.any():
        raise InputError(
            f"experts say {'yes' if is_positive.any() else 'no'} to all of the {len(is_positive)} galaxies that a "
            "rescaling could be fitted to; give classes of more galaxies"
        )
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(fraction[:, None], is_positive)
    return Rescaling(float(model.coef_[0, 0]), float(model.intercept_[0]))


def compare(is_positive: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Comparison:
    """Compare predictors with what experts say of the galaxies they were not fitted to.

    Parameters
    ----------
    is_positive
        Whether experts say yes, shape (G,).
    probabilities
        Probability, by name of the predictor, that they do, shapes (G,).
    """
    is_positive = np.asarray(is_positive, bool)
    counts, curves, scores = [], [], []
    for predictor, probability in probabilities.items():
        probability = np.asarray(probability, float)
        curve = calibration.binned(probability, is_positive, BINS)
        counts.append({"predictor": predictor, **count(is_positive, probability)})
        curves.append(curve.assign(predictor=predictor)[["predictor", *curve]])
        scores.append(
            {
                "predictor": predictor,
                "galaxies": len(is_positive),
                "area": classification.area(probability, is_positive),
                "brier_score": float(np.mean((probability - is_positive) ** 2)),
                "expected_calibration_error": calibration.expected_calibration_error(curve),
            }
        )
    return Comparison(pd.DataFrame(counts), pd.concat(curves, ignore_index=True), pd.DataFrame(scores))


def count(is_positive: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Predicted and actual number of galaxies that experts say yes to.

    `low` and `high` hold 95 % of the sums of independent draws with these probabilities (normal approximation).
    """
    predicted = float(probability.sum())
    half_width = 1.96 * float(np.sqrt(np.sum(probability * (1 - probability))))
    low, high = max(predicted - half_width, 0.0), min(predicted + half_width, float(len(probability)))
    return {"predicted": predicted, "low": low, "high": high, "actual": int(is_positive.sum())}
