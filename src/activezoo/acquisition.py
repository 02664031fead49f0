"""Which galaxies to ask volunteers about next (paper §3.2-3.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_votes(responses: np.ndarray) -> int:
    """Number of responses to expect: the mean of those of the galaxies labelled so far, rounded (paper §3.3)."""
    return max(1, int(np.floor(np.mean(responses) + 0.5)))


def by_information(ids: Sequence[str], information: np.ndarray) -> np.ndarray:
    """Positions of the galaxies, most informative first; equals in order of id, so that the order is unique."""
    return np.lexsort((np.asarray(ids), -np.asarray(information)))


def at_random(ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Positions of the galaxies in random order, whatever the order in which they come."""
    return np.argsort(np.asarray(ids), kind="stable")[rng.permutation(len(ids))]
