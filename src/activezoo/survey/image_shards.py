"""Galaxy images as TFRecord shards, written in one pass, without TensorFlow.

A shard is a TFRecord file of tf.train.Example like any other, so that tf.data reads it too. Its index says at which
byte the pixels of each galaxy start.
"""

from __future__ import annotations

import logging
import struct
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey.decoding import (
    AS_THEY_ARE,
    Brightness,
    UnusableImageError,
    decode,
    find_brightness,
    rows_to_measure,
)
from activezoo.survey.shards import shard_rows

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def write_shard(
    galaxies: str | Path,
    shard: int,
    shards: int,
    size: int,
    output: str | Path,
    index: str | Path,
    rejected: str | Path,
    brightness: Brightness = AS_THEY_ARE,
) -> None:
    """Store the images of one of `shards` slices of the galaxies, `size` pixels a side, one image in memory at a time.

    Writes the shard, its index (id, image, shard, offset, size, digest of the pixels), and the images that cannot be
    used (id, image, reason).
    """
    import pyarrow as pa

    number = tables.number_of_rows(galaxies)
    measured = tables.read_rows(galaxies, rows_to_measure(number), ["image"])
    brightness = find_brightness(measured["image"].to_pylist(), brightness)
    rows = range(*shard_rows(number, shards)[shard])
    ids, images = tables.read_rows(galaxies, rows, ["id", "image"]).to_pydict().values()
    stored, unusable, sides = [], [], Counter()
    with tables.whole_file(output) as partial, partial.open("wb") as file:
        for galaxy, image in zip(ids, images, strict=True):
            try:
                array, side = decode(image, size, brightness)
            except UnusableImageError as error:
                unusable.append((galaxy, image, str(error)))
                log.warning("%s: %s", image, error)
                continue
            pixels = array.tobytes()
            sides[side] += 1
            _write_record(file, _example(galaxy, size, pixels))
            digest = int.from_bytes(blake2b(pixels, digest_size=8).digest(), signed=True)
            stored.append((galaxy, image, shard, file.tell() - _CRC.size - len(pixels), size, digest))
    log.info("%d images stored, %d rejected", len(stored), len(unusable))
    if len(sides) > 1:
        found = ", ".join(f"{number} of {side}" for side, number in sides.most_common())
        log.warning("images of several sizes, all taken for the same field of view: %s pixels", found)
    text, small, large = pa.string(), pa.int32(), pa.int64()
    columns = {"id": text, "image": text, "shard": small, "offset": large, "size": small, "digest": large}
    tables.write(_table(stored, columns), index)
    tables.write(_table(unusable, {"id": text, "image": text, "reason": text}), rejected)


def _table(rows: Sequence[tuple], columns: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], pa.schema(columns))


def merge_indexes(
    galaxies: str | Path,
    indexes: Sequence[str | Path],
    rejected: Sequence[str | Path],
    index_output: str | Path,
    rejected_output: str | Path,
    max_rejected: float,
) -> None:
    """Join the indexes of all shards and the tables of their rejected images.

    Images of the same pixels are rejected, all of them: a galaxy could be in the test set under one id and trained on
    under another.

    Raises
    ------
    InputError
        More than the fraction `max_rejected` of the images cannot be used, or the shards are of other galaxies.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    unusable = pa.concat_tables(map(tables.read, rejected))
    number, stored = tables.number_of_rows(galaxies), sum(map(tables.number_of_rows, indexes))
    if stored + unusable.num_rows != number:
        raise InputError(
            f"{galaxies}: {number} galaxies, but the shards are of {stored + unusable.num_rows}; "
            "delete the shards and run again"
        )
    copied = _digests_of_copies(indexes, stored)
    for index in map(tables.read, indexes):
        twice = index.filter(pc.is_in(index["digest"], copied)).select(["id", "image"])
        reason = pa.array(["same image as that of another galaxy"] * twice.num_rows, pa.string())
        unusable = pa.concat_tables([unusable, twice.append_column("reason", reason)])
    if unusable.num_rows > max_rejected * number:
        counts = pc.value_counts(unusable["reason"]).to_pylist()
        reasons = "; ".join(f"{of['counts']} {of['values']}" for of in counts[:5])
        raise InputError(
            f"{unusable.num_rows} of {number} images cannot be used, more than the fraction {max_rejected:g} allowed: "
            f"{reasons}{' …' if len(counts) > 5 else ''} (first: {unusable['image'][0]}). Repair the images and delete "
            f"{Path(index_output).parent} before running again, or raise survey.max_rejected"
        )
    log.info("%d images stored, %d rejected", number - unusable.num_rows, unusable.num_rows)
    once = (index.filter(pc.invert(pc.is_in(index["digest"], copied))) for index in map(tables.read, indexes))
    tables.write_stream((index.drop_columns(["digest"]) for index in once), index_output)
    tables.write(unusable, rejected_output)


def _digests_of_copies(indexes: Sequence[str | Path], number: int) -> pa.Array:
    """The digests that several of `number` images have; in memory there are all digests, and no more."""
    import numpy as np
    import pyarrow as pa

    digests, start = np.empty(number, np.int64), 0
    for path in indexes:
        part = tables.read(path, ["digest"])["digest"].to_numpy()
        digests[start : start + len(part)] = part
        start += len(part)
    digests.sort()
    return pa.array(np.unique(digests[1:][digests[1:] == digests[:-1]]))


# A TFRecord is its length, a checksum of the length, the data and a checksum of the data.
_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")


def _write_record(file, data: bytes) -> None:
    length = _LENGTH.pack(len(data))
    file.write(length + _masked_crc(length) + data + _masked_crc(data))


def _masked_crc(data: bytes) -> bytes:
    """CRC-32C, rotated and shifted as the format asks, so that records of records keep distinct checksums."""
    import google_crc32c

    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _example(galaxy: str, size: int, pixels: bytes) -> bytes:
    """A serialised tf.train.Example with features id, size and image, which comes last and ends the record.

    Its three messages are simple enough to write down here, which saves every job the import of TensorFlow.
    """
    id_feature = _field(1, _field(1, galaxy.encode()))
    size_feature = _field(3, _field(1, _varint(size)))
    image_feature = _field(1, _field(1, pixels))
    features = {b"id": id_feature, b"size": size_feature, b"image": image_feature}
    return _field(1, b"".join(_field(1, _field(1, name) + _field(2, value)) for name, value in features.items()))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol-buffer message."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
