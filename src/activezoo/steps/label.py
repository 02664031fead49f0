"""Ask for votes, the most wanted first, until the budget of the iteration is spent, and add them to those before."""

import logging
from pathlib import Path

import pyarrow.compute as pc

from activezoo import tables
from activezoo.survey import oracle


def run(
    *,
    acquisition: Path,
    labelled_before: Path,
    votes: Path,
    question: str,
    iteration: int,
    acquire: int,
    unit: str,
    labelled: Path,
) -> None:
    asks = tables.read(acquisition, ["id", "rank", "votes"]).sort_by("rank")
    before = tables.read(labelled_before)
    after = oracle.ask(asks, before, votes, question, iteration, acquire, unit)
    tables.write(after, labelled)
    new = pc.sum(after["N"]).as_py() - pc.sum(before["N"]).as_py()
    logging.info("%d more votes, %d more galaxies", new, len(after) - len(before))
