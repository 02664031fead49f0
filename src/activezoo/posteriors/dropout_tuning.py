"""The dropout rate of prediction, tuned on held-out galaxies until posteriors are calibrated (paper §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model import posterior
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import Predictions
from activezoo.posteriors import calibration

if TYPE_CHECKING:
    from activezoo.model.trained import TrainedModel

RATES = tuple((np.arange(1, 20) / 20).tolist())
# Acceptable errors ε by which a rate is chosen: the range of the calibration tables.
ERRORS = tuple((np.arange(2, 21) / 100).tolist())


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
    weights_of_one_T = posterior.network_weights(sampling)
    networks = len(weights_of_one_T)
    rho_RGT = np.empty((len(rates), len(ids), len(models) * networks))
    for number, model in enumerate(models):
        key = model.description.key("predict")
        heads = [posterior.head_of(model, rate) for rate in rates]
        its_networks = slice(number * networks, (number + 1) * networks)
        start = 0
        for batch, features_GAH in posterior.features(model, read_grey, ids, sampling):
            galaxies = slice(start, start := start + len(batch))
            for rho_GT, head in zip(rho_RGT, heads, strict=True):
                rho_GT[galaxies, its_networks] = posterior.vote_probability(features_GAH, head, sampling, key)
    weights_T = np.tile(weights_of_one_T, len(models)) / len(models)
    return {rate: Predictions(list(ids), rho_GT, weights_T) for rate, rho_GT in zip(rates, rho_RGT, strict=True)}


def coverage_by_rate(predictions: dict[float, Predictions], k: np.ndarray, responses: np.ndarray) -> pd.DataFrame:
    """Coverage error of the mixture by dropout rate.

    Returns
    -------
    A row for each rate and ε of the calibration tables, with the columns `dropout`, `epsilon`, `galaxies`,
    `coverage_error` (k̂ being the most likely count) and `chosen`: the rate whose absolute coverage error, averaged over
    many ε and both estimators of k̂, is smallest. One ε alone would choose by chance where few galaxies are held out.

    Raises
    ------
    InputError
        There are too few galaxies.
    """
    tables_of_rates, errors = [], {}
    for rate, predicted in predictions.items():
        table = calibration.coverage({f"dropout {rate}": predicted}, k, responses, ERRORS)
        # Where no galaxy at all is within ε, the posteriors are as wrong as can be.
        errors[rate] = table.coverage_error.abs().fillna(np.inf).mean()
        shown = (table.estimator == "mode") & table.epsilon.isin(calibration.EPSILONS)
        tables_of_rates.append(table.loc[shown, ["epsilon", "galaxies", "coverage_error"]])
        tables_of_rates[-1].insert(0, "dropout", rate)
    if min(errors.values()) == np.inf:
        raise InputError(
            f"the dropout rate cannot be tuned by {len(k)} held-out galaxies, too few of which are near what any rate "
            "predicts; raise posteriors.held_out"
        )
    table = pd.concat(tables_of_rates, ignore_index=True)
    return table.assign(chosen=table.dropout == min(errors, key=errors.get))


def read(path: str | Path) -> float:
    """The chosen rate, from the table of `coverage_by_rate` in parquet."""
    table = tables.read(Path(path).with_suffix(".parquet")).to_pandas()
    return float(table.dropout[table.chosen].iloc[0])
