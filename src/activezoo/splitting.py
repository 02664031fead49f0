"""Divide the galaxies of a question: a fixed test set, a seed's initial galaxies, and the pool (paper §3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from activezoo import randomness
from activezoo.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("test", "initial", "pool")


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
            f"initial ones and a pool; lower loop.test_galaxies or questions.{question}.initial, or see the rejected "
            "rows in the catalogue folder"
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


def hold_out(ids: Sequence[str], question: str, fraction: float) -> np.ndarray:
    """Which training galaxies are set aside for calibration, shape (G,); the same for all seeds.

    Raises
    ------
    InputError
        None is set aside, or none is left.
    """
    number = round(fraction * len(ids))
    if fraction and not 0 < number < len(ids):
        raise InputError(
            f"question {question!r}: the fraction {fraction:g} (posterior.held_out) of {len(ids)} training galaxies is "
            f"{number}; change it, or set posterior.tune_dropout and posterior.rescale to false"
        )
    order = randomness.generator(question, "held out").permutation(np.argsort(np.asarray(ids), kind="stable"))
    mask = np.zeros(len(ids), bool)
    mask[order[:number]] = True
    return mask


def galaxies_of(split: pa.Table, role: str, without: Sequence[str] = ()) -> list[str]:
    """Ids of a role, in the order of the split, which is that of the stored images."""
    import pyarrow as pa
    import pyarrow.compute as pc

    left = pc.and_(pc.equal(split["role"], role), pc.invert(pc.is_in(split["id"], pa.array(without, pa.string()))))
    return split.filter(left)["id"].to_pylist()


def check_pool(pool: int, question: str, acquire: int, iterations: int) -> None:
    """Make sure that the pool can feed every iteration.

    Raises
    ------
    InputError
        It cannot.
    """
    if acquire * iterations > pool:
        raise InputError(
            f"question {question!r}: {iterations} iterations of {acquire} galaxies need {acquire * iterations}, but "
            f"the pool has {pool}; at most {pool // acquire} iterations are possible: lower loop.iterations or "
            f"questions.{question}.acquire"
        )
