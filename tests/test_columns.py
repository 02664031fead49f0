"""Columns of the tables that people have: exact ids, rows by number, and errors that say what to correct."""

import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activezoo.errors import InputError
from activezoo.survey.columns import read_columns, read_features

HEADER = "dr7objid,bar,no_bar"
# A column of one text, which is not UTF-8.
SPOILT = pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))


@pytest.fixture
def write(tmp_path):
    """Write the text of a catalogue and return its path."""

    def write(text, name="catalogue.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_strings_are_exact_and_rows_are_lines(write):
    table = read_columns(write(f"{HEADER}\n0042,1,2\n587739505552785605,,x\n"), ["dr7objid"], ["no_bar"])
    assert table.columns.tolist() == ["dr7objid", "no_bar"]
    assert table["dr7objid"].to_dict() == {2: "0042", 3: "587739505552785605"}
    assert table["no_bar"].tolist() == ["2", "x"]


def test_rows_of_parquet_count_from_one(tmp_path):
    pd.DataFrame({"dr7objid": [587739505552785605, 587739505552785606]}).to_parquet(tmp_path / "catalogue.parquet")
    table = read_columns(tmp_path / "catalogue.parquet", ["dr7objid"])
    assert table["dr7objid"].to_dict() == {1: "587739505552785605", 2: "587739505552785606"}


def test_missing_files_and_columns_name_the_nearest(write):
    path = write(f"{HEADER}\n1,1,2\n")
    for column, message in (("nobar", "did you mean no_bar or bar"), ("redshift", "it has dr7objid, bar, no_bar")):
        with pytest.raises(InputError, match=rf"catalogue.csv: no column '{column}'; {message}"):
            read_columns(path, ["dr7objid"], [column])
    with pytest.raises(InputError, match=r"catalog.csv: no such file; did you mean catalogue.csv"):
        read_columns(path.with_name("catalog.csv"), ["dr7objid"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable table.*Empty CSV file"),
        (f"{HEADER}\n", "has no rows"),
        (f"{HEADER}\n1,2,3\n2,1\n", "not a readable table.*Row #3: Expected 3 columns, got 2"),
        (b"\x1f\x8b broken", "not a readable table"),
    ],
)
def test_unreadable_tables(write, text, message):
    with pytest.raises(InputError, match=message):
        read_columns(write(text), ["dr7objid"])


def test_floating_point_ids_are_refused(tmp_path):
    path = tmp_path / "catalogue.parquet"
    pd.DataFrame({"dr7objid": [5.877e17], "bar": [0.5]}).to_parquet(path)
    with pytest.raises(InputError, match="column 'dr7objid' holds floating-point numbers"):
        read_columns(path, ["dr7objid"])
    assert read_columns(path, [], ["bar"])["bar"].tolist() == [0.5]


def test_features_are_numbers_by_id_of_the_columns_that_there_are(write, caplog):
    path = write("dr7objid,redshift,class\n587739505552785605,0.05,Sb\n587739505552785606,,E\n587739505552785605,1,x\n")
    galaxies = pa.table({"row": [2, 3], "id": ["587739505552785605", "587739505552785606"]})
    features = read_features(path, galaxies, ["redshift", "mass", "class"])
    assert list(features.index) == ["587739505552785605", "587739505552785606"]
    assert features.redshift.iloc[0] == 0.05
    assert features.isna().sum().to_dict() == {"redshift": 1, "class": 2}
    assert "has no columns mass" in caplog.text


@pytest.mark.parametrize("row", [2, 3])
def test_features_are_those_of_the_row_that_counts(write, row):
    """An id stands in rows of several samples, and only one of them is of the survey."""
    path = write("dr7objid,redshift\n1,0.9\n1,0.1\n")
    features = read_features(path, pa.table({"row": [row], "id": ["1"]}), ["redshift", "mass"])
    assert features.redshift.to_dict() == {"1": {2: 0.9, 3: 0.1}[row]}
    assert list(read_features(path, pa.table({"row": [row], "id": ["1"]}), ["mass"]).index) == ["1"]


@pytest.mark.parametrize(
    "cell", ["5.877395055527857e+17", "5.88E+17", "5877e14", "587739505552785605.0", "587739505552785605."]
)
def test_ids_that_went_through_floating_point_are_refused(write, cell):
    with pytest.raises(InputError, match=f"column 'dr7objid' holds '{re.escape(cell)}', a whole number that went"):
        read_columns(write(f"{HEADER}\n587739505552785606,1,2\n{cell},1,2\n"), ["dr7objid"])


def test_ids_that_a_spreadsheet_rounded_are_refused(write):
    rows = "".join(f"587739505552{number}000,1,2\n" for number in range(785, 795))
    with pytest.raises(InputError, match="all long numbers of column 'dr7objid' end in zeros after 15 digits"):
        read_columns(write(f"{HEADER}\n{rows}"), ["dr7objid"])
    read_columns(write(f"{HEADER}\n{rows}587739505552785001,1,2\n"), ["dr7objid"])


@pytest.mark.parametrize("cell", ["1237648720142401611", "J0004-1E5", "299489677444933632", "12345.0", "E17"])
def test_other_ids_are_exact(write, cell):
    assert read_columns(write(f"{HEADER}\n{cell},1,2\n"), ["dr7objid"])["dr7objid"].tolist() == [cell]


@pytest.mark.parametrize("cell", [" 587 ", "587\t", '"587  "', "\xa0587"])
def test_what_stands_around_text_is_left_out(write, cell):
    assert read_columns(write(f"{HEADER}\n{cell},1,2\n"), ["dr7objid"])["dr7objid"].tolist() == ["587"]


@pytest.mark.parametrize("padded", ["587\0\0", "587 \0"])
def test_zero_bytes_around_text_are_left_out(tmp_path, padded):
    path = tmp_path / "catalogue.parquet"
    pd.DataFrame({"dr7objid": [padded]}).to_parquet(path)
    assert read_columns(path, ["dr7objid"])["dr7objid"].tolist() == ["587"]


@pytest.mark.parametrize(("names", "twice"), [("a,bar,bar", "bar"), ("bar,a,bar", "bar"), ("a,a,a", "a")])
def test_two_columns_of_one_name_are_refused(write, tmp_path, names, twice):
    with pytest.raises(InputError, match=f"columns are called '{twice}'"):
        read_columns(write(f"{names}\n1,2,3\n"), [], [twice])
    path = tmp_path / "twice.parquet"
    pq.write_table(pa.table([[1], [2], [3]], names.split(",")), path)
    with pytest.raises(InputError, match=f"columns are called '{twice}'"):
        read_columns(path, [], [twice])


def test_cells_may_hold_many_lines(write):
    note = "seen by a volunteer\n" * 2000
    rows = "".join(f'{number},1,"{note}"\n' for number in range(60))  # more than is read at once
    read = read_columns(write(f"dr7objid,bar,note\n{rows}"), ["dr7objid"])
    assert read["dr7objid"].tolist() == list(map(str, range(60)))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (pa.array([["1"], ["2"]]), "is of type list<.*>; name another"),
        (pa.array([{"a": 1}, {"a": 2}]), "is of type struct<.*>; name another"),
        (pa.array([b"\xff", b"\xfe"]), "is no text .*; store it as text"),
        (
            pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")),
            "Invalid UTF8",
        ),
    ],
)
def test_columns_of_other_types_are_refused(tmp_path, cells, said):
    pq.write_table(pa.table({"id": cells}), tmp_path / "cat.parquet")
    with pytest.raises(InputError, match=said):
        read_columns(tmp_path / "cat.parquet", ["id"])


def test_what_pandas_wrote_beside_a_table_may_be_spoilt(tmp_path):
    for beside in (b"{", b"\xff", b"null", b'{"index_columns": ["id"], "columns": [], "column_indexes": []}'):
        table = pa.table({"id": ["1", "2"]}).replace_schema_metadata({"pandas": beside})
        pq.write_table(table, tmp_path / "cat.parquet")
        assert read_columns(tmp_path / "cat.parquet", ["id"])["id"].tolist() == ["1", "2"]
