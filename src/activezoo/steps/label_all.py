"""Retrieve the votes of all galaxies but those of the test set, in two parts: to train on, and held out."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.posteriors.held_out import hold_out
from activezoo.survey import oracle
from activezoo.survey.roles import galaxies_of


def run(
    *,
    split: Path,
    votes: Path,
    experts: Path | None = None,
    question: str,
    fraction: float,
    labelled: Path,
    held_out: Path,
) -> None:
    table = tables.read(split)
    # What experts said of these galaxies is compared with predictions, which must not know their votes.
    judged = galaxies_of(tables.read(experts, ["id", "role"]), "evaluate") if experts else []
    ids = [galaxy for role in ("initial", "pool") for galaxy in galaxies_of(table, role, without=judged)]
    held = hold_out(ids, question, fraction)
    for part, output in ((~held, labelled), (held, held_out)):
        chosen = [galaxy for galaxy, kept in zip(ids, part, strict=True) if kept]
        tables.write(oracle.label(chosen, np.full(len(chosen), oracle.ALL), votes, question, iteration=0), output)
    logging.info("votes of %d galaxies, and of %d held out", (~held).sum(), held.sum())
