"""What the page shows of an ask: its galaxies in their order, and the questions about each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import asks, tree
from activezoo.survey.tree import Question


class Galaxy(NamedTuple):
    """A galaxy of an ask."""

    id: str
    image: str
    questions: frozenset[str]  # with those that lead to them
    people: int  # how many different ones it wants


class Ask(NamedTuple):
    """What an ask's folder holds, the galaxies in their order."""

    number: int
    questions: dict[str, Question]
    galaxies: list[Galaxy]


def folders(of_asks: Path) -> list[Path]:
    """The folders `ask_<i>` that are complete, in the order of i."""
    manifests = of_asks.glob(f"ask_[0-9]*/{asks.MANIFEST}")
    found = {int(path.parent.name.removeprefix("ask_")): path.parent for path in manifests}
    return [found[number] for number in sorted(found) if (found[number] / asks.GALAXIES).exists()]


def read(folder: Path) -> Ask:
    """Read an ask.

    A galaxy that has several questions wants as many people as the one that wants most votes. An ask without galaxies
    says that no more votes are needed.

    Raises
    ------
    InputError
        A file is missing, or says what cannot be asked.
    """
    manifest = asks.read_manifest(folder / asks.MANIFEST)
    path = folder / asks.GALAXIES
    rows = tables.read(path, ["galaxy_id", "image", "question", "votes"]).to_pylist()
    asked: dict[str, list[dict]] = {}
    for place, row in enumerate(rows):
        if row["question"] not in manifest.questions:
            raise InputError(
                f"{path}, row {place}: question {row['question']!r} is not in {asks.MANIFEST}; restore both"
            )
        if not isinstance(row["votes"], int) or row["votes"] < 1:
            raise InputError(
                f"{path}, row {place}: {row['votes']!r} votes are wanted, it must be a number above 0; restore it"
            )
        asked.setdefault(row["galaxy_id"], []).append(row)

    def questions(of: list[dict]) -> frozenset[str]:
        return frozenset().union(*(tree.path_to(row["question"], manifest.questions) for row in of))

    galaxies = [Galaxy(id, of[0]["image"], questions(of), max(row["votes"] for row in of)) for id, of in asked.items()]
    return Ask(manifest.ask, manifest.questions, galaxies)
