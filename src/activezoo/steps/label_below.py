"""Give a question below another one the answers of those who came to it."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.survey import oracle


def run(*, before: Path, votes: Path, question: str, leading: list[str], below: Path) -> None:
    table = oracle.label_below(tables.read(before), leading, votes, question)
    tables.write(table, below)
    logging.info("%d votes of %d galaxies", sum(table["N"].to_pylist()), len(table))
