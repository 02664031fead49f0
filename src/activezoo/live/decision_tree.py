"""What the page reads of an ask: the galaxies, and the questions that people are asked, down a decision tree."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from activezoo import tables
from activezoo.errors import InputError

MANIFEST = "manifest.json"
GALAXIES = "galaxies.parquet"


class Question(NamedTuple):
    """A question of the decision tree. It is asked of all, or after one of some answers to another question."""

    text: str
    help: str
    answers: tuple[str, ...]
    asked_if: tuple[str, tuple[str, ...]] | None  # the other question, and those answers


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


def folders(asks: Path) -> list[Path]:
    """The folders `ask_<i>` that are complete, in the order of i."""
    found = {int(path.parent.name.removeprefix("ask_")): path.parent for path in asks.glob(f"ask_[0-9]*/{MANIFEST}")}
    return [found[number] for number in sorted(found) if (found[number] / GALAXIES).exists()]


def read(folder: Path) -> Ask:
    """Read an ask.

    A galaxy that has several questions wants as many people as the one that wants most votes. An ask without galaxies
    says that no more votes are needed.

    Raises
    ------
    InputError
        A file is missing, or says what cannot be asked.
    """
    number, questions = _manifest(folder / MANIFEST)
    path = folder / GALAXIES
    rows = tables.read(path, ["galaxy_id", "image", "question", "votes"]).to_pylist()
    asked: dict[str, list[dict]] = {}
    for place, row in enumerate(rows):
        if row["question"] not in questions:
            raise InputError(f"{path}, row {place}: question {row['question']!r} is not in {MANIFEST}")
        if not isinstance(row["votes"], int) or row["votes"] < 1:
            raise InputError(f"{path}, row {place}: {row['votes']!r} votes are wanted, it must be a number above 0")
        asked.setdefault(row["galaxy_id"], []).append(row)
    galaxies = [
        Galaxy(
            id, of[0]["image"], _with_ancestors(questions, {row["question"] for row in of}), max(r["votes"] for r in of)
        )
        for id, of in asked.items()
    ]
    return Ask(number, questions, galaxies)


def _manifest(path: Path) -> tuple[int, dict[str, Question]]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return int(manifest["ask"]), parse_questions(manifest["questions"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the manifest of an ask ({error!r})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_questions(described: Mapping[str, Mapping]) -> dict[str, Question]:
    """The questions of a manifest, checked.

    Raises
    ------
    InputError
        A question has too few answers, one twice, or one without text; or none leads to it.
    """
    questions = {}
    for name, of in described.items():
        condition = of.get("asked_if")
        questions[name] = Question(
            str(of["text"]),
            str(of.get("help") or ""),
            tuple(of["answers"]),
            (condition["question"], tuple(condition["answers"])) if condition else None,
        )
    for name, question in questions.items():
        answers = question.answers
        if len(answers) < 2 or len(set(answers)) < len(answers) or not all(isinstance(a, str) and a for a in answers):
            raise InputError(f"question {name!r} must have at least two answers, all different, not {list(answers)}")
        if question.asked_if:
            leads, by = question.asked_if
            unknown = set(by) - set(questions[leads].answers) if leads in questions else {leads}
            if unknown or not by:
                raise InputError(f"question {name!r}, asked_if: {sorted(unknown)} are no question and answers of it")
        _with_ancestors(questions, {name})
    return questions


def _with_ancestors(questions: Mapping[str, Question], names: Collection[str]) -> frozenset[str]:
    """Some questions, and all that lead to them."""
    found: set[str] = set()
    for name in names:
        path: list[str] = []
        while name not in found:
            if name in path:
                raise InputError(f"question {name!r} leads to itself: {' -> '.join([*reversed(path), name])}")
            path.append(name)
            if questions[name].asked_if is None:
                break
            name = questions[name].asked_if[0]
        found |= set(path)
    return frozenset(found)


def next_question(
    questions: Mapping[str, Question], asked: Collection[str], answers: Mapping[str, str | None]
) -> str | None:
    """The question that follows, or None at the end of the tree.

    Parameters
    ----------
    questions
        All questions, in the order in which they are asked where the tree leaves it open.
    asked
        Names of those that the galaxy is asked.
    answers
        Given so far; None for "I can't tell", which leads to no other question.
    """
    for name, question in questions.items():
        reached = question.asked_if is None or answers.get(question.asked_if[0]) in question.asked_if[1]
        if name in asked and name not in answers and reached:
            return name
    return None


def describe(questions: Mapping[str, Question]) -> dict[str, dict]:
    """Questions as in a manifest."""
    return {
        name: {
            "text": question.text,
            "help": question.help,
            "answers": list(question.answers),
            "asked_if": question.asked_if and {"question": question.asked_if[0], "answers": list(question.asked_if[1])},
        }
        for name, question in questions.items()
    }
