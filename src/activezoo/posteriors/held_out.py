"""Galaxies that are set aside from training: to correct posteriors by, or to calibrate intervals by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import randomness, tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions, read_predictions

if TYPE_CHECKING:
    import pyarrow as pa


CORRECT, CONFORMAL = "correct", "conformal"


def hold_out(ids: Sequence[str], question: str, fraction: float, uses: Sequence[str]) -> np.ndarray:
    """What each galaxy is set aside for, text of shape (G,); the same for all seeds.

    Parameters
    ----------
    ids, question
        Galaxies that could be trained on.
    fraction
        How many of them are set aside, if there is a use.
    uses
        `correct`: to tune the dropout rate and to rescale; `conformal`: to calibrate intervals. Of three galaxies, two
        correct and one calibrates, for a correction has more to learn. None does both: what a galaxy was fitted to, it
        cannot judge.

    Returns
    -------
    One of `uses`; empty for a galaxy to train on.

    Raises
    ------
    InputError
        A use gets no galaxy, or none is left.
    """
    number = round(fraction * len(ids)) if uses else 0
    if uses and not len(uses) <= number < len(ids):
        raise InputError(
            f"question {question!r}: the fraction {fraction:g} (posteriors.held_out) of {len(ids)} training galaxies "
            f"is {number}; change it, or set posteriors.tune_dropout, rescale and conformal to false"
        )
    order = randomness.generator(question, "held out").permutation(np.argsort(np.asarray(ids), kind="stable"))
    use = np.full(len(ids), "", object)
    turns = [*uses, CORRECT] if len(uses) > 1 else uses
    for turn, its_use in enumerate(turns):
        use[order[turn : number : len(turns)]] = its_use
    return use


def votes_for(use: str, held_out: str | Path) -> pa.Table:
    """The votes of the galaxies that were set aside for a use: id, k, N."""
    import pyarrow.compute as pc

    table = tables.read(held_out, ["id", "k", "N", "use"])
    return table.filter(pc.equal(table["use"], use)).drop_columns("use")


def predicted_for(
    use: str, predictions: str | Path, held_out: str | Path
) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions of the galaxies that were set aside for a use, with their k and N.

    Raises
    ------
    InputError
        The predictions are not those of the held-out galaxies.
    """
    predicted = read_predictions(predictions)
    if predicted.ids != tables.read(held_out, ["id"])["id"].to_pylist():
        raise InputError(f"{predictions}: not the predictions of {held_out}; delete it and run again")
    votes = votes_for(use, held_out)
    used = set(votes["id"].to_pylist())
    rows = np.array([row for row, galaxy in enumerate(predicted.ids) if galaxy in used], int)
    return predicted.of(rows), votes["k"].to_numpy(), votes["N"].to_numpy()
