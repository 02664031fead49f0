"""What drives a model's surprise at votes: morphology, or what should not matter (paper §2.7, Figure 6)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from activezoo import randomness
from activezoo.errors import InputError

LEAST_GALAXIES = 50
# Bootstrap resamples of the galaxies, and the fraction of them by which a fit is stopped before it learns noise.
RESAMPLES = 20
VALIDATION = 0.15

# What `importance` would return without any feature.
NOTHING = pd.DataFrame(columns=["feature", "group", "importance", "low", "high"])

log = logging.getLogger(__name__)


def importance(surprise: np.ndarray, features: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """How much each feature of a galaxy contributes to the surprise at its votes (paper Eq. 14).

    Parameters
    ----------
    surprise
        −log p(k) of each galaxy, shape (G,).
    features
        A row a galaxy, in the same order; numbers, of which some may be missing.
    groups
        What kind of feature each is: `morphology` or `other`.

    Returns
    -------
    A row a feature, most important first: feature, group, importance (nats: mean absolute contribution over galaxies),
    low, high (its 95 % interval).

    Raises
    ------
    InputError
        There are too few galaxies, or no feature that varies.

    Notes
    -----
    An Explainable Boosting Machine (Lou et al. 2012) without interactions: a sum of one function of each feature, each
    the mean over bootstrap resamples of the galaxies. The interval is normal, with the standard deviation over
    resamples. A feature without effect has a small importance, not none: its function follows some noise.
    """
    from interpret.glassbox import ExplainableBoostingRegressor

    logging.getLogger("interpret").setLevel(logging.WARNING)  # it tells of each allocation
    galaxies = len(features)
    if galaxies < LEAST_GALAXIES:
        raise InputError(
            f"what drives the surprise cannot be told from {galaxies} galaxies, at least {LEAST_GALAXIES} are needed; "
            "evaluate on more of them"
        )
    features = varying(features)
    model = ExplainableBoostingRegressor(
        feature_types=["continuous"] * features.shape[1],
        max_bins=32,
        interactions=0,
        outer_bags=RESAMPLES,
        smoothing_rounds=0,  # would cost most of the time, and matters for plots of the functions
        n_jobs=1,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Missing values detected")  # its plots would not show them
        model.fit(features.to_numpy(float), np.asarray(surprise, float), bags=resample(galaxies))
    resampled = [
        np.average(np.abs(scores - np.average(scores, axis=1, weights=weights)[:, None]), axis=1, weights=weights)
        for scores, weights in zip(model.bagged_scores_, model.bin_weights_, strict=True)
    ]
    means, half_widths = model.term_importances(), 1.96 * np.std(resampled, axis=1, ddof=1)
    table = pd.DataFrame(
        {
            "feature": features.columns,
            "group": [groups[name] for name in features],
            "importance": means,
            "low": np.maximum(means - half_widths, 0),
            "high": means + half_widths,
        }
    )
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def varying(features: pd.DataFrame) -> pd.DataFrame:
    """The columns with more than one value; others are named in the log."""
    same = [name for name in features if features[name].nunique() < 2]
    if same:
        log.warning("left out of what drives the surprise, as all galaxies have the same or no value: %s", same)
    if len(same) == features.shape[1]:
        raise InputError(f"what drives the surprise: none of the features {same} varies; name others")
    return features.drop(columns=same)


def resample(galaxies: int) -> np.ndarray:
    """How often each galaxy is in each bootstrap resample, shape (G, RESAMPLES); negative: for validation."""
    rng = randomness.generator("surprise", galaxies)
    times = rng.multinomial(galaxies, np.full(galaxies, 1 / galaxies), RESAMPLES).T
    return np.where(rng.random(times.shape) < VALIDATION, -times, times).astype(np.int8)
