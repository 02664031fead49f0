"""Stop before any training if the pool cannot feed all iterations."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.survey import oracle, splitting
from activezoo.survey.roles import galaxies_of


def run(
    *,
    split: Path,
    votes: Path,
    question: str,
    acquire: int,
    unit: str,
    few_votes: int | None = None,
    iterations: int,
    pool: Path,
) -> None:
    ids = galaxies_of(tables.read(split), "pool")
    available = len(ids)
    if unit == "votes":
        _, responses = oracle.retrieve_votes(votes, ids)
        available = int(np.minimum(responses, few_votes or oracle.ALL).sum())
    splitting.refuse_small_pool(available, question, acquire, unit, iterations)
    tables.write({"pool": [available], "acquired": [acquire * iterations]}, pool)
    logging.info("pool of %d %s for %d iterations of %d", available, unit, iterations, acquire)
