"""Retrieve the votes of the galaxies ranked first, and add them to those labelled before."""

import logging
from pathlib import Path

import pyarrow as pa

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import oracle


def run(
    *,
    acquisition: Path,
    labelled_before: Path,
    votes: Path,
    question: str,
    iteration: int,
    acquire: int,
    labelled: Path,
) -> None:
    ranking = tables.read(acquisition, ["id", "rank"]).sort_by("rank")
    if len(ranking) < acquire:
        raise InputError(
            f"question {question!r}, iteration {iteration}: the pool has {len(ranking)} galaxies left of the {acquire} "
            f"to label; lower loop.iterations or questions.{question}.acquire"
        )
    new = oracle.label(ranking["id"][:acquire].to_pylist(), votes, iteration)
    tables.write(pa.concat_tables([tables.read(labelled_before), new]), labelled)
    logging.info("votes of %d more galaxies", len(new))
