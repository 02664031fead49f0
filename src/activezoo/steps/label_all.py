"""Retrieve the votes of all galaxies but those of the test set: to train on, and held out to calibrate by."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from activezoo import tables
from activezoo.posteriors.held_out import CONFORMAL, hold_out
from activezoo.survey import oracle
from activezoo.survey.roles import galaxies_of


def run(
    *,
    split: Path,
    votes: Path,
    experts: Path | None = None,
    question: str,
    fraction: float,
    uses: list[str],
    labelled: Path,
    held_out: Path,
) -> None:
    table = tables.read(split)
    # What experts said of these galaxies is compared with predictions, which must not know their votes.
    judged = galaxies_of(tables.read(experts, ["id", "role"]), "evaluate") if experts else []
    ids = np.array([galaxy for role in ("initial", "pool") for galaxy in galaxies_of(table, role)])
    use = hold_out(ids.tolist(), question, fraction, uses)
    # Intervals are calibrated by all kinds of galaxies, as the test set has them; nothing is fitted to their votes.
    kept = ~np.isin(ids, judged) | (use == CONFORMAL)
    for part, output in ((use == "", labelled), (use != "", held_out)):
        chosen = ids[part & kept].tolist()
        answers = oracle.label(chosen, np.full(len(chosen), oracle.ALL), votes, question, iteration=0)
        if output == held_out:
            answers = answers.append_column("use", pa.array(use[part & kept], pa.string()))
        tables.write(answers, output)
        logging.info("%s: votes of %d galaxies", output.stem, len(chosen))
