"""The page that browses the catalogue: what it holds, and what it does in a browser."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PIL import Image

from activezoo import tables
from activezoo.report import browse_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
IDS = ["a", "b</script><script>alert(1)</script>", "c", "d"]


@pytest.fixture
def images(tmp_path):
    """Index of four stored images of 80 pixels, each of one grey."""
    pixels = np.broadcast_to(np.array([40, 90, 150, 220], np.uint8)[:, None, None, None], (4, 80, 80, 3))
    pixels.tofile(tmp_path / "shard_0.tfrecord")
    offsets = np.arange(4) * 80 * 80 * 3
    tables.write({"id": IDS, "shard": [0] * 4, "offset": offsets, "size": [80] * 4}, tmp_path / "index.parquet")
    return tmp_path / "index.parquet"


@pytest.fixture
def catalogue(tmp_path):
    table = {
        "id": IDS,
        "role": ["test", "trained", "other", "trained"],
        "t03_bar_a06_bar_fraction": [0.1, 0.5, 0.52, 0.93],
        "t03_bar_a06_bar_fraction_low_95": [0.05, 0.2, 0.5, 0.9],
        "t03_bar_a06_bar_fraction_high_95": [0.2, 0.8, 0.55, 1.0],
        "mutual_information": [0.1, 0.9, 0.2, 0.3],
    }
    tables.write(table, tmp_path / "catalogue.parquet")
    return tmp_path / "catalogue.parquet"


def data_of(html):
    return json.loads(re.search(r"^const data = (.*);$", html, re.M).group(1))


def test_the_page_holds_numbers_histogram_and_images_and_asks_the_network_for_nothing(catalogue, images):
    html = browse_page.page("x<y", {"bar": catalogue}, images, 10)
    found = data_of(html)
    assert found["ids"] == IDS
    bar = found["questions"]["bar"]
    assert bar["fraction"] == [0.1, 0.5, 0.52, 0.93]
    assert (bar["low"][1], bar["high"][1], bar["information"][1], bar["role"][1]) == (0.2, 0.8, 0.9, "trained")
    assert (bar["histogram"][2], bar["histogram"][10], bar["histogram"][18], sum(bar["histogram"])) == (1, 2, 1, 4)
    assert "<script>alert" not in html
    assert "x&lt;y" in html
    assert not re.search(r"https?://", html)
    (sheet,) = re.findall(r"url\(data:image/jpeg;base64,([^)]+)\)", html)
    image = Image.open(io.BytesIO(base64.b64decode(sheet)))
    assert image.size == (browse_page.SIDE * browse_page.IN_ROW, browse_page.SIDE)
    greys = [image.getpixel((browse_page.SIDE * place + 32, 32))[0] for place in range(4)]
    assert greys == pytest.approx([40, 90, 150, 220], abs=4)


def test_a_galaxy_that_a_question_does_not_have_has_no_numbers_there(catalogue, images):
    fewer = tables.read(catalogue)
    tables.write(fewer.filter(pc.not_equal(fewer["id"], "c")), catalogue.with_stem("fewer"))
    html = browse_page.page("survey", {"bar": catalogue, "spiral": catalogue.with_stem("fewer")}, images, 10)
    found = data_of(html)["questions"]["spiral"]
    assert found["fraction"] == [0.1, 0.5, None, 0.93]
    assert found["all"] == 3


def test_of_a_large_survey_the_extreme_galaxies_are_shown_and_a_sample(tmp_path):
    rng = np.random.default_rng(1)
    fraction = np.sort(rng.random(20_000))  # so that a sample of the first alone would be seen
    table = pd.DataFrame(
        {
            "fraction": fraction,
            "low": fraction - rng.random(20_000),
            "high": fraction,
            "information": rng.random(20_000),
        },
        index=[f"galaxy {number}" for number in range(20_000)],
    )
    names = {"fraction": "f_fraction", "low": "f_fraction_low_95", "high": "f_fraction_high_95"}
    names |= {"information": "mutual_information", "index": "id"}
    published = table.assign(role="other").reset_index().rename(columns=names)
    parts = (pa.Table.from_pandas(published[start : start + 1500]) for start in range(0, 20_000, 1500))
    tables.write_stream(parts, tmp_path / "catalogue.parquet")
    read = browse_page.read_catalogue(tmp_path / "catalogue.parquet", 1000)
    assert read.number == read.histogram.sum() == 20_000
    assert len(read.candidates) < 1500
    found = browse_page.chosen({"bar": read}, 1000)
    assert len(set(found)) == len(found) == 1000
    for values in (table.fraction, table.information, table.high - table.low):
        assert {values.idxmin(), values.idxmax()} <= set(found)
    others = table.fraction[found[-500:]]
    assert others.mean() == pytest.approx(0.5, abs=0.06)
    whole = browse_page.read_catalogue(tmp_path / "catalogue.parquet", 20_000)
    assert browse_page.chosen({"bar": whole}, 20_000) == table.index.tolist()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_galaxies_are_ordered_searched_and_filtered(catalogue, images, tmp_path):
    from playwright.sync_api import sync_playwright

    path = tmp_path / "galaxies.html"
    path.write_text(browse_page.page("survey", {"bar": catalogue}, images, 10), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page()
        errors = []
        view.on("pageerror", lambda error: errors.append(error))
        view.goto(path.as_uri())

        def shown():
            return [text.splitlines()[0] for text in view.locator("#galaxies li").all_inner_texts()]

        assert shown() == [IDS[1], "a", "d", "c"]
        view.select_option("#order", "high")
        assert shown() == ["d", "c", IDS[1], "a"]
        view.locator("#histogram button").nth(10).click()
        assert shown() == ["c", IDS[1]]
        view.fill("#search", "script")
        assert shown() == [IDS[1]]
        assert view.inner_text("#count") == "1 galaxies found"
        assert errors == []
        browser.close()
