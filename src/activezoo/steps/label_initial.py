"""Ask for the votes of the initial galaxies."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.survey import oracle
from activezoo.survey.roles import galaxies_of


def run(*, split: Path, votes: Path, question: str, few_votes: int | None = None, labelled: Path) -> None:
    ids = galaxies_of(tables.read(split), "initial")
    table = oracle.label(ids, np.full(len(ids), few_votes or oracle.ALL), votes, question, iteration=0)
    tables.write(table, labelled)
    logging.info("%d votes of %d galaxies", sum(table["N"].to_pylist()), len(ids))
