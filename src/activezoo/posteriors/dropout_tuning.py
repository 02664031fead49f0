"""The dropout rate of prediction, tuned by how much the votes on held-out galaxies surprise (paper §4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from activezoo import tables
from activezoo.model import posterior
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import Predictions
from activezoo.posteriors import calibration, counts

if TYPE_CHECKING:
    from activezoo.model.trained import TrainedModel

RATES = tuple((np.arange(1, 20) / 20).tolist())
# What a choice at the end of the rates means.
BEYOND = "a better one may lie beyond, or too few galaxies are held out to tell (posteriors.held_out)"

log = logging.getLogger(__name__)


def predict_at_rates(
    models: Sequence[TrainedModel],
    read_grey: Callable[[slice], np.ndarray],
    ids: Sequence[str],
    sampling: Sampling,
    rates: Sequence[float] = RATES,
) -> dict[float, Predictions]:
    """Predictions of a mixture of models by dropout rate, for which images go through the convolutions only once.

    The parameters are those of `posterior.predict`.
    """
    of_models: dict[float, list[Predictions]] = {rate: [] for rate in rates}
    for model in models:
        key = model.description.key("predict")
        batches = list(posterior.features(model, read_grey, ids, sampling))
        features_GAH = np.concatenate([features for _, features in batches])
        for rate in rates:
            head = posterior.head_of(model, rate)
            of_models[rate].append(posterior.predictions_of(list(ids), features_GAH, head, sampling, key))
    return {rate: next(posterior.mix([[one] for one in predicted])) for rate, predicted in of_models.items()}


def surprise_by_rate(predictions: Mapping[float, Predictions], k: np.ndarray, responses: np.ndarray) -> pd.DataFrame:
    """Surprise of the mixture at votes by dropout rate, and coverage error; an extreme choice is logged as a warning.

    The rate of the smallest mean surprise is chosen; of equal ones, the lowest. The surprise is a proper score
    (Gneiting & Raftery 2007): posteriors gain by being sharp as well as by being calibrated. Coverage error is not, for
    what is expected of one galaxy makes up for another, and posteriors that do not tell galaxies apart may have none.

    Parameters
    ----------
    predictions
        Of the same held-out galaxies, by dropout rate.
    k, responses
        Positive votes and all votes N of each galaxy, shapes (G,).

    Returns
    -------
    A row for each rate and ε of the calibration tables, with the columns

    - `dropout`, `epsilon`, `galaxies`;
    - `surprise`: −log p(k), mean over galaxies, nats;
    - `difference`: of it from that of the chosen rate, and its `standard_error`, paired, by the differences of single
      galaxies (missing with one galaxy). Rates within about two standard errors, neighbours first, may be as good;
    - `coverage_error`, k̂ being the most likely count; missing where no galaxy is within ε;
    - `chosen`.
    """
    surprise = pd.DataFrame({rate: counts.surprise(predicted, k, responses) for rate, predicted in predictions.items()})
    mean = surprise.mean()
    best = min(surprise, key=lambda rate: (mean[rate], rate))
    differences = surprise.sub(surprise[best], axis=0)
    tables_of_rates = []
    for rate, predicted in predictions.items():
        coverage = calibration.coverage({f"dropout {rate}": predicted}, k, responses).query("estimator == 'mode'")
        scores = {
            "dropout": rate,
            "epsilon": coverage.epsilon,
            "galaxies": len(k),
            "surprise": mean[rate],
            "difference": differences[rate].mean(),
            "standard_error": differences[rate].sem(),
            "coverage_error": coverage.coverage_error,
            "chosen": rate == best,
        }
        tables_of_rates.append(pd.DataFrame(scores))
    table = pd.concat(tables_of_rates, ignore_index=True)
    if end := end_of_grid(table):
        log.warning("the dropout rate chosen, %g, is the %s of those tried; %s", best, end, BEYOND)
    return table


def end_of_grid(table: pd.DataFrame) -> Literal["lowest", "highest"] | None:
    """At which end of the rates tried the chosen one lies, if at either: from a table of `surprise_by_rate`."""
    chosen, rates = _chosen(table), table.dropout
    return "lowest" if chosen == rates.min() else "highest" if chosen == rates.max() else None


def read(path: str | Path) -> float:
    """The chosen rate, from the table of `surprise_by_rate` in parquet."""
    return _chosen(tables.read(Path(path).with_suffix(".parquet")).to_pandas())


def _chosen(table: pd.DataFrame) -> float:
    return float(table.dropout[table.chosen].iloc[0])
