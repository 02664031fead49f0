"""The ready configurations of releases, on rows made to the columns that each release publishes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from snakemake.utils import update_config

from activezoo import tables
from activezoo.running.configuration import questions as questions_of
from activezoo.running.configuration import validated
from activezoo.survey import oracle
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.layout import Answers, Columns, Fractions
from activezoo.survey.questions import read_votes

ROOT = Path(__file__).parents[1]
FORMATS = ROOT.parent / "shared" / "data" / "release_formats"
GZ2, DECALS, HUBBLE, CANDELS, UKIDSS = "gz2", "gz_decals", "gz_hubble", "gz_candels", "gz_ukidss"


def configuration(name):
    """The configuration of a release, with the defaults of the default run under it."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    config, release = (
        yaml.safe_load((ROOT / "config" / path).read_text()) for path in ("config.yaml", f"releases/{name}.yaml")
    )
    update_config(config, release)
    return validated(config, schema)


def section(kind, values):
    return kind(**{field: values[field] for field in kind._fields})


def columns_of(stem, answers, *, parts, totals=()):
    """Names as releases put them together: question, answer and what is said of it; and totals of the question."""
    return [f"{stem}_{answer}{part}" for answer in answers for part in parts] + [f"{stem}{total}" for total in totals]


GZ2_PARTS = ("_count", "_weight", "_fraction", "_weighted_fraction", "_debiased", "_flag")
DECALS_PARTS = {"parts": ("", "_fraction", "_debiased"), "totals": ("_total-votes",)}
HUBBLE_PARTS = {"parts": ("_fraction",), "totals": ("_total_count",)}
CANDELS_PARTS = {"parts": ("_frac", "_weighted_frac"), "totals": ("_count", "_weight")}
UKIDSS_PARTS = {"parts": ("", "_fraction"), "totals": ("_total-votes",)}
SMOOTH = ["a01_smooth", "a02_features_or_disk", "a03_star_or_artifact"]
# Columns of the published tables, by question.
COLUMNS = {
    GZ2: {
        "smooth": columns_of("t01_smooth_or_features", SMOOTH, parts=GZ2_PARTS),
        "bar": columns_of("t03_bar", ["a06_bar", "a07_no_bar"], parts=GZ2_PARTS),
        "edge-on": columns_of("t02_edgeon", ["a04_yes", "a05_no"], parts=GZ2_PARTS),
        "spiral": columns_of("t04_spiral", ["a08_spiral", "a09_no_spiral"], parts=GZ2_PARTS),
        "odd": columns_of("t06_odd", ["a14_yes", "a15_no"], parts=GZ2_PARTS),
    },
    DECALS: {
        "smooth": columns_of("smooth-or-featured", ["smooth", "featured-or-disk", "artifact"], **DECALS_PARTS),
        "bar": columns_of("bar", ["strong", "weak", "no"], **DECALS_PARTS),
        "edge-on": columns_of("disk-edge-on", ["yes", "no"], **DECALS_PARTS),
        "spiral": columns_of("has-spiral-arms", ["yes", "no"], **DECALS_PARTS),
    },
    HUBBLE: {
        "smooth": columns_of("t01_smooth_or_features", SMOOTH, **HUBBLE_PARTS),
        "bar": columns_of("t03_bar", ["a01_bar", "a02_no_bar"], **HUBBLE_PARTS),
        "clumpy": columns_of("t12_clumpy", ["a01_yes", "a02_no"], **HUBBLE_PARTS),
    },
    CANDELS: {
        "smooth": columns_of("t00_smooth_or_featured", ["a0_smooth", "a1_features", "a2_artifact"], **CANDELS_PARTS),
        "bar": columns_of("t11_bar_feature", ["a0_yes", "a1_no"], **CANDELS_PARTS),
        "clumpy": columns_of("t02_clumpy_appearance", ["a0_yes", "a1_no"], **CANDELS_PARTS),
        "merging": columns_of(
            "t16_merging_tidal_debris",
            ["a0_merging", "a1_tidal_debris", "a2_both", "a3_neither"],
            **CANDELS_PARTS,
        ),
    },
    UKIDSS: {
        "smooth": columns_of("smooth-or-featured-ukidss", ["smooth", "featured-or-disk", "artifact"], **UKIDSS_PARTS),
        "bar": columns_of("bar-ukidss", ["yes", "no"], **UKIDSS_PARTS),
        "odd": columns_of("something-odd-ukidss", ["yes", "no"], **UKIDSS_PARTS),
    },
}
IDS = {
    GZ2: ["587722981742084144", "587722981741363294", "587722981741363323"],
    DECALS: ["J112953.88-000427.4", "J104325.29+190335.0", "J143613.03-002917.3"],
    HUBBLE: ["AGZ0007xmh", "AHZ40008nu", "AHZ1000001"],
    CANDELS: ["COS_1", "GDS_12345", "UDS_9999"],
    UKIDSS: ["524482bc3ae74054bf009c8f", "524482bb3ae74054bf004cfb", "524482bc3ae74054bf00c7f7"],
}
# Votes for the positive answers, for the others together, of three galaxies.
YES, NO = np.array([31, 0, 22]), np.array([9, 40, 22])


def write_table(columns, path):
    if path.suffix == ".fits":
        table = pytest.importorskip("astropy.table").Table({name: list(cells) for name, cells in columns.items()})
        table.write(path)
    elif path.suffix == ".parquet":
        pd.DataFrame(columns).to_parquet(path)
    else:
        pd.DataFrame(columns).to_csv(path, index=False)
    return path


def write_release(name, folder, config):
    """A release of three galaxies with the published columns: YES for the first positive answer, NO for another."""
    release, layout = config["survey"]["release"], config["survey"]["columns"]
    rows = {layout["id"]: IDS[name], "sample": ["original"] * 3}
    for question, published in COLUMNS[name].items():
        settings = config["questions"][question]
        total = settings["fractions_of"]
        answers = settings["responses"]
        assert {*answers, *settings["positive"], *([total] if total else [])} <= set(published)
        votes = dict.fromkeys(answers, np.zeros(3, int)) | {settings["positive"][0]: YES}
        votes[next(answer for answer in answers if answer not in settings["positive"])] = NO
        if total:
            votes = {answer: number / (YES + NO) for answer, number in votes.items()} | {total: YES + NO}
        rows |= {column: [0.123] * 3 for column in published} | votes  # nothing else of the question may be read
    catalogue = write_table(rows, folder / Path(release["catalogue"]).name)
    names, filename_map = IDS[name], None
    if release["filename_map"]:
        names = [10000189, 90105528, 90107105]
        filename_map = folder / Path(release["filename_map"]).name
        write_table({layout["map_id"]: IDS[name], layout["map_image"]: names}, filename_map)
    images = folder / "images"
    images.mkdir()
    for image in names:
        (images / f"{image}.jpg").touch()
    return catalogue, images, filename_map


def read_release(config, catalogue, images, filename_map, samples=()):
    galaxies, rejected = read_catalogue(
        catalogue,
        images,
        section(Columns, config["survey"]["columns"]),
        filename_map=filename_map,
        samples=samples,
        max_rejected=0,
    )
    assert rejected.num_rows == 0
    votes = {}
    for question in config["questions"]:
        settings = config["questions"][question]
        votes[question], _ = read_votes(
            catalogue,
            galaxies,
            section(Answers, settings),
            section(Fractions, settings),
            min_responses=1,
            max_rejected=0,
        )
    return galaxies, votes


@pytest.mark.parametrize("name", IDS)
def test_a_release_of_the_published_columns_is_read(name, tmp_path):
    config = configuration(name)
    assert config["questions"].keys() == COLUMNS[name].keys()
    galaxies, votes = read_release(config, *write_release(name, tmp_path, config), config["survey"]["samples"])
    assert galaxies["id"].to_pylist() == IDS[name]
    for question in config["questions"]:
        assert votes[question].to_pydict() == {"id": IDS[name], "k": YES.tolist(), "N": (YES + NO).tolist()}


def test_every_release_that_has_a_configuration_is_tested():
    assert {path.stem for path in (ROOT / "config/releases").iterdir()} == set(IDS)


def tree_of_gz2():
    """The configuration of the whole tree, on top of that of the release, and its questions."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    config, *others = (yaml.safe_load((ROOT / "config" / path).read_text()) for path in GZ2_TREE)
    for other in others:
        update_config(config, other)
    config = validated(config, schema)
    return config, questions_of(config)


GZ2_TREE = ("config.yaml", "gz2.yaml", "gz2_tree.yaml")


def test_the_whole_tree_of_galaxy_zoo_2_gives_each_question_to_those_who_come_to_it(tmp_path):
    config, questions = tree_of_gz2()
    assert len(questions) == 11
    assert sum(len(question.answers) for question in questions.values()) == 37
    rng = np.random.default_rng(1)
    counts = {}
    for question in questions.values():
        asked = (
            40
            if question.asked_if is None
            else sum(
                counts[questions[question.asked_if.question].answers[answer][0]] for answer in question.asked_if.answers
            )
        )
        drawn = rng.multinomial(np.broadcast_to(asked, 3), np.full(len(question.answers), 1 / len(question.answers)))
        counts |= {columns[0]: drawn[:, place] for place, columns in enumerate(question.answers.values())}
    catalogue = write_table({"dr7objid": IDS[GZ2], "sample": ["original"] * 3, **counts}, tmp_path / "gz2.csv")
    galaxies = pa.table({"row": [2, 3, 4], "id": IDS[GZ2]})
    labelled = {}
    for name, question in questions.items():
        settings = config["questions"][name]
        votes, _ = read_votes(
            catalogue,
            galaxies,
            section(Answers, settings),
            named=settings["answers"],
            min_responses=1,
            max_rejected=0,
        )
        tables.write(votes, tmp_path / "votes.parquet")
        if question.asked_if is None:
            found = oracle.label(IDS[GZ2], np.full(3, 40), tmp_path / "votes.parquet", name, 0)
        else:
            before, leading = question.asked_if
            found = oracle.label_below(labelled[before], leading, tmp_path / "votes.parquet", name)
        labelled[name] = found
        assert found["id"].to_pylist() == votes["id"].to_pylist()
        for answer, columns in question.answers.items():
            rows = [IDS[GZ2].index(galaxy) for galaxy in found["id"].to_pylist()]
            assert found[f"answer_{answer}"].to_pylist() == counts[columns[0]][rows].tolist()


@pytest.mark.skipif(not FORMATS.is_dir(), reason=f"no real data in {FORMATS}")
def test_real_rows_have_all_answers_of_the_tree():
    _, questions = tree_of_gz2()
    raw = pd.read_csv(FORMATS / "galaxy_zoo_2/gz2_hart16.csv")
    votes = {
        name: {answer: raw[list(of)].sum(axis=1) for answer, of in question.answers.items()}
        for name, question in questions.items()
    }
    for name, question in questions.items():
        if question.asked_if:
            before, leading = question.asked_if
            came = sum(votes[before][answer] for answer in leading)
            assert sum(votes[name].values()).tolist() == came.tolist()


@pytest.mark.skipif(not FORMATS.is_dir(), reason=f"no real data in {FORMATS}")
@pytest.mark.parametrize(
    ("name", "catalogue", "images", "filename_map"),
    [
        (GZ2, "galaxy_zoo_2/gz2_hart16.csv", "galaxy_zoo_2/images", "galaxy_zoo_2/gz2_filename_mapping.csv"),
        (DECALS, "galaxy_zoo_decals/gz_decals_volunteers_5.csv", "galaxy_zoo_decals", None),
    ],
)
def test_real_rows(name, catalogue, images, filename_map):
    config = configuration(name)
    paths = [path and FORMATS / path for path in (catalogue, images, filename_map)]
    galaxies, votes = read_release(config, *paths)
    assert galaxies.num_rows >= 3
    raw = pd.read_csv(FORMATS / catalogue, dtype={config["survey"]["columns"]["id"]: str})
    raw = raw.set_index(config["survey"]["columns"]["id"])
    for question, settings in config["questions"].items():
        for row in votes[question].to_pylist():
            assert row["k"] == raw.loc[row["id"], settings["positive"]].sum()
            assert row["N"] == raw.loc[row["id"], settings["responses"]].sum()
