"""Parquet tables, of which some rows are read without the others."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activezoo import tables
from activezoo.errors import InputError


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """A file of 100 rows in row groups of 30 and fewer."""
    path = tmp_path_factory.mktemp("tables") / "numbers.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_ROW_GROUP_OF_TABLE", 30)
        tables.write({"number": range(100), "square": [number**2 for number in range(100)]}, path)
    return path


@given(st.lists(st.integers(0, 99)))
def test_rows_come_in_the_order_asked_for(numbers, rows):
    assert tables.read_rows(numbers, rows)["square"].to_pylist() == [row**2 for row in rows]
    assert tables.read_rows(numbers, rows, ["number"]).to_pydict() == {"number": rows}


@pytest.mark.parametrize("rows", [[100], [-1], [5, 100]])
def test_rows_that_are_not_there_are_refused(numbers, rows):
    with pytest.raises(IndexError, match="of 100"):
        tables.read_rows(numbers, rows)


def test_an_empty_table_has_its_columns(tmp_path):
    tables.write({"a": pa.array([], pa.string()), "b": pa.array([], pa.int8())}, tmp_path / "empty.parquet")
    assert tables.read_rows(tmp_path / "empty.parquet", [], ["b"]).schema == pa.schema({"b": pa.int8()})
    assert [part.column_names for part in tables.read_stream(tmp_path / "empty.parquet", ["b"])] == [["b"]]


def test_a_range_of_rows_is_read_from_the_row_groups_that_have_it(numbers, monkeypatch):
    read, of_group = [], pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda *given: read.append(given[1]) or of_group(*given))
    assert tables.read_rows(numbers, range(35, 70), ["number"])["number"].to_pylist() == list(range(35, 70))
    assert read == [1, 2]


def test_a_stream_is_the_file_in_parts(numbers):
    parts = list(tables.read_stream(numbers, ["square"]))
    assert list(map(len, parts)) == [30, 30, 30, 10]
    assert pa.concat_tables(parts) == tables.read(numbers, ["square"])
    assert tables.number_of_rows(numbers) == 100


@pytest.mark.parametrize("read", [tables.read, lambda *given: list(tables.read_stream(*given))])
def test_a_column_that_is_not_there_is_named(numbers, read):
    with pytest.raises(InputError, match="no column 'cube'; it has number, square"):
        read(numbers, ["number", "cube"])
    with pytest.raises(InputError, match="no column 'cube'"):
        tables.read_rows(numbers, [1], ["cube"])
