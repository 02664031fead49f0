"""The role that a galaxy plays for a question and a seed: test, initial or pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("test", "initial", "pool")


def galaxies_of(split: pa.Table, role: str, without: Sequence[str] = ()) -> list[str]:
    """Ids of a role, in the order of the split, which is that of the stored images."""
    import pyarrow as pa
    import pyarrow.compute as pc

    left = pc.and_(pc.equal(split["role"], role), pc.invert(pc.is_in(split["id"], pa.array(without, pa.string()))))
    return split.filter(left)["id"].to_pylist()
