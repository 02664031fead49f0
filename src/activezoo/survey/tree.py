"""The decision tree of questions: their answers, which columns count them, and which lead to which question.

Suffixes name the axes of an array: G galaxies, T networks, A answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo.survey.layout import Answers

if TYPE_CHECKING:
    import pandas as pd

COUNT = "answer_{}"
"""Column of a table of votes that counts an answer; a question without named answers has k and N alone."""
UNNAMED = ("positive", "negative")
"""The two answers of such a question: k, and N − k."""


class AskedIf(NamedTuple):
    """Of whom a question is asked."""

    question: str
    """The one before it."""
    answers: tuple[str, ...]
    """Those of its answers that lead here."""


class Question(NamedTuple):
    """A question of the tree."""

    answers: Mapping[str, tuple[str, ...]]
    """Of each answer, the columns of the catalogue that count it, the sum of which it is; in a live survey, itself."""
    positive: tuple[str, ...] = ()
    """Columns of the answers that are positive where the question is one of k of N votes."""
    asked_if: AskedIf | None = None
    """None for a question that everybody is asked."""
    text: str = ""
    help: str = ""

    @property
    def is_positive(self) -> np.ndarray:
        """Which answers are positive, shape (A,)."""
        return np.array([set(columns) <= set(self.positive) for columns in self.answers.values()])

    @property
    def as_k_of_n(self) -> Answers:
        """The question as one of positive answers among all."""
        return Answers(self.positive, tuple(column for columns in self.answers.values() for column in columns))


def parse(sections: Mapping[str, Mapping]) -> dict[str, Question]:
    """The questions of a tree by name, from their sections of the configuration, or from what `describe` makes.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        They are no questions.
    """
    return {name: _question(section) for name, section in sections.items()}


def _question(section: Mapping) -> Question:
    answers, positive, before = section["answers"], tuple(section.get("positive", ())), section.get("asked_if")
    if answers is None:
        others = [column for column in section["responses"] if column not in positive]
        answers = dict(zip(UNNAMED, (positive, others), strict=True))
    elif not isinstance(answers, Mapping):
        answers = {text: [text] for text in answers}
    return Question(
        {name: tuple(columns) for name, columns in answers.items()},
        positive,
        AskedIf(before["question"], tuple(before["answers"])) if before else None,
        section.get("text") or "",
        section.get("help") or "",
    )


def describe(tree: Mapping[str, Question]) -> dict[str, dict]:
    """The questions of a tree for JSON."""
    return {name: of._asdict() | {"asked_if": of.asked_if and of.asked_if._asdict()} for name, of in tree.items()}


def contradictions(tree: Mapping[str, Question]) -> list[str]:
    """Why people cannot go down a tree: the keys of the configuration at fault."""
    problems = []
    for name, question in tree.items():
        if len(question.answers) < 2 or "" in question.answers:
            problems.append(f"questions.{name}.answers: {list(question.answers)} must be two or more, none empty")
        if question.asked_if is None:
            continue
        key, (before, leading) = f"questions.{name}.asked_if", question.asked_if
        if before not in tree:
            problems.append(f"{key}.question: {before!r} is not one of {', '.join(tree)}")
            continue
        unknown = [answer for answer in leading if answer not in tree[before].answers]
        problems += [f"{key}.answers: {answer!r} is no answer of {before!r}" for answer in unknown]
    if problems:
        return problems
    paths = [path_to(name, tree) for name in tree]
    return [
        f"questions.{path[-1]}.asked_if: leads round in a circle, {' → '.join(path)}"
        for path in paths
        if path[0] in path[1:]
    ]


def path_to(name: str, tree: Mapping[str, Question]) -> list[str]:
    """The questions that lead to one, and itself, from the first; or, if they go round, from one that comes again."""
    path = [name]
    while path[0] not in path[1:] and (before := tree[path[0]].asked_if):
        path.insert(0, before.question)
    return path


def next_question(
    tree: Mapping[str, Question], asked: Collection[str], answers: Mapping[str, str | None]
) -> str | None:
    """The question that follows, or None at the end of the tree.

    Parameters
    ----------
    tree
        All questions, in the order in which they are asked where the tree leaves it open.
    asked
        Names of those that the galaxy is asked.
    answers
        Given so far; None for "I can't tell", which leads to no other question.
    """
    for name, question in tree.items():
        comes = question.asked_if is None or answers.get(question.asked_if.question) in question.asked_if.answers
        if name in asked and name not in answers and comes:
            return name
    return None


def count(votes: pd.DataFrame, answer: str) -> pd.Series:
    """How many gave an answer, from a table of votes: k, N, and a column for each named answer."""
    if COUNT.format(answer) in votes:
        return votes[COUNT.format(answer)]
    if answer not in UNNAMED:
        raise ValueError(f"no column {COUNT.format(answer)!r} among {list(votes)}")
    return votes["k"] if answer == UNNAMED[0] else votes["N"] - votes["k"]


def reached(tree: Mapping[str, Question], rho: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Probability that a volunteer comes to each question of those in `rho`, shapes (G, T).

    Parameters
    ----------
    rho
        Probabilities of the answers of those who are asked, (G, T, A), by question; with all that lead to each.

    Notes
    -----
    It is the product, along the way down the tree, of the probabilities of the answers that lead on.
    """
    found: dict[str, np.ndarray] = {}

    def probability(name: str) -> np.ndarray:
        if name not in found:
            if tree[name].asked_if is None:
                found[name] = np.ones(rho[name].shape[:2])
            else:
                before, leading = tree[name].asked_if
                leads_A = np.isin(list(tree[before].answers), leading)
                found[name] = probability(before) * rho[before][..., leads_A].sum(axis=-1)
        return found[name]

    return {name: probability(name) for name in rho}
