"""Strategies of acquisition: which galaxies to ask volunteers about next (paper §3.2-3.4).

Each strategy is a file of this folder, of the strategy's name, that defines `STRATEGY`. To add one, add a file: the
configuration accepts it, the rules run it and the figures show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from activezoo.model.predictions import Predictions

BASELINE = "random"
"""The strategy that others are compared with."""


class Candidates(NamedTuple):
    """The unlabelled galaxies, among which a strategy chooses."""

    ids: Sequence[str]
    predictions: Sequence[Predictions]
    """Of the galaxies, in shards, in their order; none for a strategy that needs none."""
    expected_responses: int
    """Number N of votes that a galaxy will get."""
    rng: np.random.Generator
    """For draws of the strategy."""


class Ranking(NamedTuple):
    """The candidates in the order in which they are to be labelled."""

    order: np.ndarray
    """Positions of the candidates, the most wanted first."""
    score: np.ndarray
    """What they are ordered by, by position; nan where there is nothing."""


class Strategy(NamedTuple):
    """A way to choose galaxies."""

    label: str
    """How it reads in text and on figures."""
    colour: str
    needs_predictions: bool
    """Whether the pool must be predicted first."""
    rank: Callable[[Candidates], Ranking]


def names() -> list[str]:
    """Names of all strategies."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "registry"))


def load(name: str) -> Strategy:
    """The strategy of a name."""
    return import_module(f"activezoo.acquisition.{name}").STRATEGY


def label(name: str) -> str:
    """How a strategy reads in text and on figures."""
    return load(name).label


def baseline_last(strategies: Iterable[str]) -> list[str]:
    """Strategies in the order of legends, each once."""
    return sorted(set(strategies), key=lambda name: (name == BASELINE, name))


def by_score(ids: Sequence[str], score: np.ndarray) -> Ranking:
    """Rank by a score, the highest first; equals in order of id, so that the order is unique."""
    return Ranking(np.lexsort((np.asarray(ids), -np.asarray(score))), score)
