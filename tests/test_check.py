"""The page about a survey: what would stop a run, what can be used, what was assumed, and what the network sees."""

import html
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from activezoo import randomness, tables
from activezoo.cli import main
from activezoo.errors import InputError
from activezoo.report.figures.survey import votes_given
from activezoo.report.html_page import page as html_page
from activezoo.report.markdown import markdown_code, markdown_table, markdown_text
from activezoo.steps import check
from activezoo.survey import checking, samples
from activezoo.survey.checking import Demand, Files, Loop, assumptions
from activezoo.survey.decoding import AS_THEY_ARE
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.layout import Answers, ClassColumns, Columns, Fractions
from workflow_runs import overlay, snakemake

COLUMNS = Columns("id", None, "id", "image")
ANSWERS = {"positive": ["yes"], "responses": ["yes", "no"], "fractions_of": None, "fraction_tolerance": 0.05}
LOOP = {"min_responses": 10, "initial": 4, "acquire": 4, "unit": "galaxies", "few_votes": None}


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


SETTINGS = {
    "columns": COLUMNS,
    "other_columns": [],
    "max_rejected": 0.05,
    "loop": Loop(("smooth",), iterations=4, test_galaxies=5),
    "stored_size": 16,
}


def look(folder, catalogue="cat.csv", filename_map=None, asked=None, **changes):
    """What is found, and what would stop a run."""
    files = Files(folder / "images", catalogue and folder / catalogue, filename_map and folder / filename_map)
    questions = {"smooth": question()} if asked is None else asked
    options = {"wanted_samples": [], "empty_is_zero": False, "brightness": AS_THEY_ARE}
    return checking.check(files, questions=questions, **SETTINGS | options | changes)


def question(**changes):
    keys = ANSWERS | LOOP | changes
    parts = [kind(**{key: keys.pop(key) for key in kind._fields}) for kind in (Answers, Fractions)]
    return Demand(*parts, **keys)


def page_of(folder, **changes):
    """The page that the step makes, which fails if a run would stop."""
    own = {
        "survey": "own",
        "catalogue": folder / "cat.csv",
        "images": folder / "images",
        "samples": [],
        "asked": json.dumps({"smooth": ANSWERS | LOOP}),
        "classes": ClassColumns("id", "class", ("weak",)),
        "asinh": AsinhStretch(),
        "shown_as": "smooth",
        "zoom": [1.0, 1.2],
        "input_size": 8,
        "folder": folder / "check",
    }
    check.run(**SETTINGS | own | changes)
    return (folder / "check/README.md").read_text()


def test_the_page_says_what_can_be_used_and_why_the_rest_cannot(survey):
    page = page_of(survey)
    assert "29 of 30 galaxies have an id and an image. Of 29 images at random, 28 can be used." in page
    assert "## What stops a run\n\nNothing that was looked at." in page
    assert "| smooth | 28 | 44.5 (30 to 58) |" in page
    assert "| fewer than 10 responses: 1 |" in page
    assert "| no image file | 1 | row 31: `g29` |" in page
    assert "| `g7` |" in page
    assert "unreadable" in page
    assert "read as latin-1" in page
    assert (survey / "check/check.html").read_text().count("data:image/webp") == 2


def test_files_are_read_anew_each_time(survey):
    assert not look(survey).stops
    rows = pd.read_csv(survey / "cat.csv", encoding="latin-1")
    rows.drop(columns="no").to_csv(survey / "cat.csv", index=False)
    assert look(survey).stops == [f"{survey / 'cat.csv'}: no column 'no'; it has id, yes, größe"]


def test_all_that_stops_a_run_is_said_at_once(survey):
    catalogue = (survey / "cat.csv").read_text("latin-1")
    (survey / "cat.csv").write_text(catalogue.replace("id,yes", "id,yess"))
    (survey / "experts.csv").write_text("id\ng1\n")
    with pytest.raises(InputError) as error:
        page_of(
            survey,
            asked=json.dumps({"smooth": ANSWERS | LOOP | {"fractions_of": "total"}}),
            experts=survey / "experts.csv",
            other_columns=["redshift", "no"],
        )
    said, *stops = str(error.value).splitlines()
    assert said == f"{survey / 'check/README.md'}: a run of this survey would stop"
    for part, stop in zip(
        ["no column 'yes'; did you mean yess", "no column 'total'", "experts.csv: no column 'class'"],
        stops,
        strict=True,
    ):
        assert part in stop
    page = (survey / "check/README.md").read_text()
    assert page.partition("## What stops a run")[2].partition("## ")[0].count("\n- ") == 3
    assert "cat.csv has no columns redshift: a run does without them" in page
    assert "0 of 0" not in page


def test_files_that_are_not_there_yet(survey):
    (survey / "cat.csv").unlink()
    found = look(survey, filename_map="map.csv")
    catalogue, names = found.stops
    assert catalogue.startswith(
        f"{survey / 'cat.csv'}: no such file. It is survey.release.catalogue of the configuration: put the file there"
    )
    assert "map.csv: no such file. It is survey.release.filename_map" in names
    assert (found.galaxies.num_rows, found.questions, found.sample.read) == (0, {}, 0)


def test_columns_are_looked_for_before_the_images_are_there(survey):
    (survey / "images").rename(survey / "elsewhere")
    images, column = look(survey, asked={"smooth": question(responses=["yes", "No"])}).stops
    assert "images: no such file. It is survey.release.images" in images
    assert "no column 'No'" in column


def test_too_many_defects_stop_a_run_and_the_rest_is_looked_at(survey):
    for number in range(10, 14):
        (survey / f"images/g{number}.png").unlink()
    for number in range(14, 16):
        (survey / f"images/g{number}.png").write_bytes(b"")
    found = look(survey, loop=Loop(("smooth",), iterations=3, test_galaxies=5))
    rows, images = found.stops
    assert "5 of 30 rows have a defect" in rows
    assert "3 of 25 images that were looked at cannot be used" in images
    assert found.questions["smooth"].usable.num_rows == 24
    assert found.rejected["reason"].to_pylist() == ["no image file"] * 5


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({"asked": {"smooth": question(initial=24)}}, "28 usable galaxies are too few for 5 test and 24 initial ones"),
        ({"asked": {"smooth": question(acquire=5)}}, "4 iterations of 5 galaxies need 20, but the pool has 19"),
        (
            {"asked": {"smooth": question(unit="votes", few_votes=2, acquire=10)}},
            "4 iterations of 10 votes need 40, but the pool has 38",
        ),
        ({"loop": Loop((), 4, test_galaxies=28)}, "28 usable galaxies are too few for 28 test and 0 initial"),
        ({"asked": {"smooth": question(min_responses=99)}}, "no usable galaxy among 29 rows"),
        ({"asked": {"smooth": question(responses=["größe"])}}, "28 more positive votes than responses"),
        ({"asked": {"smooth": question(fractions_of="größe")}}, "28 vote fraction not between 0 and 1"),
        ({"stored_size": 25}, "29 of 29 images that were looked at cannot be used"),
        ({"catalogue": None, "max_rejected": 0}, "1 of 29 images that were looked at cannot be used"),
    ],
)
def test_what_stops_a_run(survey, changes, stop):
    rows = pd.read_csv(survey / "cat.csv", encoding="latin-1").drop(index=29)
    rows.to_csv(survey / "cat.csv", index=False)
    (found,) = look(survey, **changes).stops
    assert stop in found


def test_a_loop_that_the_pool_can_feed_is_not_stopped(survey):
    assert not look(survey, asked={"smooth": question(unit="votes", few_votes=2, acquire=9)}).stops
    assert not look(survey, loop=Loop((), iterations=99, test_galaxies=27)).stops


@pytest.mark.parametrize(("stored_size", "status"), [(24, 0), (25, 1)])
def test_a_run_stops_before_it_stores_images_too_many_of_which_cannot_be_used(survey, capsys, stored_size, status):
    names = [f"g{number}" for number in range(29)]
    images = [str(survey / f"images/{name}.png") for name in names]
    tables.write({"id": names, "image": images}, survey / "galaxies.parquet")
    files = [f"--galaxies={survey / 'galaxies.parquet'}", f"--unusable={survey / 'unusable.parquet'}"]
    settings = [f"--stored-size={stored_size}", "--Q=8", "--bands=0", "--max-rejected=0.05"]
    assert main(["check_images", *files, *settings]) == status
    if status:
        assert "29 of 29 images that were looked at cannot be used" in capsys.readouterr().err
        assert not (survey / "unusable.parquet").exists()
    else:
        assert tables.read(survey / "unusable.parquet")["id"].to_pylist() == ["g7"]


def test_a_sample_stops_a_run_only_if_it_is_sure(tmp_path):
    """Of many images, seven bad ones in a hundred may be luck where 5 in a hundred are allowed; fifteen are not."""
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images/0.png")
    for number in range(1, 200):
        (tmp_path / f"images/{number}.png").hardlink_to(tmp_path / "images/0.png")
    names = sorted(map(str, range(200)))
    read = [names[place] for place in randomness.generator("check").choice(200, samples.READ, replace=False)]
    for bad, stops in ((7, []), (15, ["15 of 100 images that were looked at cannot be used"])):
        for name in read[:bad]:
            (tmp_path / f"images/{name}.png").unlink()
            (tmp_path / f"images/{name}.png").touch()
        found = look(tmp_path, catalogue=None).stops
        assert len(found) == len(stops)
        assert all(map(str.startswith, found, stops))


SIGNS = [
    "a|b",
    "`a`",
    "a`|``b",
    "``",
    "|",
    "*a*",
    "_a_",
    "[a](b)",
    "<b>",
    "a\\|b",
    "a\nb",
    "\x1b[31m",
    "$\\f$",
    "&amp;",
    " ",
]


@pytest.mark.parametrize("text", SIGNS)
def test_text_from_elsewhere_stays_as_it_is_on_a_page(tmp_path, text):
    """Ids, names of files and messages may have any letters; a table keeps its columns."""
    page = tmp_path / "page.md"
    page.write_text(markdown_table(("code", "text"), [(markdown_code(text), f"x{markdown_text(text)}x")]) + "\n")
    shown = text.encode("unicode_escape").decode() if "\n" in text or "\x1b" in text else text
    assert cells(html_page([page])) == [shown if text.strip() else repr(text), f"x{shown}x"]


def cells(page):
    return [html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall("<td>(.*?)</td>", page, re.DOTALL)]


def test_ids_of_any_letters_stand_on_the_page(survey):
    rows = pd.read_csv(survey / "cat.csv", encoding="latin-1").drop(columns="größe")
    for number, sign in enumerate(["a|b", "g$\\frac$`|"]):
        rows.loc[number, "id"] = sign
    rows.to_csv(survey / "cat.csv", index=False)
    (survey / "images/g1.png").rename(survey / "images/g$\\frac$`|.png")
    page = page_of(survey, max_rejected=1)
    assert "| no image file | 2 | row 2: `a\\|b` |" in page
    assert cells((survey / "check/check.html").read_text())[-6:-4] == ["no image file", "2"]


def test_axes_of_votes_have_whole_numbers():
    for votes in ([2, 3, 3], [1, 1], [5, 90, 91]):
        given = pd.DataFrame({"k": 1, "N": votes})
        axes = votes_given({"smooth": given}).axes[0]
        assert all(tick == round(tick) for tick in axes.get_xticks())
        bars = {round(bar.get_x() + bar.get_width() / 2, 6): int(bar.get_height()) for bar in axes.patches}
        assert sum(bars.values()) == len(votes)
        if max(votes) < 40:
            assert {place: high for place, high in bars.items() if high} == pd.Series(votes).value_counts().to_dict()


def test_the_same_galaxies_are_looked_at_each_time(survey):
    ids = [f"g{number}" for number in range(29)]
    galaxies = pa.table({"id": ids, "image": [str(survey / f"images/{name}.png") for name in ids]})
    first, again = (samples.look_at(galaxies.num_rows, galaxies.take, 16, AS_THEY_ARE) for _ in range(2))
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
        logging.getLogger("activezoo.survey.rejection").info("717 of 717 rows are usable")  # counted, not assumed
        logging.getLogger("activezoo.survey.table_files").info("read as %s", "latin-1")
        logging.getLogger("elsewhere").warning("nothing of the survey")
    logging.getLogger("activezoo.survey").warning("later")
    assert said == ["read as latin-1"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("check", "cat.csv: no such file. It is survey.release.catalogue"),
        ("download", "cat.csv: name it like gz2_hart16.csv.gz"),
    ],
)
def test_a_step_that_fails_before_a_pipe_fails(tmp_path, target, said):
    """The output of these two goes to the terminal and to a log at once, by way of a pipe."""
    release = {"catalogue": "cat.csv", "filename_map": "map.csv", "images": "images"}
    printed = snakemake(
        tmp_path,
        target,
        configfiles=overlay(tmp_path, survey={"name": "own", "kind": "release", "release": release}),
        succeeds=False,
    )
    assert said in printed
    assert said in (tmp_path / f"logs/own/{target}.log").read_text()
    assert (tmp_path / "results/own/check/check.html").exists() == (target == "check")
