"""Posteriors reduced to classes, for comparison with conventional classifiers (paper §2.7.1, Figs. 9-10).

A galaxy is positive for the volunteers where most of them say yes, k/N > 0.5, and for the model where ρ̂, the mean over
networks, is above 0.5. Exactly 0.5 counts as not positive, for both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

# ρ̂ above this, or below 1 − this, is extreme.
HIGH_CONFIDENCE = 0.8
# Fraction of the galaxies of each predicted class that count as the most confident (paper: 7.7, 8 and 9.3 %).
MOST_CONFIDENT = 0.08


def majority(k: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Whether more than half of the volunteers said yes, shape (G,)."""
    return 2 * k > responses


def roc(rho: np.ndarray, is_positive: np.ndarray) -> pd.DataFrame:
    """Receiver operating characteristic of ρ̂ as a score.

    Returns
    -------
    Columns false_positive_rate, true_positive_rate and threshold, from (0, 0) to (1, 1): galaxies with ρ̂ at the
    threshold or above count as positive. No rows where all galaxies are of one class, as one rate is not defined.
    """
    from sklearn.metrics import roc_curve

    rates = roc_curve(is_positive, rho) if _has_both(is_positive) else np.empty((3, 0))
    return pd.DataFrame(dict(zip(("false_positive_rate", "true_positive_rate", "threshold"), rates, strict=True)))


def area(rho: np.ndarray, is_positive: np.ndarray) -> float:
    """Area under the ROC curve; nan where all galaxies are of one class."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_positive, rho)) if _has_both(is_positive) else np.nan


def _has_both(is_positive: np.ndarray) -> bool:
    return bool(np.any(is_positive) and not np.all(is_positive))


def confusion(rho: np.ndarray, is_positive: np.ndarray) -> np.ndarray:
    """Numbers of galaxies by class, shape (2, 2): rows by volunteers, columns by the model, not positive first."""
    return np.bincount(2 * is_positive + (rho > 0.5), minlength=4).reshape(2, 2)


def high_confidence(rho: np.ndarray, threshold: float = HIGH_CONFIDENCE) -> np.ndarray:
    """Mask of the galaxies where ρ̂ is extreme: above `threshold`, or below 1 − `threshold`.

    The paper calls ρ̂ extreme without a number, after Domínguez Sánchez et al. (2018): 1,420 (smooth) and 1,174 (bar)
    of its 2,500 test galaxies are.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(f"threshold must be at least 0.5 and less than 1, not {threshold}")
    return np.maximum(rho, 1 - rho) > threshold


def most_confident(rho: np.ndarray, fraction: float = MOST_CONFIDENT) -> np.ndarray:
    """Mask of the highest ρ̂ among the galaxies predicted positive, and of the lowest among the others.

    Of each class it is `fraction`, to the nearest whole galaxy; of equal ρ̂ the first ones.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be more than 0 and at most 1, not {fraction}")
    chosen = np.zeros(len(rho), bool)
    for predicted in (rho > 0.5, rho <= 0.5):
        members = np.flatnonzero(predicted)
        doubt = np.minimum(rho, 1 - rho)[members]
        chosen[members[np.argsort(doubt, kind="stable")[: round(fraction * len(members))]]] = True
    return chosen


def subsets(rho: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of the galaxies by which a model is judged."""
    return {
        "all": np.ones(len(rho), bool),
        "high confidence": high_confidence(rho),
        "most confident": most_confident(rho),
    }


def metrics(rho: np.ndarray, k: np.ndarray, responses: np.ndarray) -> pd.DataFrame:
    """Conventional metrics of the model as a classifier, with the majority of volunteers as truth.

    Parameters
    ----------
    rho
        Mean over networks of each galaxy's predicted vote fraction, shape (G,).
    k, responses
        Votes of each galaxy, shapes (G,).

    Returns
    -------
    A row for each of `subsets`: subset, galaxies, accuracy, precision, recall, f1, area (under the ROC curve). nan is
    what is not defined: all but `galaxies` in an empty subset, precision where no galaxy is predicted positive, recall
    where none is, f1 where both, area where only one class is.
    """
    is_positive = majority(k, responses)
    rows = []
    for subset, chosen in subsets(rho).items():
        table = confusion(rho[chosen], is_positive[chosen])
        (true_negatives, false_positives), (false_negatives, true_positives) = table.tolist()
        galaxies = int(table.sum())
        rows.append(
            {
                "subset": subset,
                "galaxies": galaxies,
                "accuracy": _ratio(true_negatives + true_positives, galaxies),
                "precision": _ratio(true_positives, true_positives + false_positives),
                "recall": _ratio(true_positives, true_positives + false_negatives),
                "f1": _ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives),
                "area": area(rho[chosen], is_positive[chosen]),
            }
        )
    return pd.DataFrame(rows)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
