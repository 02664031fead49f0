"""Count the votes that people gave so far, on all galaxies but those reserved for tests."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import volunteers
from activezoo.survey.layout import Answers
from activezoo.survey.roles import galaxies_of


def run(*, votes: list[Path], split: Path, question: str, answers: Answers, labelled: Path) -> None:
    asks = volunteers.read_counted(votes)
    table = volunteers.count_asks(asks, galaxies_of(tables.read(split), "pool"), question, *answers)
    if not table.num_rows:
        raise InputError(
            f"{votes[-1]}: no votes on question {question!r} to learn from; delete the file, and wait for votes"
        )
    tables.write(table, labelled)
    logging.info("%d votes on %d galaxies", sum(table["N"].to_pylist()), len(table))
