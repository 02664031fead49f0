"""Fit a monotonic rescaling of predicted vote fractions to the votes of held-out galaxies."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import read_predictions
from activezoo.posteriors import rescaling as rescalings


def run(*, predictions: Path, held_out: Path, rescaling: Path) -> None:
    predicted = read_predictions(predictions)
    table = tables.read(held_out, ["id", "k", "N"])
    if predicted.ids != table["id"].to_pylist():
        raise InputError(f"{predictions}: not the predictions of {held_out}; delete it and run again")
    found = rescalings.fit(predicted, table["k"].to_numpy(), table["N"].to_numpy())
    rescalings.write(found, rescaling)
    logging.info("a = %.3f, b = %.3f, c = %.3f by %d held-out galaxies", *found, len(table))
