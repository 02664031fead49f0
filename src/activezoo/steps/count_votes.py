"""Count the votes of all closed asks, and tell which galaxies have some: of the pool, or asked about to test models."""

import logging
from pathlib import Path

import pyarrow as pa

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import asks, volunteers
from activezoo.survey.layout import Answers
from activezoo.survey.roles import galaxies_of


def run(
    *,
    frozen: list[Path],
    asked: list[Path],
    split: Path,
    question: str,
    answers: Answers,
    votes: Path,
    known: Path,
) -> None:
    rows = pa.concat_tables([tables.read(path, asks.ASKED.names) for path in asked]).to_pandas()
    asked_to_test = rows[(rows["question"] == question) & (rows["why"] == "test")]["galaxy_id"].to_list()
    roles = tables.read(split)
    ids = [*galaxies_of(roles, "pool"), *dict.fromkeys(asked_to_test)]
    counted = volunteers.count_asks(volunteers.read_counted(frozen), ids, question, *answers)
    tests = set(asked_to_test)
    role = ["test" if galaxy in tests else "pool" for galaxy in counted["id"].to_pylist()]
    if "test" not in role:
        raise InputError(
            f"{frozen[-1]}: no votes on question {question!r} to test with; delete the file, and wait for votes"
        )
    tables.write(counted.select(["id", "k", "N"]), votes)
    tables.write(counted.select(["id"]).append_column("role", pa.array(role)), known)
    logging.info("votes on %d galaxies, %d of them to test with", len(role), role.count("test"))
