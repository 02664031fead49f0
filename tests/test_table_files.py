"""Tables are known by their content: whatever the name, the same rows, or a word on what the file is."""

import bz2
import gzip
import lzma
import pickle
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo.errors import InputError
from activezoo.survey.columns import BLANKS, read_columns
from activezoo.survey.table_files import HEAD, open_table

FRAME = pd.DataFrame(
    {"dr7objid": [587739505552785605, 587739505552785606, 7], "größe": ["groß", "klein", None], "bar": [3, 0, 12]}
)
CSV = FRAME.to_csv(index=False)


def fits_table(frame, path):
    """FITS holds ASCII alone."""
    from astropy.table import Table

    text = [of.replace("ß", "ss") if of else "" for of in frame["größe"].fillna("")]
    Table({"dr7objid": frame["dr7objid"], "groesse": text, "bar": frame["bar"]}).write(path, format="fits")


def compressed_fits_table(frame, path):
    fits_table(frame, path.with_name("plain.fits"))
    path.write_bytes(gzip.compress(path.with_name("plain.fits").read_bytes()))


def votable(frame, path):
    from astropy.table import Table

    Table.from_pandas(frame.fillna("")).write(path, format="votable")


def zipped(text, path, name="catalogue.csv"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)


WRITERS = {
    "csv": lambda path: path.write_text(CSV),
    "gzip": lambda path: path.write_bytes(gzip.compress(CSV.encode())),
    "bz2": lambda path: path.write_bytes(bz2.compress(CSV.encode())),
    "xz": lambda path: path.write_bytes(lzma.compress(CSV.encode())),
    "zip": lambda path: zipped(CSV, path),
    "zstd": lambda path: pa.output_stream(str(path), compression="zstd").write(CSV.encode()),
    "parquet": FRAME.to_parquet,
    "FITS": lambda path: fits_table(FRAME, path),
    "FITS, gzip": lambda path: compressed_fits_table(FRAME, path),
    "VOTable": lambda path: votable(FRAME.rename(columns={"größe": "size"}), path),
}


@pytest.mark.parametrize(
    "name", ["catalogue", "catalogue.csv", "CATALOGUE.PARQUET", "catalogue.pq", "a.fits.gz", "b.dat"]
)
@pytest.mark.parametrize("kind", WRITERS)
def test_the_content_tells_the_kind_and_the_name_does_not(tmp_path, kind, name):
    WRITERS[kind](tmp_path / name)
    table = open_table(tmp_path / name)
    size = table.names[1]
    frame = read_columns(tmp_path / name, ["dr7objid", size], ["bar"])
    first = 2 if kind in ("csv", "gzip", "bz2", "xz", "zip", "zstd") else 1
    assert frame.index.tolist() == [first, first + 1, first + 2]
    assert frame["dr7objid"].tolist() == ["587739505552785605", "587739505552785606", "7"]
    assert frame["bar"].astype(int).tolist() == [3, 0, 12]
    assert frame[size].iloc[:2].tolist() == ["gross" if kind.startswith("FITS") else "groß", "klein"]
    assert frame[size].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "read as utf-16"), ("latin-1", "not UTF-8, so read as latin-1")],
)
def test_encodings_are_found_out_and_said(tmp_path, caplog, encoding, said):
    caplog.set_level("INFO")
    path = tmp_path / "catalogue.csv"
    path.write_bytes(CSV.encode(encoding))
    frame = read_columns(path, ["dr7objid", "größe"])
    assert frame["größe"].tolist()[:2] == ["groß", "klein"]
    assert frame["dr7objid"].iloc[0] == "587739505552785605"
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


def test_letters_that_are_not_utf_8_may_stand_below_the_header(tmp_path, caplog):
    path = tmp_path / "catalogue.csv"
    path.write_bytes("id,name,bar\n1,Müller,3\n".encode("latin-1"))
    assert read_columns(path, ["name"])["name"].tolist() == ["Müller"]
    assert "read as latin-1" in caplog.text
    caplog.clear()
    assert read_columns(path, ["id"])["id"].tolist() == ["1"]  # what is not read need not be readable
    assert not caplog.text


def test_an_encoding_that_is_named_is_used(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_bytes("id,größe,€\n1,groß,2\n".encode("cp1252"))
    assert read_columns(path, ["€"], encoding="cp1252")["€"].tolist() == ["2"]
    path.write_bytes(CSV.encode("utf-16-le"))  # without a mark
    assert read_columns(path, ["größe"], encoding="utf-16-le")["größe"].iloc[0] == "groß"
    with pytest.raises(InputError, match=r"binary data of an unknown kind.*name its encoding"):
        read_columns(path, ["größe"])
    for unknown in ("latin", "base64"):
        with pytest.raises(InputError, match=rf"survey.release.encoding: '{unknown}.*' is unknown"):
            read_columns(path, ["größe"], encoding=f"{unknown}-x" if unknown == "latin" else unknown)


def test_a_wrong_encoding_is_refused(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(CSV.encode("latin-1"))
    with pytest.raises(InputError, match=r"no column 'größe'|not a readable table"):
        read_columns(path, ["größe"], encoding="utf-8")


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_other_separators(tmp_path, separator):
    FRAME.to_csv(tmp_path / "catalogue.txt", sep=separator, index=False)
    assert read_columns(tmp_path / "catalogue.txt", ["dr7objid"])["dr7objid"].iloc[0] == "587739505552785605"


def test_line_breaks_and_separators_inside_cells(tmp_path):
    path = tmp_path / "catalogue.csv"
    text = "first line\nsecond; line,\r\nthird " * 20
    pd.DataFrame({"id": range(5000), "note": text, "bar": 1}).to_csv(path, index=False)  # more than a block
    frame = read_columns(path, ["id", "note"])
    assert frame["id"].tolist() == [str(number) for number in range(5000)]
    assert frame["note"].iloc[-1] == text.strip()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps(FRAME), "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a NumPy file"),
        (b"<!DOCTYPE html><html>404</html>", "a web page, perhaps of a download that failed"),
        (b"SQLite format 3\x00", "a database"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "binary data of an unknown kind"),
        (b"PK\x03\x04 and no more", "not a readable table"),
        (gzip.compress(CSV.encode())[:-20], "not a readable table"),
        (lzma.compress(CSV.encode())[:-20], "not a readable table"),
        (b"PAR1 and no more", "not a readable table"),
        (b"SIMPLE  =                    T", "not a readable table|a FITS file without a table"),
        (b"<VOTABLE><RESOURCE>", "not a readable table"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, said):
    for name in ("catalogue.csv", "catalogue.parquet", "catalogue.fits"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_columns(tmp_path / name, ["dr7objid"])


def test_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for compress in (bytes, gzip.compress):
            (tmp_path / "catalogue.csv").write_bytes(compress(pickle.dumps(Trap(), protocol=protocol)))
            with pytest.raises(InputError):
                read_columns(tmp_path / "catalogue.csv", ["dr7objid"])
    assert not (tmp_path / "sprung").exists()


def test_archives_must_hold_one_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("__MACOSX/._a.csv", "of macOS")
        archive.writestr("folder/", "")
    assert len(read_columns(tmp_path / "a.zip", ["dr7objid"])) == 3
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.csv", CSV)
    with pytest.raises(InputError, match="holds 2 files, not one table"):
        read_columns(tmp_path / "a.zip", ["dr7objid"])
    zipped("", tmp_path / "b.xlsx", "[Content_Types].xml")
    with pytest.raises(InputError, match="an Excel workbook"):
        read_columns(tmp_path / "b.xlsx", ["dr7objid"])


def test_nulls_and_scales_of_fits(tmp_path):
    from astropy.io import fits

    columns = [
        fits.Column("id", "8A", array=["J0814", "", "J0842"]),
        fits.Column("count", "J", null=-99, array=np.array([4, -99, 0])),
        fits.Column("unsigned", "J", bzero=2**31, null=7, array=np.array([3, 2**31 + 7, 2**32 - 1], np.uint32)),
        fits.Column("fraction", "E", array=np.array([0.25, np.nan, 1.0])),
        fits.Column("flags", "3I", array=np.zeros((3, 3))),
        fits.Column("good", "L", array=[True, False, True]),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="VOTES")
    fits.HDUList([fits.PrimaryHDU(), hdu, fits.ImageHDU(np.zeros((2, 2))), hdu]).writeto(tmp_path / "a.fits")
    table = open_table(tmp_path / "a.fits")
    assert table.names == ["id", "count", "unsigned", "fraction", "flags", "good"]
    assert table.read(["id", "count", "unsigned", "fraction", "good"]).to_pydict() == {
        "id": ["J0814", None, "J0842"],
        "count": [4, None, 0],
        "unsigned": [3, None, 2**32 - 1],
        "fraction": [0.25, None, 1.0],
        "good": [True, False, True],
    }
    with pytest.raises(InputError, match=r"column 'flags' holds \(3,\) values in each row"):
        table.read(["flags"])
    with pytest.raises(InputError, match="column 'fraction' holds floating-point numbers"):
        read_columns(tmp_path / "a.fits", ["fraction"])


def test_a_fits_image_is_no_table(tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match=r"a\.fits: a FITS file without a table"):
        open_table(tmp_path / "a.fits")


def test_without_astropy_the_extra_is_named(tmp_path, monkeypatch):
    fits_table(FRAME, tmp_path / "a.fits")
    monkeypatch.setitem(sys.modules, "astropy", None)
    monkeypatch.setitem(sys.modules, "astropy.io.fits", None)
    with pytest.raises(InputError, match=r"a\.fits: astropy reads .*pip install 'activezoo\[fits\]'"):
        open_table(tmp_path / "a.fits")


def test_very_many_columns(tmp_path):
    names = [f"column_{number}" for number in range(10**5)]
    path = tmp_path / "catalogue.csv"
    path.write_text(f"{','.join(names)}\n{','.join(['1'] * len(names))}\n")
    assert read_columns(path, [names[-1]])[names[-1]].to_dict() == {2: "1"}


def test_a_file_of_one_line_without_end_is_refused(tmp_path):
    (tmp_path / "catalogue.csv").write_bytes(gzip.compress(b"a" * (3 << 25), 1))  # 100 MB once unpacked
    with pytest.raises(InputError, match=r"no line ends in the first \d+ MB"):
        read_columns(tmp_path / "catalogue.csv", ["a"])


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"PAR1", b"SIMPLE  =", b"<VOTABLE", b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe"]),
)
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(start + content)
    with suppress(InputError):
        table = open_table(path)
        table.read(table.names[:1])


# Words such as NA mean that there is nothing.
NULL = set(pa.csv.ConvertOptions().null_values) - {""}
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8).filter(
    lambda cell: cell not in NULL
)


@settings(max_examples=50, deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=20), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_text_comes_back_as_it_was_but_for_blanks_around_it(tmp_path_factory, cells, encoding):
    path = tmp_path_factory.getbasetemp() / "text.csv"
    pd.DataFrame({"id": range(len(cells)), "name": cells}).to_csv(path, index=False, encoding=encoding)
    assert read_columns(path, ["name"])["name"].fillna("").tolist() == [cell.strip(BLANKS) for cell in cells]
    assert path.stat().st_size < HEAD * 20
