"""A decision tree of questions: which answers there are, which columns count them, and which lead to which question.

Suffixes name the axes of an array: G galaxies, T networks, A answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo.survey.layout import Answers

if TYPE_CHECKING:
    import pandas as pd

COUNT = "answer_{}"
"""Column of a table of votes that counts an answer; a question without named answers has k and N alone."""
UNNAMED = ("positive", "negative")
"""The two answers of such a question: k, and N − k."""


class TreeQuestion(NamedTuple):
    """A question of the tree."""

    answers: dict[str, tuple[str, ...]]
    """Of each answer, the columns of the catalogue that count it, the sum of which it is."""
    positive: tuple[str, ...]
    """Columns of the answers that are positive where the question is one of k of N votes."""
    asked_if: tuple[str, tuple[str, ...]] | None = None
    """The question before it, and those of its answers that lead here; None for one that everybody is asked."""

    @property
    def is_positive(self) -> np.ndarray:
        """Which answers are positive, shape (A,)."""
        return np.array([set(columns) <= set(self.positive) for columns in self.answers.values()])

    @property
    def as_k_of_n(self) -> Answers:
        """The question as one of positive answers among all."""
        return Answers(self.positive, tuple(column for columns in self.answers.values() for column in columns))


def question(settings: Mapping) -> TreeQuestion:
    """A question, from its section of the configuration, or as JSON has it."""
    named, positive = settings["answers"], tuple(settings["positive"])
    if not isinstance(named, Mapping):
        others = [column for column in settings["responses"] if column not in positive]
        named = dict(zip(UNNAMED, (positive, others), strict=True))
    before = settings["asked_if"]
    if isinstance(before, Mapping):
        before = before["question"], before["answers"]
    return TreeQuestion(
        {name: tuple(columns) for name, columns in named.items()},
        positive,
        (before[0], tuple(before[1])) if before else None,
    )


def parse(text: str) -> dict[str, TreeQuestion]:
    """The questions of a tree by name, from JSON."""
    return {name: question(settings) for name, settings in json.loads(text).items()}


def count(votes: pd.DataFrame, answer: str) -> pd.Series:
    """How many gave an answer, from a table of votes: k, N, and a column for each named answer."""
    if COUNT.format(answer) in votes:
        return votes[COUNT.format(answer)]
    if answer not in UNNAMED:
        raise ValueError(f"no column {COUNT.format(answer)!r} among {list(votes)}")
    return votes["k"] if answer == UNNAMED[0] else votes["N"] - votes["k"]


def reached(tree: Mapping[str, TreeQuestion], rho: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
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
