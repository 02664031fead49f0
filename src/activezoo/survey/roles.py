"""The role that a galaxy plays for a question and a seed: test, initial or pool."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from activezoo import randomness

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("test", "initial", "pool")


def galaxies_of(split: pa.Table, *roles: str, without: Sequence[str] = ()) -> list[str]:
    """Ids of some roles, in the order of the split, which is that of the stored images."""
    import pyarrow as pa
    import pyarrow.compute as pc

    of_role = pc.is_in(split["role"], pa.array(roles, pa.string()))
    left = pc.and_(of_role, pc.invert(pc.is_in(split["id"], pa.array(without, pa.string()))))
    return split.filter(left)["id"].to_pylist()


def to_score(
    ids: Sequence[str], labelled: Container[str], scored: int | None, key: tuple, labelled_too: bool = True
) -> list[str]:
    """The galaxies that a model predicts, so that they can be ranked: those labelled, and so many others at random.

    Parameters
    ----------
    ids
        Of the initial galaxies and the pool.
    labelled
        Those that the model has votes of.
    scored
        How many others; None for all.
    key
        Of the model, so that each draws its own.
    labelled_too
        Whether those labelled are among them, for a strategy that may ask about them again.

    Returns
    -------
    In the order of `ids`.
    """
    others = [galaxy for galaxy in ids if galaxy not in labelled]
    if scored is None or scored >= len(others):
        return list(ids) if labelled_too else others
    drawn = randomness.generator(*key).choice(len(others), scored, replace=False)
    chosen = {others[place] for place in drawn}
    return [galaxy for galaxy in ids if galaxy in chosen or (labelled_too and galaxy in labelled)]
