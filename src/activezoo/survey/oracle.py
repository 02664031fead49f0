"""The simulated volunteers: give the votes of the galaxies they are asked about, and no others (paper §3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import tables
from activezoo.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def retrieve_votes(votes: str | Path, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """k and N of the given galaxies, in their order; `votes` is the file of one question.

    Raises
    ------
    InputError
        A galaxy has no votes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = tables.read(votes, ["id", "k", "N"])
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=table["id"])
    if rows.null_count:
        unknown = ids[rows.is_null().to_numpy(zero_copy_only=False).argmax()]
        raise InputError(f"{votes}: no votes for galaxy {unknown}")
    chosen = table.take(rows)
    return chosen["k"].to_numpy(), chosen["N"].to_numpy()


def label(ids: Sequence[str], votes: str | Path, iteration: int) -> pa.Table:
    """Table of the galaxies with their votes: id, k, N and the iteration that they were labelled in."""
    import pyarrow as pa

    k, responses = retrieve_votes(votes, ids)
    iterations = np.full(len(ids), iteration, np.int32)
    return pa.table({"id": pa.array(ids, pa.string()), "k": k, "N": responses, "iteration": iterations})
