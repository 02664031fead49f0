"""What networks predict of votes, as tables of galaxies by networks; without TensorFlow.

Suffixes name the axes of an array: G galaxies, T networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo import tables
from activezoo.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


class Predictions(NamedTuple):
    """Vote probabilities of galaxies by networks."""

    ids: list[str]
    rho_GT: np.ndarray
    """In [0, 1]."""
    weights_T: np.ndarray
    """Weight of each network in the mixture; they sum to 1."""
    concentration_GT: np.ndarray | None = None
    """Of the beta-binomial (see `votes`), above 0; None for the binomial."""

    def of(self, galaxies: slice | np.ndarray = slice(None), networks: slice = slice(None)) -> Predictions:
        """Of some galaxies, by their positions, and some networks, whose weights then sum to 1."""
        ids = self.ids[galaxies] if isinstance(galaxies, slice) else [self.ids[row] for row in galaxies]
        concentration = self.concentration_GT
        return Predictions(
            ids,
            self.rho_GT[galaxies][:, networks],
            self.weights_T[networks] / self.weights_T[networks].sum(),
            None if concentration is None else concentration[galaxies][:, networks],
        )


def write_predictions(batches: Iterable[Predictions], path: str | Path) -> None:
    """Write predictions as they come: a parquet file with the columns id and rho (T float32 values a galaxy).

    Of a beta-binomial, there is a column concentration, too.
    """
    import pyarrow as pa

    def table(batch: Predictions) -> pa.Table:
        columns = {"id": pa.array(batch.ids, pa.string()), "rho": list_column(batch.rho_GT)}
        if batch.concentration_GT is not None:
            columns["concentration"] = list_column(batch.concentration_GT)
        metadata = {"network_weights": json.dumps(batch.weights_T.tolist())}
        return pa.table(columns).replace_schema_metadata(metadata)

    tables.write_stream(map(table, batches), path)


def list_column(values_GT: np.ndarray) -> pa.FixedSizeListArray:
    """A row a galaxy, each a list of T float32 values."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(values_GT.astype(np.float32).ravel(), values_GT.shape[1])


def read_predictions(path: str | Path) -> Predictions:
    """Read what `write_predictions` wrote."""
    table = tables.read(path)
    missing = [name for name in ("id", "rho") if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; it has {', '.join(table.column_names)}")
    return _predictions(table)


def mixed(predictions: list[Predictions], members: int) -> list[Predictions]:
    """Predictions by several models together, one element a shard; given are all shards of one model, then the next."""
    shards = len(predictions) // members
    return [
        Predictions(
            of[0].ids,
            np.concatenate([one.rho_GT for one in of], axis=1),
            np.concatenate([one.weights_T for one in of]) / members,
        )
        for of in (predictions[shard::shards] for shard in range(shards))
    ]


def read_variants(paths: Iterable[Path]) -> dict[str, Predictions]:
    """Predictions by the name of their variant, that of their folder."""
    return {path.parent.name.replace("_", " "): read_predictions(path) for path in paths}


def stream_predictions(path: str | Path) -> Iterator[Predictions]:
    """Read what `write_predictions` wrote, a few thousand galaxies at a time."""
    return map(_predictions, tables.read_stream(path))


def _predictions(table: pa.Table) -> Predictions:
    weights_T = np.array(json.loads(table.schema.metadata[b"network_weights"]))

    def values(column: str) -> np.ndarray:
        flat = table[column].combine_chunks().flatten().to_numpy()
        return flat.reshape(len(table), len(weights_T)).astype(np.float64)

    concentration_GT = values("concentration") if "concentration" in table.column_names else None
    return Predictions(table["id"].to_pylist(), values("rho"), weights_T, concentration_GT)
