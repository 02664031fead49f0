"""Parquet tables, read and written whole: no reader ever sees a half-written file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from activezoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

# Rows of a row group, which is the least that can be read: of `write_stream`, at least, and of `write`, at most.
_ROW_GROUP, _ROW_GROUP_OF_TABLE = 4096, 1 << 16


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix) that replaces it only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-", suffix="".join(path.suffixes))
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes files private to their owner; results are shared like any other file.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        flush(partial)
        os.replace(partial, path)
        flush(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def flush(path: str | Path) -> None:
    """Have what is written to a file, or the names in a folder, put on the disk, where it outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(table: pa.Table | Mapping, path: str | Path) -> None:
    """Write an Arrow table, or a mapping of column name to values, as one parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.table(dict(table))
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=_ROW_GROUP_OF_TABLE)


def write_with_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a data frame twice, with the suffixes .parquet and .csv."""
    import pyarrow as pa

    write(pa.Table.from_pandas(table, preserve_index=False), Path(path).with_suffix(".parquet"))
    with whole_file(Path(path).with_suffix(".csv")) as partial:
        table.to_csv(partial, index=False)


def write_stream(batches: Iterable[pa.Table], path: str | Path) -> None:
    """Write tables of one schema as they come, at least one, joined to row groups of one parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        raise ValueError(f"{path}: no table to write; an empty one would tell the columns")
    waiting = [first]
    with whole_file(path) as partial, pq.ParquetWriter(partial, first.schema, compression="zstd") as writer:
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def read(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read a parquet file as an Arrow table.

    Raises
    ------
    InputError
        The file is missing, is not parquet or lacks one of `columns`.
    """
    with _parquet_file(path, columns) as file:
        return file.read(columns)


def read_stream(path: str | Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read a parquet file a row group at a time, at least one table; errors are those of `read`."""
    with _parquet_file(path, columns) as file:
        if file.num_row_groups == 0:
            yield file.read(columns)
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns)


def read_rows(path: str | Path, rows: Sequence[int] | np.ndarray, columns: list[str] | None = None) -> pa.Table:
    """Read some rows of a parquet file, in the order given, from those row groups alone that have some.

    Errors are those of `read`.
    """
    import numpy as np
    import pyarrow as pa

    rows = np.asarray(rows, np.int64)
    wanted, parts, first = np.unique(rows), [], 0
    with _parquet_file(path, columns) as file:
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < file.metadata.num_rows:
            raise IndexError(f"{path}: rows {wanted[0]} to {wanted[-1]} of {file.metadata.num_rows}")
        for number in range(file.num_row_groups):
            last = first + file.metadata.row_group(number).num_rows
            here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, last)]
            if len(here):
                parts.append(file.read_row_group(number, columns).take(here - first))
            first = last
        if not parts:
            return file.schema_arrow.empty_table().select(columns or file.schema_arrow.names)
    return pa.concat_tables(parts).take(np.searchsorted(wanted, rows))


def number_of_rows(path: str | Path) -> int:
    """How many rows a parquet file has; errors are those of `read`."""
    with _parquet_file(path) as file:
        return file.metadata.num_rows


@contextmanager
def _parquet_file(path: str | Path, columns: list[str] | None = None) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in columns or () if name not in file.schema_arrow.names]
            if missing:
                raise InputError(
                    f"{path}: no column {missing[0]!r}; it has {', '.join(file.schema_arrow.names)}. "
                    "If a run made it, delete it and run again"
                )
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run again to make it") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable parquet file ({error}); delete it and run again") from error
