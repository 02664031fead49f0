"""Files that are made to do harm, or are so by accident: each is read in bounded time and memory, or refused.

What hostile configurations do is in test_configuration.py, what archives do in test_release.py, pickles in
test_table_files.py.
"""

import ast
import csv
import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from activezoo.errors import InputError
from activezoo.survey import decoding, table_files
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.columns import read_columns
from activezoo.survey.decoding import UnusableImageError, decode, find_brightness
from activezoo.survey.layout import Columns

SOURCE = Path(__file__).parents[1] / "src/activezoo"
COLUMNS = Columns("id", None, "id", "image")
RAMP = np.arange(32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)


# --- names


NAMES = [
    "a\nb",
    "a\rb",
    "$(touch hacked)",
    "`touch hacked`",
    "; rm -rf .",
    "-rf",
    "--output=x",
    "a'b\"c",
    "a b",
    "*",
    "{0}",
    "{wildcards}",
    "a\\b",
    "a%sb",
    "\x1b[31m",
    "é",
    "‮gpj",
    "#",
]


def test_names_of_any_letters_lead_to_their_images_and_nowhere_else(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number, name in enumerate(NAMES):
        Image.fromarray(RAMP + np.uint8(number)).save(images / f"{name}.png")
    pd.DataFrame({"id": NAMES}).to_csv(tmp_path / "cat.csv", index=False, quoting=csv.QUOTE_ALL)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    galaxies, rejected = read_catalogue(tmp_path / "cat.csv", images, COLUMNS, max_rejected=0)
    assert rejected.num_rows == 0
    assert galaxies["id"].to_pylist() == NAMES
    assert galaxies["image"].to_pylist() == [str(images / f"{name}.png") for name in NAMES]
    for number, path in enumerate(galaxies["image"].to_pylist()):
        pixels, _ = decode(path, 32)
        assert (pixels == RAMP + np.uint8(number)).all()
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../secret", "../secret.png", "/etc/passwd", "a/../../secret", "..", "~/secret"])
def test_a_filename_map_does_not_lead_out_of_the_folder_of_images(tmp_path, name):
    (tmp_path / "images/a").mkdir(parents=True)
    Image.fromarray(RAMP).save(tmp_path / "secret.png")
    Image.fromarray(RAMP).save(tmp_path / "images/1.png")
    pd.DataFrame({"id": ["1"]}).to_csv(tmp_path / "cat.csv", index=False)
    pd.DataFrame({"id": ["1"], "image": [name]}).to_csv(tmp_path / "map.csv", index=False)
    with pytest.raises(InputError, match="no image file"):
        read_catalogue(
            tmp_path / "cat.csv", tmp_path / "images", COLUMNS, filename_map=tmp_path / "map.csv", max_rejected=1
        )


# --- images


def progressive_with_scans(number):
    """A progressive JPEG whose last scan, of some bytes, stands there many times."""
    file = io.BytesIO()
    Image.new("L", (64, 64), 200).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(decoding.START_OF_SCAN)
    return data[:last] + data[last:-2] * number + data[-2:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (progressive_with_scans(2000), "scans, more than 100"),
        (b"", "unreadable"),
        (b"GIF89a" + b"\xff" * 1000, "unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>", "unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) (w) file closefile\n", "unreadable"),
        (b"#!/bin/sh\ntouch hacked\n", "unreadable"),
        (b"\x80\x05\x95" + b"x" * 100, "unreadable"),
        (gzip.compress(b"\0" * (1 << 24)), "unreadable"),
        (b"P6 100000 100000 255\n", "unreadable: Image size .* exceeds limit"),
        (b"SIMPLE  =                    T".ljust(2880), "unreadable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_rejected(tmp_path, content, reason):
    path = tmp_path / "1.jpg"
    path.write_bytes(content)
    with pytest.raises(UnusableImageError, match=reason):
        decode(path, 16)
    assert find_brightness([path], decoding.AS_THEY_ARE) == decoding.AS_THEY_ARE


def test_progressive_images_of_the_usual_kind_are_read(tmp_path):
    for options in ({"progressive": True}, {"progressive": True, "subsampling": 0, "quality": 100}, {}):
        Image.fromarray(RAMP).save(tmp_path / "1.jpg", **options)
        assert decode(tmp_path / "1.jpg", 32)[1] == 32


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(UnusableImageError, match="not a regular file"):
        decode(tmp_path / "1.png", 16)
    assert find_brightness([tmp_path / "1.png"], decoding.AS_THEY_ARE) == decoding.AS_THEY_ARE
    with pytest.raises(InputError, match="no such file"):
        read_columns(tmp_path / "1.png", ["id"])


# --- tables


def test_a_million_columns(tmp_path):
    path = tmp_path / "wide.csv"
    names = [f"c{number}" for number in range(1_000_000)]
    path.write_text("\n".join([",".join(names), *[",".join(["1"] * len(names))] * 2]) + "\n")
    assert read_columns(path, ["c999999"], ["c7"]).to_numpy().tolist() == [["1", "1"], ["1", "1"]]
    with pytest.raises(InputError, match="no column 'c1000001'; did you mean"):
        read_columns(path, ["c1000001"])


def bomb(path, size, start=b"", chunk=b"\0"):
    """A gzip file that unpacks to `size` megabytes."""
    megabyte = gzip.compress(chunk * ((1 << 20) // len(chunk)))
    path.write_bytes(gzip.compress(start) + megabyte * size)
    return path


LIMIT = """
import resource, sys
from pathlib import Path
import astropy.io.fits, astropy.io.votable
import activezoo.survey.columns
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (int(sys.argv[2]) << 20),) * 2)
from activezoo.errors import InputError
try:
    print(len(activezoo.survey.columns.read_columns(Path(sys.argv[1]), ["id"])))
except InputError as error:
    print(error)
"""


def read_within(path, megabytes):
    """What comes of reading a table in a process that may take so much memory for it."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is limited on Linux")
    command = [sys.executable, "-c", LIMIT, str(path), str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(SOURCE.parent)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_unpacks_to_gigabytes_is_read_as_far_as_a_header_may_go(tmp_path):
    path = bomb(tmp_path / "cat.csv.gz", 4000, start=b"id", chunk=b"x")
    assert path.stat().st_size < 8 << 20
    assert "no line ends in the first 64 MB" in read_within(path, 1000)


def test_columns_that_are_not_asked_for_take_no_memory(tmp_path):
    row = b"1," + b"x" * 500_000 + b"\n"
    path = bomb(tmp_path / "cat.csv.gz", 900, start=b"id,text\n", chunk=row)
    assert int(read_within(path, 700)) == 900 * ((1 << 20) // len(row))


def test_packed_tables_that_would_not_fit_are_refused(tmp_path, monkeypatch):
    table = pytest.importorskip("astropy.table").Table({"id": ["1", "2"], "yes": [1, 2]})
    monkeypatch.setattr(table_files, "LARGEST_IN_MEMORY", 20)
    for kind, name in (("fits", "cat.fits.gz"), ("votable", "cat.xml")):
        table.write(tmp_path / name, format=kind)
        if kind == "fits":
            assert len(table_files.open_table(tmp_path / name).read(["id"])) == 2
            monkeypatch.setattr(table_files, "LARGEST_IN_MEMORY", 10)
        with pytest.raises(InputError, match=f"{name}: more than 0 GB in memory; export the table"):
            table_files.open_table(tmp_path / name).read(["id"])


def test_entities_of_a_votable_do_not_explode(tmp_path):
    pytest.importorskip("astropy")
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    (tmp_path / "cat.xml").write_text(
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{entities}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        '<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="id" datatype="char" arraysize="*"/>'
        "<DATA><TABLEDATA><TR><TD>&a11;&f;</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    said = read_within(tmp_path / "cat.xml", 1000)
    assert "not a readable table" in said or said == "1\n"
    assert "root:" not in said


# --- pickles


FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "torch", "read_pickle", "unsafe_load"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_pickle_is_ever_read(path):
    """A pickle runs code; so do full YAML, and NumPy's files of objects."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not FORBIDDEN & {part for name in names for part in name.split(".")}
        if isinstance(node, ast.Attribute):
            assert node.attr not in FORBIDDEN
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"yaml.load", "eval", "exec", "np.load"}
