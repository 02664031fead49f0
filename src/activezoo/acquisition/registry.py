"""Strategies of acquisition: which galaxies to ask volunteers about next (paper §3.2-3.4), and for how many votes.

Each strategy is a file in this folder. The file has the strategy's name and defines `STRATEGY`. To add a strategy, add
a file: the configuration accepts it, the rules run it and the figures show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from activezoo.model.predictions import Predictions, TreePredictions

BASELINE = "random"
"""The strategy that others are compared with."""


class Candidates(NamedTuple):
    """The galaxies that votes can be asked of, among which a strategy chooses."""

    ids: Sequence[str]
    predictions: Iterable[Predictions | TreePredictions]
    """Predictions for `ids`, in their order, some galaxies at a time; empty for a strategy that needs none.

    A strategy goes through them once, so that a pool need not fit into memory. Of a model that learns several questions
    together, they are of all of them.
    """
    expected_responses: int
    """Number N of votes that a galaxy will get."""
    rng: np.random.Generator
    """For draws of the strategy."""
    known_votes: np.ndarray | None = None
    """How many votes on each galaxy the model has learnt from, shape (G,)."""
    few_votes: int | None = None
    """How many votes are few: the least to ask of a galaxy."""
    most: int | None = None
    """How many asks are enough, where none is in vain; None for all that there can be."""

    def of(self, chosen: np.ndarray) -> Candidates:
        """Some of the candidates, by a mask of shape (G,)."""
        known = None if self.known_votes is None else self.known_votes[chosen]
        ids = [self.ids[place] for place in np.flatnonzero(chosen)]
        return self._replace(ids=ids, predictions=self._predictions_of(chosen), known_votes=known)

    def _predictions_of(self, chosen: np.ndarray) -> Iterator[Predictions | TreePredictions]:
        start = 0
        for part in self.predictions:
            yield part.of(np.flatnonzero(chosen[start : start + len(part.ids)]))
            start += len(part.ids)


class Asks(NamedTuple):
    """What a strategy asks for, the most wanted first. Volunteers are asked in this order until the budget is spent."""

    galaxies: np.ndarray
    """Positions of the galaxies among the candidates, shape (R,)."""
    score: np.ndarray
    """What they are ordered by, shape (R,); nan where there is nothing."""
    votes: np.ndarray | None = None
    """How many votes, beyond those known and asked for before, shape (R,); None for all that there are."""


class Strategy(NamedTuple):
    """A way to choose galaxies."""

    label: str
    """How it reads in text and on figures."""
    colour: str
    needs_predictions: bool
    """Whether the candidates must be predicted first."""
    rank: Callable[[Candidates], Asks]
    votes: Literal["all", "few", "any"] = "all"
    """How many votes it asks of a galaxy: `all` at once, or a `few`, and never again; or `any` number, again and again.

    `rank` sees new galaxies alone, unless it asks for any number, which it then says itself.
    """
    recommended: bool = False
    """The one to take, see docs/strategies.md."""


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


def baselines(strategies: Iterable[str]) -> list[str]:
    """Those of some strategies that do not choose by a model, with which others are compared; `BASELINE` first."""
    without = {name for name in strategies if not load(name).needs_predictions}
    return sorted(without, key=lambda name: (name != BASELINE, name))


def by_score(ids: Sequence[str], scores: Iterable[np.ndarray], most: int | None = None) -> Asks:
    """Rank by a score, the highest first; equals in order of id, so that the order is unique.

    Parameters
    ----------
    ids
        Of all galaxies.
    scores
        Their scores, some galaxies at a time.
    most
        How many to rank: those of the highest scores, and only these are kept in memory; None for all.
    """
    best, score, start = np.empty(0, int), np.empty(0), 0
    for part in scores:
        best = np.append(best, np.arange(start, start + len(part)))
        score = np.append(score, part)
        start += len(part)
        if most is not None and len(score) > most:
            best, score = _highest(ids, best, score, most)
    return Asks(*_highest(ids, best, score, len(score)))


def _highest(ids: Sequence[str], galaxies: np.ndarray, score: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    if most < len(score):  # to sort a few is quick
        possible = ~(-score > np.partition(-score, most - 1)[most - 1])
        galaxies, score = galaxies[possible], score[possible]
    order = np.lexsort(([ids[place] for place in galaxies], -score))[:most]
    return galaxies[order], score[order]


def choose(strategy: Strategy, candidates: Candidates) -> Asks:
    """What a strategy asks of all candidates, the known galaxies among them."""
    if strategy.votes == "any":
        return strategy.rank(candidates)
    few = candidates.few_votes if strategy.votes == "few" else None
    new = np.ones(len(candidates.ids), bool) if candidates.known_votes is None else candidates.known_votes == 0
    asks = strategy.rank(candidates.of(new)._replace(expected_responses=few or candidates.expected_responses))
    votes = None if few is None else np.full(len(asks.galaxies), few)
    return Asks(np.flatnonzero(new)[asks.galaxies], asks.score, votes)
