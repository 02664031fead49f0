"""Stop before any training if the pool cannot feed all iterations."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError


def run(*, split: Path, question: str, acquire: int, iterations: int, pool: Path) -> None:
    galaxies = tables.read(split, ["role"])["role"].to_pylist().count("pool")
    if acquire * iterations > galaxies:
        raise InputError(
            f"question {question!r}: {iterations} iterations of {acquire} galaxies need {acquire * iterations}, but "
            f"the pool has {galaxies}; at most {galaxies // acquire} iterations are possible: lower loop.iterations or "
            f"questions.{question}.acquire"
        )
    tables.write({"pool": [galaxies], "acquired": [acquire * iterations]}, pool)
    logging.info("pool of %d galaxies for %d iterations of %d", galaxies, iterations, acquire)
