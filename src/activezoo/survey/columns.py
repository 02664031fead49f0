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

# What FITS, fixed-width files and spreadsheets put around text.
BLANKS = " \t\r\n\0\xa0"
# Numbers such as 5.88E+17, and long ones such as 587739505552785605.0.
_ROUNDED = r"^[+-]?(\d+\.?\d*[eE][+-]?\d+|\d{16,}\.0*)$"
# From so many long numbers on, it is no accident that all end in zeros.
FEW_IDS = 4
# Names that a misspelt one is compared with: each takes time.
MOST_NAMES = 5000


def read_columns(
    path: str | Path, strings: Sequence[str], numbers: Sequence[str] = (), *, encoding: str | None = None
) -> pd.DataFrame:
    """Some columns of a table, indexed by row; `numbers` still as they are in the file.

    `strings` are exact, but for blanks and zero bytes around them; a column of them that lost digits is refused.
    `encoding` is that of a csv file; by default, it is found out.
    """
    file = existing_table(path, encoding)
    names = list(dict.fromkeys([*strings, *numbers]))
    for name in names:
        refuse_missing_column(path, file, name)
    table = file.read(names)
    if not table.num_rows:
        raise InputError(f"{path}: has no rows; export the table again, or name another file")
    for name in names:
        kind = table.schema.field(name).type
        if pa.types.is_nested(kind):
            raise InputError(
                f"{path}: column {name!r} is of type {kind}; name another, or give each value a column of its own"
            )
        if name in strings and pa.types.is_floating(kind):
            raise InputError(
                f"{path}: column {name!r} holds floating-point numbers, which cannot hold an id of 18 digits exactly; "
                "store it as text or whole numbers"
            )
    for name in strings:
        try:
            cells = pc.utf8_trim(pc.cast(table[name], pa.string()), BLANKS)
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"{path}: column {name!r} is no text ({error}); store it as text") from None
        table = table.set_column(table.column_names.index(name), name, pc.if_else(pc.equal(cells, ""), None, cells))
        _refuse_lost_digits(path, name, table[name])
    frame = table.to_pandas()
    frame.index += file.first_row
    return frame


def _refuse_lost_digits(path: str | Path, name: str, cells: pa.ChunkedArray) -> None:
    """Refuse whole numbers that went through floating point, or through a spreadsheet of 15 digits."""
    floats = cells.filter(pc.match_substring_regex(cells, _ROUNDED))
    if len(floats):
        raise InputError(
            f"{path}: column {name!r} holds {floats[0].as_py()!r}, a whole number that went through floating point and "
            "lost digits; export the column as text, or as whole numbers of 64 bits"
        )
    long = pc.unique(cells.filter(pc.match_substring_regex(cells, r"^\d{16,}$")))
    if len(long) >= FEW_IDS and pc.all(pc.match_substring_regex(long, r"^\d{15}0+$")).as_py():
        raise InputError(
            f"{path}: all long numbers of column {name!r} end in zeros after 15 digits, such as {long[0].as_py()!r}: a "
            "spreadsheet has rounded them; export the column as text"
        )


def read_features(
    catalogue: str | Path | None,
    galaxies: pa.Table,
    columns: Sequence[str],
    *,
    encoding: str | None = None,
) -> pd.DataFrame:
    """Columns of the survey's catalogue as numbers, by galaxy id. A column that it lacks is left out, and logged.

    They are read from the rows of `galaxies`, of `catalogue.read_catalogue`: an id may stand in rows of other samples.
    Without a catalogue, there are none.
    """
    has = existing_table(catalogue, encoding).names if catalogue else []
    found = [name for name in columns if name in has]
    if len(found) < len(columns):
        log.warning("%s has no columns %s", catalogue, ", ".join(name for name in columns if name not in has))
    ids = pd.Index(galaxies["id"].to_pylist())
    if not found:
        return pd.DataFrame(index=ids)
    rows = read_columns(catalogue, [], found, encoding=encoding).loc[galaxies["row"].to_numpy()]
    return rows.set_axis(ids).apply(numbers)


def existing_table(path: str | Path, encoding: str | None = None) -> Table:
    """A table, or what to do if there is no such file."""
    path = Path(path)
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file{_did_you_mean(path.name, siblings)}")
    return open_table(path, encoding)


def refuse_missing_column(path: str | Path, table: Table, name: str) -> None:
    """Raise an InputError unless just one column of a table has this name."""
    if name not in table.names:
        raise InputError(f"{path}: no column {name!r}{_did_you_mean(name, table.names)}")
    if table.names.count(name) > 1:
        raise InputError(
            f"{path}: {table.names.count(name)} columns are called {name!r}, and nothing says which is meant; give "
            "each a name of its own"
        )


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names[:MOST_NAMES], n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; it has {', '.join(names)}" if 0 < len(names) <= 20 else ""


def numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce").astype("float64")
