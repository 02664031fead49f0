"""The tables that people have, known by their content and not by their names: csv, parquet, FITS and VOTable.

csv may be compressed, in any encoding, and separated by tabs, semicolons or bars. FITS and VOTable are read by astropy,
which comes with the extra `fits`. Pickles are never read: they run code.
"""

from __future__ import annotations

import codecs
import csv
import io
import logging
import lzma
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from activezoo.errors import InputError
from activezoo.survey.fits_images import parts

log = logging.getLogger(__name__)

COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
# First bytes of files that are taken for tables.
OTHERS = {
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format 3": "a database of SQLite",
    b"%PDF": "a PDF file",
    b"<!DOCTYPE": "a web page, perhaps of a download that failed",
    b"<html": "a web page, perhaps of a download that failed",
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a Python pickle, which can run code"),
}
FITS = b"SIMPLE  ="
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SEPARATORS = "\t;|"
# Bytes that tell the kind of a file, that Arrow reads of a csv file at once, and that the longest header may take.
HEAD, BLOCK, LONGEST_HEADER = 1 << 12, 1 << 20, 1 << 26
# Bytes of a VOTable, or a packed FITS table, which are held in memory whole.
LARGEST_IN_MEMORY = 1 << 31


class Table(NamedTuple):
    """A table whose columns are known, and read when they are asked for."""

    names: list[str]
    first_row: int
    """Number of the first row: 2 in a csv file, where the header is line 1; otherwise 1."""
    read: Callable[[Sequence[str]], pa.Table]
    """Reads columns: of a csv file as text, as it stands there; of any other with the types that they have."""


def open_table(path: str | Path, encoding: str | None = None) -> Table:
    """Find out what kind of table a file is, and which columns it has.

    Parameters
    ----------
    path
        An existing file.
    encoding
        Of a csv file. By default, what its byte order mark says, UTF-8 or, where that fails, latin-1, which is logged.

    Raises
    ------
    InputError
        It is no table, or is broken; also when columns are read.
    """
    path = Path(path)
    with _readable(path), _decompressed(path) as file:
        head = file.read(HEAD)
    for start, kind in OTHERS.items():
        if head.startswith(start):
            raise InputError(f"{path}: not a readable table: it is {kind}; export the table as csv, parquet or FITS")
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if head.startswith(FITS):
        return _fits(path)
    if b"<VOTABLE" in head:
        return _votable(path)
    return _csv(path, encoding, head)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # whatever the readers of files raise on a corrupt one: there is no common base
        raise InputError(
            f"{path}: not a readable table ({error or type(error).__name__}); export the table again"
        ) from None


def _decompressed(path: Path) -> IO[bytes] | pa.NativeFile:
    with path.open("rb") as file:
        start = file.read(HEAD)
    kind = next((kind for magic, kind in COMPRESSIONS.items() if start.startswith(magic)), None)
    if kind == "xz":
        return lzma.open(path)
    if kind == "zip":
        return _only_member(path)
    return pa.input_stream(str(path), compression=kind)


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if "[Content_Types].xml" in names:
        raise InputError(f"{path}: not a readable table: it is an Excel workbook; export the table as csv")
    if len(names) != 1:
        raise InputError(f"{path}: holds {len(names)} files, not one table; unpack it and name one of them")
    return archive.open(names[0])


def _parquet(path: Path) -> Table:
    with _readable(path):
        names = pq.read_schema(path).names

    def read(columns: Sequence[str]) -> pa.Table:
        with _readable(path):
            # What pandas wrote into the file beside the table, such as an index, is of no use here, and may be spoilt.
            table = pq.ParquetFile(path).read(list(columns)).replace_schema_metadata()
            table.validate(full=True)
            return table

    return Table(names, 1, read)


# --- csv


def _csv(path: Path, encoding: str | None, head: bytes) -> Table:
    given = encoding is not None
    if given:
        try:
            b"a".decode(encoding, "replace")
        except LookupError:
            raise InputError(
                f"survey.release.encoding: {encoding!r} is unknown; name one such as latin-1, cp1252 or utf-16"
            ) from None
    else:
        encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")
        if encoding != "utf-16" and b"\x00" in head:
            raise InputError(
                f"{path}: not a readable table: binary data of an unknown kind; export the table as csv, parquet or "
                "FITS, or, if it is text, name its encoding in survey.release.encoding"
            )
    with _readable(path):
        start = _header(path)
        names, separator = _names(path, start, encoding)
        if not given and any("\udc80" <= letter <= "\udcff" for letter in "".join(names)):
            encoding = _latin_1(path)
            names, separator = _names(path, start, encoding)
    if encoding == "utf-16" and not given:
        log.info("%s: read as %s, as its first bytes say", path, encoding)
    # One thread reads fast enough, holds little in memory and can say which row is broken.
    reading = {"use_threads": False, "block_size": max(BLOCK, 4 * len(start))}
    parsing = pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True)

    def read_as(encoding: str, columns: Sequence[str]) -> pa.Table:
        exact = pa.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True
        )
        with _decompressed(path) as file:
            # Arrow passes over the mark of UTF-8 itself.
            arrow_encoding = "utf8" if encoding in ("utf-8", "utf-8-sig") else encoding
            return pa.csv.read_csv(file, pa.csv.ReadOptions(encoding=arrow_encoding, **reading), parsing, exact)

    def read(columns: Sequence[str]) -> pa.Table:
        with _readable(path):
            try:
                return read_as(encoding, columns)
            except pa.ArrowInvalid as error:
                if given or encoding != "utf-8" or "invalid UTF8" not in str(error) or not "".join(names).isascii():
                    raise
            return read_as(_latin_1(path), columns)

    return Table(names, 2, read)


def _latin_1(path: Path) -> str:
    log.warning(
        "%s: not UTF-8, so read as latin-1; if it is another encoding, name it in survey.release.encoding", path
    )
    return "latin-1"


def _header(path: Path) -> bytes:
    """The first bytes of a csv file, with its header."""
    with _decompressed(path) as file:
        start, size = file.read(BLOCK), BLOCK
        while len(start) == size and b"\n" not in start and b"\r" not in start:
            if size >= LONGEST_HEADER:
                raise InputError(
                    f"{path}: not a readable table: no line ends in the first {size >> 20} MB; export the table "
                    "as csv, parquet or FITS"
                )
            start += file.read(size)
            size *= 2
    return start


def _names(path: Path, start: bytes, encoding: str) -> tuple[list[str], str]:
    """The names of the columns, and what stands between them. Bytes that are not UTF-8 come as surrogates."""
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    text = start.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors)
    for separator in ",", *SEPARATORS:
        names = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row), None)
        if names is None:
            raise InputError(f"{path}: not a readable table (Empty CSV file); export the table again")
        if len(names) > 1:
            if separator != ",":
                log.info("%s: columns are separated by %r", path, separator)
            return names, separator
    return names, ","


# --- astropy


def _fits(path: Path) -> Table:
    fits = _astropy(path, "io.fits")
    with path.open("rb") as file:
        compressed = not file.read(len(FITS)).startswith(FITS)

    def columns_and_data() -> tuple[Any, Any]:
        tables = (fits.BinTableHDU, fits.TableHDU)
        with fits.open(path) as file:
            found = [hdu for hdu in parts(file) if isinstance(hdu, tables) and not isinstance(hdu, fits.CompImageHDU)]
            if not found:
                raise InputError(f"{path}: a FITS file without a table; name one that has a table")
            if len(found) > 1:
                log.warning("%s: holds %d tables; the first is read, %r", path, len(found), found[0].name)
            if compressed:  # otherwise no more is read than the columns that are asked for
                _refuse_large(path, found[0].size)
            return found[0].columns, found[0].data

    def missing(column: Any, values: np.ndarray) -> np.ndarray | bool:
        if column.null is None or values.dtype.kind not in "iu":
            return False
        return values == type(column.null)(column.null * (column.bscale or 1) + (column.bzero or 0))

    def read(names: Sequence[str]) -> pa.Table:
        with _readable(path):
            columns, data = columns_and_data()
            cells = {name: np.asarray(data[name]) for name in names}
            return pa.table(
                {name: _arrow(path, name, values, missing(columns[name], values)) for name, values in cells.items()}
            )

    with _readable(path):
        return Table(columns_and_data()[0].names, 1, read)


def _votable(path: Path) -> Table:
    votable = _astropy(path, "io.votable")
    with _readable(path), _decompressed(path) as file:
        content = file.read(LARGEST_IN_MEMORY + 1)
        _refuse_large(path, len(content))
        table = votable.parse_single_table(io.BytesIO(content)).to_table(use_names_over_ids=True)

    def read(names: Sequence[str]) -> pa.Table:
        with _readable(path):
            columns = {name: np.ma.asarray(table[name]) for name in names}
            return pa.table(
                {name: _arrow(path, name, np.ma.getdata(of), np.ma.getmaskarray(of)) for name, of in columns.items()}
            )

    return Table(table.colnames, 1, read)


def _refuse_large(path: Path, size: int) -> None:
    if size > LARGEST_IN_MEMORY:
        raise InputError(
            f"{path}: more than {LARGEST_IN_MEMORY >> 30} GB in memory; export the table as csv or parquet, or unpack "
            "it"
        )


def _astropy(path: Path, module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"astropy.{module}")
    except ImportError:
        raise InputError(
            f"{path}: astropy reads this kind of file; install it with: pip install 'activezoo[fits]'"
        ) from None


def _arrow(path: Path, name: str, values: np.ndarray, missing: np.ndarray | bool) -> pa.Array:
    """A column as Arrow has it; empty text and what is not a number are null."""
    if values.ndim > 1:
        raise InputError(
            f"{path}: column {name!r} holds {values.shape[1:]} values in each row, not one; name another, or "
            "give each value a column of its own"
        )
    missing = np.broadcast_to(missing, values.shape).copy()
    if values.dtype.kind in "SUO":
        values = np.array([cell.decode() if isinstance(cell, bytes) else str(cell) for cell in values], object)
        missing |= values == ""
    elif values.dtype.kind == "f":
        missing |= np.isnan(values)
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=missing)
