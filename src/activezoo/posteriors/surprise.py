"""What drives a model's surprise at votes: morphology, or what should not matter (paper §2.7, Figure 6).

The surprise −log p(k) of a perfect model depends on ρ and N: votes on a galaxy of ρ = 0.5 scatter more than those on
one of ρ = 0.05. What is wrong with a model shows in the excess: the surprise at the k observed minus the surprise that
the posterior expects at this N, which is its predictive entropy.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from activezoo import randomness
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import counts

# What is explained: the excess, and what the paper explains.
EXCESS, SURPRISE = "excess surprise", "surprise"
# The feature N, in a group of its own: it is no morphology, yet follows it where only some volunteers are asked.
VOTES, VOTES_GROUP = "number of votes N", "votes"

LEAST_GALAXIES = 50
# Bootstrap resamples of the galaxies, and the fraction of them by which a fit is stopped before it learns noise.
RESAMPLES = 20
VALIDATION = 0.15

# What `explain` would return without any feature.
NOTHING = pd.DataFrame(
    columns=["target", "galaxies", "mean", "standard_error", "feature", "group", "importance", "low", "high"]
)

log = logging.getLogger(__name__)


def explain(
    predictions: Predictions, k: np.ndarray, responses: np.ndarray, features: pd.DataFrame, groups: Mapping[str, str]
) -> pd.DataFrame:
    """What drives the excess surprise at the votes on galaxies, and what drives the surprise itself, as in the paper.

    Parameters
    ----------
    predictions
        Of galaxies that the model was not trained on.
    k, responses
        Positive votes and all votes N of each galaxy, shapes (G,).
    features
        A row a galaxy, in the same order; numbers, of which some may be missing. N need not be one of them.
    groups
        What kind of feature each is: `morphology` or `other`.

    Returns
    -------
    A row for each target and feature, with the columns

    - `target`: `excess surprise`, to whose features N is added, in the group `votes`; or `surprise`, by the features
      given alone, as in the paper;
    - `galaxies`, and `mean` and `standard_error` of the mean of the target over them, nats;
    - `feature`, `group`, `importance`, `low`, `high`: from `importance`, the most important first.

    Raises
    ------
    InputError
        There are too few galaxies, or no feature that varies.

    Notes
    -----
    If the posterior of a galaxy is that from which its k is drawn, the excess is 0 on average, whatever the feature, as
    long as the feature says nothing about k beyond what the posterior knows. N, redshift or size do not. The vote
    fraction of the question itself does, for it is k/N: a little if the posterior knows ρ (0.03 nats with N of 10 to
    45), more if a calibrated posterior knows less, which is then surprised by fractions that are rare among galaxies
    that look alike.
    """
    if len(k) < LEAST_GALAXIES:
        raise InputError(
            f"what drives the surprise cannot be told from {len(k)} galaxies, at least {LEAST_GALAXIES} are needed; "
            "evaluate on more of them"
        )
    features = varying(features)
    with_votes = varying(features.assign(**{VOTES: responses}))
    surprise = counts.surprise(predictions, k, responses)
    excess = surprise - counts.predictive_entropy(predictions, responses)
    tables = []
    for target, values, its_features in ((EXCESS, excess, with_votes), (SURPRISE, surprise, features)):
        table = importance(values, its_features, {**groups, VOTES: VOTES_GROUP})
        standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
        of_target = {"galaxies": len(values), "mean": np.mean(values), "standard_error": standard_error}
        tables.append(table.assign(target=target, **of_target)[list(NOTHING)])
    return pd.concat(tables, ignore_index=True)


def importance(target: np.ndarray, features: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """How much each feature of a galaxy contributes to a number about it (paper Eq. 14).

    Parameters
    ----------
    target
        The number, of each galaxy, in nats: shape (G,).
    features
        A row a galaxy, in the same order; numbers, of which some may be missing, but no column the same throughout.
    groups
        What kind of feature each is.

    Returns
    -------
    A row a feature, most important first: feature, group, importance (nats: mean absolute contribution over galaxies),
    low, high (its 95 % interval).

    Notes
    -----
    An Explainable Boosting Machine (Lou et al. 2012) without interactions: a sum of one function of each feature, each
    the mean over bootstrap resamples of the galaxies. The interval is normal, with the standard deviation over
    resamples. A feature without effect has a small importance, not none: its function follows some noise.
    """
    from interpret.glassbox import ExplainableBoostingRegressor

    logging.getLogger("interpret").setLevel(logging.WARNING)  # it tells of each allocation
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
        model.fit(features.to_numpy(float), np.asarray(target, float), bags=resample(len(features)))
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
