"""Columns of the tables that people have; see `table_files` for the kinds."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from activezoo.errors import InputError
from activezoo.survey.table_files import Table, open_table

log = logging.getLogger(__name__)


def read_columns(
    path: str | Path, strings: Sequence[str], numbers: Sequence[str] = (), *, encoding: str | None = None
) -> pd.DataFrame:
    """Some columns of a table, indexed by row; `strings` are exact, `numbers` still as they are in the file.

    `encoding` is that of a csv file; by default, it is found out.
    """
    file = _existing_table(path, encoding)
    names = list(dict.fromkeys([*strings, *numbers]))
    for name in names:
        if name not in file.names:
            raise InputError(f"{path}: no column {name!r}{_did_you_mean(name, file.names)}")
    table = file.read(names)
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
    frame.index += file.first_row
    return frame


def read_features(
    catalogue: str | Path, id_column: str, columns: Sequence[str], *, encoding: str | None = None
) -> pd.DataFrame:
    """Columns of the survey's catalogue as numbers, by galaxy id. A column that it lacks is left out, and logged.

    Where an id stands in several rows, the first counts.
    """
    if id_column in columns:
        raise InputError(f"posteriors.surprise: {id_column!r} is the galaxy id, which says nothing about a galaxy")
    has = _existing_table(catalogue, encoding).names
    found = [name for name in columns if name in has]
    if len(found) < len(columns):
        log.warning("%s has no columns %s", catalogue, ", ".join(name for name in columns if name not in has))
    rows = (
        read_columns(catalogue, [id_column], found, encoding=encoding).drop_duplicates(id_column).set_index(id_column)
    )
    return rows[found].apply(numbers)


def _existing_table(path: str | Path, encoding: str | None) -> Table:
    path = Path(path)
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file{_did_you_mean(path.name, siblings)}")
    return open_table(path, encoding)


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; it has {', '.join(names)}" if 0 < len(names) <= 20 else ""


def numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce").astype("float64")
