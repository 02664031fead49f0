"""Count the votes on one question, and tell which galaxies it can be asked of."""

import json
from pathlib import Path

from activezoo import tables
from activezoo.survey.layout import Answers, Fractions
from activezoo.survey.questions import read_votes


def run(
    *,
    catalogue: Path,
    galaxies: Path,
    answers: Answers,
    fractions: Fractions,
    named: str | None = None,
    encoding: str | None = None,
    empty_votes: str = "missing",
    min_responses: int,
    max_rejected: float,
    votes: Path,
    usable: Path,
    rejected: Path,
) -> None:
    counted, unusable = read_votes(
        catalogue,
        tables.read(galaxies),
        answers,
        fractions,
        named=json.loads(named) if named else None,
        encoding=encoding,
        empty_is_zero=empty_votes == "zero",
        min_responses=min_responses,
        max_rejected=max_rejected,
    )
    tables.write(counted, votes)
    tables.write(counted.select(["id"]), usable)
    tables.write(unusable, rejected)
