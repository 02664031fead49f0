"""Stored images, read from their shards in order or at random, without TensorFlow; see `image_shards`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import tables
from activezoo.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of grey images that a job may hold, to save reading them again for each batch.
IN_MEMORY = 128 << 20


def read_pixels(index: pa.Table, folder: str | Path) -> np.ndarray:
    """Read the images of some rows of the index, in their order.

    Parameters
    ----------
    index
        Rows of the index, at least one; columns shard, offset, size.
    folder
        Where the shards are.

    Returns
    -------
    uint8, shape (G, S, S, 3).

    Raises
    ------
    InputError
        A shard is missing or shorter than the index says.
    """
    shard_G, offset_G = index["shard"].to_numpy(), index["offset"].to_numpy()
    sizes = np.unique(index["size"].to_numpy())
    if len(sizes) != 1:
        raise InputError(
            f"{folder}: the images asked for have the sizes {sizes.tolist()}, not one size; delete it and run again"
        )
    pixels = np.empty((len(shard_G), sizes[0], sizes[0], 3), np.uint8)
    for shard in np.unique(shard_G):
        path = Path(folder) / f"shard_{shard}.tfrecord"
        rows = np.flatnonzero(shard_G == shard)
        try:
            with path.open("rb", buffering=0) as file:
                for row in rows[np.argsort(offset_G[rows])]:
                    file.seek(offset_G[row])
                    if file.readinto(pixels[row]) != pixels[row].size:
                        raise InputError(f"{path}: shorter than its index says; delete it and run again")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; run again to make it") from None
    return pixels


def grey(pixels: np.ndarray) -> np.ndarray:
    """Mean of the channels (paper §2.5.3): float32, shape (G, S, S), in [0, 1]."""
    total = pixels[..., 0].astype(np.uint16)
    total += pixels[..., 1]
    total += pixels[..., 2]
    return np.multiply(total, np.float32(1 / 765), dtype=np.float32)


def rows_of(index: str | Path, ids: Sequence[str]) -> pa.Table:
    """The rows of the index of some galaxies, in their order, for `read_pixels`.

    Raises
    ------
    InputError
        A galaxy has no stored image.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = set(ids)
    parts = tables.read_stream(index, ["id", "shard", "offset", "size"])
    # Arrow's `is_in` would hash all ids anew for each part.
    table = pa.concat_tables(
        [part.filter(pa.array([galaxy in wanted for galaxy in part["id"].to_pylist()], pa.bool_())) for part in parts]
    )
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=table["id"])
    if rows.null_count:
        missing = ids[rows.is_null().to_numpy(zero_copy_only=False).argmax()]
        raise InputError(f"{index}: no image of galaxy {missing}; delete it and run again")
    return table.take(rows)


def grey_reader(
    index: str | Path, ids: Sequence[str], stored_size: int | None = None
) -> Callable[[slice | np.ndarray], np.ndarray]:
    """A function that gives the grey images of galaxies at given positions of `ids`, float32, shape (B, S, S).

    A small set, such as the galaxies labelled so far, is read once and kept. From a larger set, each call reads the
    images that it is asked for.

    Parameters
    ----------
    index
        Index of the images, in the folder of their shards.
    ids
        Of the galaxies.
    stored_size
        Side that the images must have, pixels: that of the model's training images. By default, any.

    Raises
    ------
    InputError
        A galaxy has no stored image, or images are of another size.
    """
    import pyarrow.compute as pc

    table = rows_of(index, ids)
    size = pc.max(table["size"]).as_py() or 0
    if size and stored_size and size != stored_size:
        raise InputError(
            f"{index}: images are stored with {size} pixels a side, but the model was trained on images of "
            f"{stored_size}; set images.stored_size to {stored_size}, or train models on images of {size}"
        )
    if 0 < 4 * len(ids) * size**2 <= IN_MEMORY:
        return grey(read_pixels(table, Path(index).parent)).__getitem__
    return lambda positions: grey(read_pixels(table.take(np.arange(len(ids))[positions]), Path(index).parent))
