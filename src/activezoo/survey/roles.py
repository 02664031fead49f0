"""The role that a galaxy plays for a question and a seed: test, initial or pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
