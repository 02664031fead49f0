"""Columns of the tables that people have: exact ids, rows by number, and errors that say what to correct."""

import pandas as pd
import pytest

from activezoo.errors import InputError
from activezoo.survey.columns import read_columns, read_features

HEADER = "dr7objid,bar,no_bar"


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
    features = read_features(path, "dr7objid", ["redshift", "mass", "class"])
    assert list(features.index) == ["587739505552785605", "587739505552785606"]
    assert features.redshift.iloc[0] == 0.05
    assert features.isna().sum().to_dict() == {"redshift": 1, "class": 2}
    assert "has no columns mass" in caplog.text


def test_the_id_is_no_feature(write):
    with pytest.raises(InputError, match="'dr7objid' is the galaxy id"):
        read_features(write(f"{HEADER}\n1,1,2\n"), "dr7objid", ["bar", "dr7objid"])
