"""The page about a survey: what can be used, what cannot and why, what was assumed, and what the network sees."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from activezoo import tables
from activezoo.report.survey_page import assumptions
from activezoo.steps import check
from activezoo.survey import samples
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.decoding import AS_THEY_ARE
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.layout import Answers, Columns
from activezoo.survey.questions import read_votes

COLUMNS = Columns("id", None, "id", "image")
ANSWERS = Answers(["yes"], ["yes", "no"])


@pytest.fixture
def survey(tmp_path):
    """Thirty galaxies, one of them without an image, one with a broken one, one with too few votes."""
    rng = np.random.default_rng(1)
    rows = [{"id": f"g{number}", "yes": 10 + number, "no": 20, "größe": 1} for number in range(30)]
    rows[3]["yes"], rows[3]["no"] = 1, 1
    pd.DataFrame(rows).to_csv(tmp_path / "cat.csv", index=False, encoding="latin-1")
    (tmp_path / "images").mkdir()
    for number in range(29):
        pixels = rng.integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/g{number}.png")
    (tmp_path / "images/g7.png").write_bytes(b"no image")
    return tmp_path


def run(folder):
    galaxies, rejected = read_catalogue(folder / "cat.csv", folder / "images", COLUMNS, max_rejected=1)
    tables.write(galaxies, folder / "galaxies.parquet")
    tables.write(rejected, folder / "rejected.parquet")
    (folder / "smooth").mkdir()
    votes, unusable = read_votes(folder / "cat.csv", galaxies, ANSWERS, min_responses=10, max_rejected=1)
    tables.write(votes, folder / "smooth/votes.parquet")
    tables.write(unusable, folder / "smooth/rejected.parquet")
    check.run(
        survey="own",
        catalogue=folder / "cat.csv",
        galaxies=folder / "galaxies.parquet",
        rejected=folder / "rejected.parquet",
        votes=[folder / "smooth/votes.parquet"],
        rejected_votes=[folder / "smooth/rejected.parquet"],
        stored_size=16,
        asinh=AsinhStretch(),
        shown_as="smooth",
        zoom=[1.0, 1.2],
        input_size=8,
        folder=folder / "check",
    )
    return (folder / "check/README.md").read_text()


def test_the_page_says_what_can_be_used_and_why_the_rest_cannot(survey):
    page = run(survey)
    assert "29 of 30 galaxies have an id and an image. Of 29 images at random, 28 can be used." in page
    assert "| smooth | 28 | 44 (30 to 58) |" in page
    assert "| 1 fewer than 10 responses |" in page
    assert "| no image file | 1 | row 31: `g29` |" in page
    assert "| `g7` |" in page
    assert "unreadable" in page
    assert "read as latin-1" in page
    html = (survey / "check/check.html").read_text()
    assert html.count("data:image/webp") == 2


def test_the_same_galaxies_are_looked_at_each_time(survey):
    galaxies = pd.DataFrame({"id": [f"g{number}" for number in range(29)]})
    galaxies["image"] = [str(survey / f"images/{name}.png") for name in galaxies.id]
    first, again = (samples.look_at(galaxies, 16, AS_THEY_ARE) for _ in range(2))
    assert first.ids == again.ids
    assert len(first.pixels) == samples.SHOWN
    assert first.unusable.id.tolist() == ["g7"]


def test_the_network_sees_the_middle_in_grey():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[8:24, 8:24] = 30, 60, 90
    seen = samples.as_seen(pixels, 2.0, 16)
    assert seen.shape == (16, 16, 3)
    assert (seen == 60).all()
    assert (samples.as_seen(pixels, 1.0, 16)[0] == 0).all()


def test_what_readers_say_is_collected_and_nothing_else_is_changed(caplog):
    import logging

    with assumptions() as said:
        logging.getLogger("activezoo.survey.table_files").info("read as %s", "latin-1")
        logging.getLogger("elsewhere").warning("nothing of the survey")
    logging.getLogger("activezoo.survey").warning("later")
    assert said == ["read as latin-1"]
