"""Retrieve the votes of the initial galaxies."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.survey import oracle
from activezoo.survey.roles import galaxies_of


def run(*, split: Path, votes: Path, labelled: Path) -> None:
    ids = galaxies_of(tables.read(split), "initial")
    tables.write(oracle.label(ids, votes, iteration=0), labelled)
    logging.info("votes of %d galaxies", len(ids))
