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
    order = shuffled(ids, question, "test")
    test, others = order[:test_galaxies], order[test_galaxies:]
    others = randomness.generator(question, seed, "initial").permutation(others)
    roles = np.full(len(ids), "pool", dtype=object)
    roles[test] = "test"
    roles[others[:initial]] = "initial"
    return roles


def refuse_small_pool(available: int, question: str, acquire: int, unit: str, iterations: int) -> None:
    """Raise an InputError if the pool, `available` galaxies or votes (`unit`), cannot feed all iterations."""
    if acquire * iterations > available:
        raise InputError(
            f"question {question!r}: {iterations} iterations of {acquire} {unit} need {acquire * iterations}, but "
            f"the pool has {available}; at most {available // acquire} iterations are possible: lower loop.iterations "
            f"or questions.{question}.acquire"
        )


def reserve(ids: Sequence[str], question: str, test_share: float) -> np.ndarray:
    """Role of each galaxy, shape (G,): a share of all, at random, is for tests alone; the others are the pool.

    Raises
    ------
    InputError
        There are too few galaxies.
    """
    number = round(test_share * len(ids))
    if not 1 <= number < len(ids):
        raise InputError(
            f"question {question!r}: of {len(ids)} galaxies, the share {test_share:g} (live.test_share) leaves none to "
            "test, or none to train on; use more galaxies"
        )
    roles = np.full(len(ids), "pool", dtype=object)
    roles[shuffled(ids, question, "test")[:number]] = "test"
    return roles


def shuffled(ids: Sequence[str], *key: str) -> np.ndarray:
    """Places of galaxies in a random order that a key fixes, whatever the order of the catalogue."""
    return randomness.generator(*key).permutation(np.argsort(np.asarray(ids), kind="stable"))
