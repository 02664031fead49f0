"""Columns of the tables that people have: csv, also compressed, or parquet."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from activezoo.errors import InputError

log = logging.getLogger(__name__)

# One thread reads fast enough, holds little in memory and can say which row is broken.
READING = pa.csv.ReadOptions(use_threads=False)


def read_columns(path: str | Path, strings: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Some columns of a table, indexed by row; `strings` are exact, `numbers` still as they are in the file."""
    path = Path(path)
    has = column_names(path)
    names = list(dict.fromkeys([*strings, *numbers]))
    for name in names:
        if name not in has:
            raise InputError(f"{path}: no column {name!r}{_did_you_mean(name, has)}")
    with _readable(path):
        if path.suffix == ".parquet":
            table = pq.read_table(path, columns=names)
        else:
            exact = pa.csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
            )
            table = pa.csv.read_csv(path, READING, convert_options=exact)
    if not table.num_rows:
        raise InputError(f"{path}: has no rows")
    for name in strings:
        if pa.types.is_floating(table.schema.field(name).type):
            raise InputError(
                f"{path}: column {name!r} holds floating-point numbers, which cannot hold an id of 18 digits exactly; "
                "store it as text or whole numbers"
            )
        table = table.set_column(table.column_names.index(name), name, pc.cast(table[name], pa.string()))
    frame = table.to_pandas(ignore_metadata=True)
    frame.index += 1 if path.suffix == ".parquet" else 2
    return frame


def read_features(catalogue: str | Path, id_column: str, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of the survey's catalogue as numbers, by galaxy id. A column that it lacks is left out, and logged.

    Where an id stands in several rows, the first counts.
    """
    if id_column in columns:
        raise InputError(f"posteriors.surprise: {id_column!r} is the galaxy id, which says nothing about a galaxy")
    has = column_names(catalogue)
    found = [name for name in columns if name in has]
    if len(found) < len(columns):
        log.warning("%s has no columns %s", catalogue, ", ".join(name for name in columns if name not in has))
    rows = read_columns(catalogue, [id_column], found).drop_duplicates(id_column).set_index(id_column)
    return rows[found].apply(numbers)


def column_names(path: str | Path) -> list[str]:
    path = Path(path)
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file{_did_you_mean(path.name, siblings)}")
    with _readable(path):
        if path.suffix == ".parquet":
            return pq.read_schema(path).names
        with pa.csv.open_csv(path, READING) as stream:
            return stream.schema.names


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable table ({error})") from None


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; it has {', '.join(names)}" if 0 < len(names) <= 20 else ""


def numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce").astype("float64")
