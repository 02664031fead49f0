"""The questions that people are asked about a galaxy, down a decision tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from activezoo.errors import InputError


class Question(NamedTuple):
    """A question of the decision tree."""

    answers: Sequence[str]
    asked_if: tuple[str, Sequence[str]] | None = None
    """The question before it, and those of its answers that lead here; None for a question that is asked first."""
    text: str = ""
    help: str = ""


def parse(described: Mapping[str, Mapping]) -> dict[str, Question]:
    """The questions of a manifest, checked.

    Raises
    ------
    InputError
        A question has too few answers, one twice, or one without text; or none leads to it.
    KeyError, TypeError, AttributeError
        They are no questions.
    """
    questions = {}
    for name, of in described.items():
        condition = of.get("asked_if")
        questions[name] = Question(
            tuple(of["answers"]),
            (condition["question"], tuple(condition["answers"])) if condition else None,
            str(of["text"]),
            str(of.get("help") or ""),
        )
    for name, question in questions.items():
        answers = question.answers
        if len(answers) < 2 or len(set(answers)) < len(answers) or not all(isinstance(a, str) and a for a in answers):
            raise InputError(f"question {name!r} must have at least two answers, all different, not {list(answers)}")
        path_to(name, questions)
        if question.asked_if:
            before, leads = question.asked_if
            unknown = set(leads) - set(questions[before].answers)
            if unknown or not leads:
                raise InputError(
                    f"question {name!r}, asked_if: {before!r} has no answer {', '.join(sorted(unknown))!r}"
                )
    return questions


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


def path_to(name: str, questions: Mapping[str, Question]) -> list[str]:
    """The questions that lead to one, and itself, from the first.

    Raises
    ------
    InputError
        They lead round in a circle, or one is not there.
    """
    path = [name]
    while questions[path[0]].asked_if:
        before = questions[path[0]].asked_if[0]
        if before in path or before not in questions:
            why = "leads to itself" if before in path else f"is asked after {before!r}, which is no question"
            raise InputError(f"questions.{path[0]}.asked_if: {path[0]!r} {why}")
        path.insert(0, before)
    return path


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
