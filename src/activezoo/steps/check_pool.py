"""Stop before any training if the pool cannot feed all iterations."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import oracle
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
    if acquire * iterations > available:
        raise InputError(
            f"question {question!r}: {iterations} iterations of {acquire} {unit} need {acquire * iterations}, but "
            f"the pool has {available}; at most {available // acquire} iterations are possible: lower loop.iterations "
            f"or questions.{question}.acquire"
        )
    tables.write({"pool": [available], "acquired": [acquire * iterations]}, pool)
    logging.info("pool of %d %s for %d iterations of %d", available, unit, iterations, acquire)
