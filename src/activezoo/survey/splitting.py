"""Divide the galaxies of a question: a fixed test set, a seed's initial galaxies, and the pool (paper §3.5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from activezoo import randomness
from activezoo.errors import InputError


def split(ids: Sequence[str], question: str, seed: int, test_galaxies: int, initial: int) -> np.ndarray:
    """Role of each galaxy, shape (G,); the test set is the same for all seeds.

    Raises
    ------
    InputError
        There are too few galaxies.
    """
    if len(ids) <= test_galaxies + initial:
        raise InputError(
            f"question {question!r}: {len(ids)} usable galaxies are too few for {test_galaxies} test and {initial} "
            f"initial ones and a pool; lower loop.test_galaxies or questions.{question}.initial, or see "
            f"the rejected rows in {question}/rejected.parquet"
        )
    # Drawn in order of id, so that the order of the catalogue does not matter.
    order = np.argsort(np.asarray(ids), kind="stable")
    order = randomness.generator(question, "test").permutation(order)
    test, others = order[:test_galaxies], order[test_galaxies:]
    others = randomness.generator(question, seed, "initial").permutation(others)
    roles = np.full(len(ids), "pool", dtype=object)
    roles[test] = "test"
    roles[others[:initial]] = "initial"
    return roles
