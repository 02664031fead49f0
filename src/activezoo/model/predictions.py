"""Predicted vote probabilities, as tables of galaxies by networks; without TensorFlow.

Suffixes name the axes of an array: G galaxies, T networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo import tables

if TYPE_CHECKING:
    import pyarrow as pa


class Predictions(NamedTuple):
    """Vote probabilities of galaxies by networks."""

    ids: list[str]
    rho_GT: np.ndarray
    """In [0, 1]."""
    weights_T: np.ndarray
    """Weight of each network in the mixture; they sum to 1."""


def write_predictions(batches: Iterable[Predictions], path: str | Path) -> None:
    """Write predictions as they come: a parquet file with columns id and rho (T float32 values a galaxy)."""
    import pyarrow as pa

    def table(batch: Predictions) -> pa.Table:
        rho = pa.FixedSizeListArray.from_arrays(batch.rho_GT.astype(np.float32).ravel(), batch.rho_GT.shape[1])
        metadata = {"network_weights": json.dumps(batch.weights_T.tolist())}
        return pa.table({"id": pa.array(batch.ids, pa.string()), "rho": rho}).replace_schema_metadata(metadata)

    tables.write_stream(map(table, batches), path)


def read_predictions(path: str | Path) -> Predictions:
    """Read what `write_predictions` wrote."""
    return _predictions(tables.read(path, ["id", "rho"]))


def read_variants(paths: Iterable[Path]) -> dict[str, Predictions]:
    """Predictions by the name of their variant, that of their folder."""
    return {path.parent.name.replace("_", " "): read_predictions(path) for path in paths}


def stream_predictions(path: str | Path) -> Iterator[Predictions]:
    """Read what `write_predictions` wrote, a few thousand galaxies at a time."""
    return map(_predictions, tables.read_stream(path))


def _predictions(table: pa.Table) -> Predictions:
    weights_T = np.array(json.loads(table.schema.metadata[b"network_weights"]))
    rho_GT = table["rho"].combine_chunks().flatten().to_numpy().reshape(len(table), len(weights_T))
    return Predictions(table["id"].to_pylist(), rho_GT.astype(np.float64), weights_T)
