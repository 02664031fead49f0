"""What is fuzzed: the readers of what users have. Any bytes give a result, or the error that says what is wrong."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import numpy as np
import yaml

from activezoo.errors import InputError
from activezoo.running import configuration
from activezoo.survey import table_files
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.columns import read_columns
from activezoo.survey.decoding import AS_THEY_ARE, UnusableImageError, decode, find_brightness
from activezoo.survey.layout import Answers, Columns, Fractions
from activezoo.survey.questions import read_votes

SIZE = 16
DEFAULT = configuration.load(configuration.DEFAULT_RUN)
SCHEMA = yaml.safe_load(configuration.SCHEMA.read_text(encoding="utf-8"))


def catalogue(data: bytes, folder: Path) -> None:
    """A file of any bytes as catalogue, filename map and votes: a galaxy's votes are numbers, k is at most N."""
    path = folder / "catalogue"
    path.write_bytes(data)
    images = folder / "images"
    images.mkdir(exist_ok=True)
    (images / "1.png").touch()
    with suppress(InputError):
        names = table_files.open_table(path).names
        read_columns(path, [], names)
        first, *others = names
        columns = Columns(first, None, first, names[-1])
        galaxies, rejected = read_catalogue(path, images, columns, filename_map=path, max_rejected=1)
        assert galaxies.num_rows
        assert not set(galaxies["row"].to_pylist()) & set(rejected["row"].to_pylist())
        for fractions in (Fractions(), Fractions(first)) if others else ():
            answers = Answers(others[:1], others)
            votes, _ = read_votes(path, galaxies, answers, fractions, min_responses=1, max_rejected=1)
            k, responses = (votes[name].to_numpy() for name in "kN")
            assert (k >= 0).all()
            assert (k <= responses).all()


def images(data: bytes, folder: Path) -> None:
    """A file of any bytes as image: pixels of one size, or the reason why not."""
    path = folder / "image"
    path.write_bytes(data)
    for brightness in (AS_THEY_ARE, find_brightness([path], AS_THEY_ARE)):
        with suppress(UnusableImageError):
            pixels, side = decode(path, SIZE, brightness)
            assert pixels.shape == (SIZE, SIZE, 3)
            assert pixels.dtype == np.uint8
            assert side >= SIZE


def config(data: bytes, folder: Path) -> None:
    """A file of any bytes as configuration: all values are of their types, and the names of questions are text."""
    path = folder / "config.yaml"
    path.write_bytes(data)
    with suppress(InputError):
        merged = configuration.on_top(DEFAULT, configuration.load(path))
        read = configuration.validated(merged, deepcopy(SCHEMA))
        assert all(isinstance(name, str) for name in read["questions"])
        assert isinstance(read["loop"]["iterations"], int)


TARGETS: dict[str, Callable[[bytes, Path], None]] = {"catalogue": catalogue, "images": images, "config": config}


# --- what fuzzing starts from


def seeds(target: str) -> list[bytes]:
    """Small files of each kind."""
    return {"catalogue": _tables, "images": _images, "config": _configs}[target]()


def _tables() -> list[bytes]:
    import pandas as pd
    from astropy.table import Table

    rows = {"id": ["1", "é2", "3"], "yes": [3, 0, 12], "no": [4, 9, 0], "share": [0.5, np.nan, 1]}
    frame = pd.DataFrame(rows)
    csv = frame.to_csv(index=False).encode()
    files = [csv, csv.replace(b",", b"\t"), csv.decode().encode("utf-16"), csv.decode().encode("latin-1")]
    files += [b'id,"a\nb"\n1,"2\n""3"\n', b"\xef\xbb\xbf" + csv, gzip.compress(csv), b"", b"id\n1\n", b"a,a\n1,1\n"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../table.csv", csv)
    files.append(packed.getvalue())
    for write in (
        lambda file: frame.to_parquet(file),
        lambda file: Table(rows | {"id": ["1", "2", "3"]}).write(file, format="fits"),
        lambda file: Table(rows).write(file, format="votable"),
    ):
        file = io.BytesIO()
        write(file)
        files.append(file.getvalue())
    return files


def _images() -> list[bytes]:
    from astropy.io import fits
    from PIL import Image

    ramp = np.arange(20 * 20 * 3).reshape(20, 20, 3)
    colour = Image.fromarray((ramp % 256).astype(np.uint8))
    deep = Image.fromarray((ramp[..., 0] * 50).astype(np.uint16))
    files = []
    for image, kind in (
        *((colour, kind) for kind in ("JPEG", "PNG", "TIFF", "GIF", "BMP", "PPM", "WEBP")),
        *((deep, kind) for kind in ("PNG", "TIFF")),
        (colour.convert("CMYK"), "JPEG"),
        (colour.convert("P"), "PNG"),
        (colour.convert("LA"), "PNG"),
    ):
        file = io.BytesIO()
        image.save(file, kind)
        files.append(file.getvalue())
    for cube in (ramp[..., 0].astype(np.float32), np.moveaxis(ramp, 2, 0).astype(np.int16)):
        file = io.BytesIO()
        fits.PrimaryHDU(cube).writeto(file)
        files += [file.getvalue(), gzip.compress(file.getvalue())]
    return files


def _configs() -> list[bytes]:
    root = Path(__file__).parents[2]
    paths = [*root.glob("config/**/*.yaml"), *root.glob("tests/config/*.yaml")]
    return [
        *[path.read_bytes() for path in paths],
        b"a: &a [1, 2]\nb: *a\n<<: {c: 1}\n",
        b"questions: {no: {positive: yes, responses: [yes, 1e3, 2020-01-01, null], initial: 8, acquire: 4}}\n",
        b"loop: {seeds: [1, 2.0], iterations: '3'}\n",
    ]
