import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.catalogue import Columns, Question, read_catalogue, read_features, read_images, read_questions
from activezoo.cli import main
from activezoo.errors import InputError

DATA = Path(__file__).parents[1].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")

SMOOTH = Question(["smooth"], ["smooth", "featured", "artifact"], 20)
BAR = Question(["bar"], ["bar", "no_bar"], 10)
ROW = {
    "dr7objid": "587739505552785605",
    "sample": "original",
    "smooth": 27,
    "featured": 10,
    "artifact": 1,
    "bar": 3,
    "no_bar": 9,
}


class Survey:
    """A small survey in a folder; each row is ROW, with an id of its own, changed as asked for."""

    def __init__(self, folder):
        self.catalogue = folder / "gz2_hart16.csv"
        self.filename_map = folder / "gz2_filename_mapping.csv"
        self.images = folder / "images_gz2" / "images"

    def write(self, *changes, rows=0):
        changes = [*changes, *({} for _ in range(rows))]
        frame = pd.DataFrame([{**ROW, "dr7objid": str(587700000000000001 + i), **c} for i, c in enumerate(changes)])
        frame.to_csv(self.catalogue, index=False)
        ids = frame["dr7objid"].dropna().unique()
        self.write_map({galaxy: f"asset{number}" for number, galaxy in enumerate(ids)})
        self.write_images(f"asset{number}.jpg" for number in range(len(ids)))
        return self

    def write_map(self, assets):
        entries = pd.DataFrame({"objid": assets.keys(), "sample": "original", "asset_id": assets.values()})
        entries.to_csv(self.filename_map, index=False)

    def write_images(self, names):
        for name in names:
            (self.images / name).parent.mkdir(parents=True, exist_ok=True)
            (self.images / name).touch()

    def read(self, questions=None, **options):
        options = {"filename_map": self.filename_map, "max_rejected": 1.0, **options}
        return read_catalogue(self.catalogue, self.images, questions or {"smooth": SMOOTH, "bar": BAR}, **options)

    def rejected(self, **options):
        return self.read(**options).rejected.to_pylist()


@pytest.fixture
def survey(tmp_path):
    return Survey(tmp_path)


def test_good_rows_become_galaxies_and_votes(survey):
    result = survey.write({}, {"bar": 1, "no_bar": 1}).read()
    first, second = "587700000000000001", "587700000000000002"
    assert result.galaxies.to_pylist() == [
        {"id": first, "image": str(survey.images / "asset0.jpg"), "usable_smooth": True, "usable_bar": True},
        {"id": second, "image": str(survey.images / "asset1.jpg"), "usable_smooth": True, "usable_bar": False},
    ]
    assert result.votes.to_pylist() == [
        {"id": first, "question": "smooth", "k": 27, "N": 38},
        {"id": second, "question": "smooth", "k": 27, "N": 38},
        {"id": first, "question": "bar", "k": 3, "N": 12},
    ]
    assert result.votes.schema.field("k").type == result.votes.schema.field("N").type == pa.int32()
    assert result.rejected.to_pylist() == [
        {
            "row": 3,
            "id": second,
            "question": "bar",
            "column": None,
            "value": "2",
            "reason": "fewer than 10 responses",
            "defect": False,
        }
    ]


@pytest.mark.parametrize(
    ("change", "column", "value", "reason"),
    [
        ({"bar": -3}, "bar", "-3", "negative votes"),
        ({"no_bar": 9.5}, "no_bar", "9.5", "fractional votes"),
        ({"no_bar": "inf"}, "no_bar", "inf", "fractional votes"),
        ({"bar": "many"}, "bar", "many", "votes not a number"),
        ({"bar": None}, "bar", None, "votes for some of the answers missing"),
        ({"bar": 2**31}, None, str(2.0**31 + 9), "more votes than can be stored"),
    ],
)
def test_bad_votes_reject_the_row_for_their_question(survey, change, column, value, reason):
    result = survey.write({}, change).read()
    assert result.rejected.to_pylist() == [
        {
            "row": 3,
            "id": "587700000000000002",
            "question": "bar",
            "column": column,
            "value": value,
            "reason": reason,
            "defect": True,
        }
    ]
    assert result.galaxies["usable_smooth"].to_pylist() == [True, True]
    assert result.galaxies["usable_bar"].to_pylist() == [True, False]


def test_more_positive_votes_than_responses(survey):
    total = {"bar": Question(["bar"], ["total"], 10)}
    (row,) = survey.write({"total": 12}, {"total": 40, "bar": 41}).read(total).rejected.to_pylist()
    assert (row["row"], row["question"], row["value"], row["defect"]) == (3, "bar", "k = 41, N = 40", True)
    assert row["reason"] == "more positive votes than responses"


@pytest.mark.parametrize(
    ("change", "value", "reason"),
    [
        ({"bar": None, "no_bar": None}, None, "no votes recorded"),
        ({"bar": 0, "no_bar": 0}, "0", "no responses"),
        ({"bar": 0, "no_bar": 9}, "9", "fewer than 10 responses"),
    ],
)
def test_too_few_votes_are_a_selection(survey, change, value, reason):
    (row,) = survey.write({}, change).rejected(max_rejected=0.0)
    assert (row["row"], row["question"], row["value"], row["reason"], row["defect"]) == (3, "bar", value, reason, False)


def test_a_galaxy_usable_for_no_question_is_left_out(survey):
    nothing = dict.fromkeys(("smooth", "featured", "artifact", "bar", "no_bar"), 0)
    result = survey.write({}, nothing, {}).read()
    assert result.galaxies["id"].to_pylist() == ["587700000000000001", "587700000000000003"]
    assert [(row["row"], row["question"]) for row in result.rejected.to_pylist()] == [(3, "smooth"), (3, "bar")]


def test_missing_and_duplicate_ids(survey):
    twice = {"dr7objid": "587700000000000099"}
    rejected = survey.write({}, {"dr7objid": None}, twice, {}, twice).rejected()
    assert [(row["row"], row["id"], row["reason"], row["defect"]) for row in rejected] == [
        (3, None, "no id", True),
        (4, "587700000000000099", "id in several rows", True),
        (6, "587700000000000099", "id in several rows", True),
    ]


def test_samples_are_a_selection_before_all_else(survey):
    survey.write({}, {"sample": "stripe82", "dr7objid": "587700000000000001"}, {"sample": None})
    result = survey.read(samples=["original", "extra"], max_rejected=0.0)
    assert result.galaxies["id"].to_pylist() == ["587700000000000001"]
    assert [(row["row"], row["column"], row["value"], row["defect"]) for row in result.rejected.to_pylist()] == [
        (3, "sample", "stripe82", False),
        (4, "sample", None, False),
    ]
    with pytest.raises(InputError, match=r"no row has coadd in column 'sample'; it has original, stripe82"):
        survey.read(samples=["coadd"])


def test_ids_without_image(survey):
    survey.write(rows=5)
    first = 587700000000000001
    survey.write_map({str(first + number): f"asset{number}" for number in (0, 2, 3)} | {str(first + 4): "absent"})
    with survey.filename_map.open("a") as file:
        file.write(f"{first + 2},original,asset7\n{first},original,asset0\n")
    survey.write_images(["more/asset3.png"])
    rejected = survey.rejected()
    assert [(row["row"], row["value"], row["reason"]) for row in rejected] == [
        (3, None, "id not in the filename map"),
        (4, None, "id with several entries in the filename map"),
        (5, "asset3", "several image files of this name"),
        (6, "absent", "no image file"),
    ]
    assert all(row["defect"] and row["question"] is None for row in rejected)


def test_images_lie_at_any_depth_with_any_suffix(survey):
    survey.write(rows=3)
    for image in survey.images.iterdir():
        image.unlink()
    survey.write_images(["asset0.png", "dr5/J081/asset1.JPEG", "part.2/asset2.jpg", "._asset0.jpg", "asset1.txt"])
    images = survey.read().galaxies["image"].to_pylist()
    expected = ["asset0.png", "dr5/J081/asset1.JPEG", "part.2/asset2.jpg"]
    assert [str(Path(image).relative_to(survey.images)) for image in images] == expected


def test_without_a_filename_map_the_id_names_the_image(survey):
    survey.write({"dr7objid": "J081412.47+220853.0"})
    survey.write_images(["J081/J081412.47+220853.0.png"])
    (galaxy,) = survey.read(filename_map=None).galaxies.to_pylist()
    assert galaxy["image"].endswith("J081/J081412.47+220853.0.png")


def test_too_many_defects_stop_with_a_count_of_the_reasons(survey):
    survey.write({"bar": -1}, {"bar": -2}, {"dr7objid": None}, rows=7)
    assert survey.read(max_rejected=0.3).rejected.num_rows == 3
    message = (
        r"3 of 10 rows have a defect, more than the fraction 0.29 allowed: "
        r"2 negative votes \(first: row 2, id 587700000000000001, question bar, column bar, value -1\); "
        r"1 no id \(first: row 4, column dr7objid\)"
    )
    with pytest.raises(InputError, match=message):
        survey.read(max_rejected=0.29)


def test_no_usable_galaxy(survey):
    survey.write(rows=2)
    with pytest.raises(InputError, match=r"no usable galaxy among 2 rows: 2 fewer than 99 responses \(first: row 2"):
        survey.read({"smooth": SMOOTH._replace(min_responses=99)})


@pytest.mark.parametrize("name", ["catalogue", "filename_map"])
def test_missing_file_names_its_neighbours(survey, name):
    path = getattr(survey.write(rows=1), name)
    setattr(survey, name, path.with_name(path.name.replace("gz2", "gz")))
    with pytest.raises(InputError, match=rf"gz_.*csv: no such file; did you mean {path.name}"):
        survey.read()


def test_missing_image_folder_and_empty_image_folder(survey):
    survey.write(rows=1)
    images, survey.images = survey.images, survey.images.with_name("pictures")
    with pytest.raises(InputError, match="pictures: no such folder"):
        survey.read()
    survey.images.mkdir()
    with pytest.raises(InputError, match=r"pictures: no image \(.jpg, .jpeg, .png\)"):
        survey.read()
    survey.images = images
    assert survey.read().galaxies.num_rows == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": Columns(id="objid7")}, r"hart16.csv: no column 'objid7'; did you mean dr7objid"),
        ({"columns": Columns(map_id="objjd")}, r"mapping.csv: no column 'objjd'; did you mean objid"),
        (
            {"columns": Columns(sample="survey"), "samples": ["original"]},
            r"no column 'survey'; it has dr7objid, sample",
        ),
        (
            {"questions": {"bar": Question(["bar"], ["bar", "nobar"], 1)}},
            r"no column 'nobar'; did you mean no_bar or bar",
        ),
        ({"questions": {"bar": Question(["barr"], ["barr"], 1)}}, r"no column 'barr'; did you mean bar"),
    ],
)
def test_missing_column_names_the_nearest(survey, options, message):
    survey.write(rows=1)
    with pytest.raises(InputError, match=message):
        survey.read(**options)


def test_questions_of_another_survey_are_left_out(survey, caplog):
    result = survey.write(rows=1).read({"smooth": SMOOTH, "odd": Question(["odd"], ["odd", "not_odd"], 1)})
    assert result.galaxies.column_names == ["id", "image", "usable_smooth"]
    assert "question odd is left out" in caplog.text


def test_unreadable_catalogues(survey):
    header = ",".join(ROW)
    for text, message in [
        ("", "not a readable table.*Empty CSV file"),
        (f"{header}\n", "has no rows"),
        (
            f"{header}\n1,original,1,2,3,4,5\n2,original,1,2\n",
            "not a readable table.*Row #3: Expected 7 columns, got 4",
        ),
        (b"\x1f\x8b broken", "not a readable table"),
    ]:
        survey.write(rows=1)
        survey.catalogue.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(InputError, match=message):
            survey.read()


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
def test_formats_agree(survey, suffix):
    expected = survey.write({}, {"bar": None}, {"bar": -1}, {"dr7objid": None}).read()
    frame = pd.read_csv(survey.catalogue, dtype={"dr7objid": "Int64"})
    survey.catalogue = survey.catalogue.with_suffix("").with_suffix(suffix)
    if suffix == ".parquet":
        frame.to_parquet(survey.catalogue)
    else:
        frame.to_csv(survey.catalogue, index=False)
    result = survey.read()
    assert result.galaxies.equals(expected.galaxies)
    assert result.votes.equals(expected.votes)
    shift = 1 if suffix == ".parquet" else 0  # a parquet file has no line with the header
    assert [row + shift for row in result.rejected["row"].to_pylist()] == expected.rejected["row"].to_pylist()
    assert result.rejected["reason"].equals(expected.rejected["reason"])


def test_floating_point_ids_are_refused(survey):
    survey.write(rows=1)
    frame = pd.read_csv(survey.catalogue).astype({"dr7objid": float})
    survey.catalogue = survey.catalogue.with_suffix(".parquet")
    frame.to_parquet(survey.catalogue)
    with pytest.raises(InputError, match="column 'dr7objid' holds floating-point numbers"):
        survey.read()


def test_covariates(survey, caplog):
    caplog.set_level(logging.WARNING)
    survey.write({"redshift": 0.1}, {"redshift": None}, {"redshift": "unknown"}, {"redshift": 0, "bar": -1})
    result = survey.read(covariates=["redshift", "mass"])
    assert result.galaxies.schema.field("redshift").type == pa.float64()
    assert "mass" not in result.galaxies.column_names
    np.testing.assert_array_equal(result.galaxies["redshift"].to_pandas(), [0.1, np.nan, np.nan, 0])
    assert "covariate redshift: 1 values that are not numbers are taken as missing" in caplog.text


def test_summed_columns_and_question_files(tmp_path):
    questions = {"bar": {"positive": ["strong", "weak"], "responses": ["strong", "weak", "no"], "min_responses": 5}}
    expected = {"bar": Question(["strong", "weak"], ["strong", "weak", "no"], 5)}
    file = tmp_path / "questions.yaml"
    file.write_text(json.dumps(questions))
    assert read_questions(json.dumps(questions)) == read_questions(str(file)) == expected
    assert read_questions('{"bar": {"positive": "a", "responses": "b", "min_responses": 1}}')["bar"] == (
        ["a"],
        ["b"],
        1,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("absent.json", "absent.json: no such file"),
        ('{"bar": {"positive": "a"}}', "no key 'responses'"),
        ('{"bar": 3}', "not {name: {positive"),
        ("{bar", "not {name: {positive"),
    ],
)
def test_bad_questions(text, message):
    with pytest.raises(InputError, match=message):
        read_questions(text)


def test_command(survey, tmp_path, capsys):
    survey.write({}, {"bar": -1})
    questions = {name: question._asdict() for name, question in (("smooth", SMOOTH), ("bar", BAR))}
    flags = {
        "--catalogue": survey.catalogue,
        "--filename-map": survey.filename_map,
        "--images": survey.images,
        "--questions": json.dumps(questions),
        "--id-column": "dr7objid",
        "--sample-column": "sample",
        "--map-id-column": "objid",
        "--map-image-column": "asset_id",
        "--max-rejected": 0.5,
        "--output": tmp_path / "out",
    }
    command = ["catalogue", *(str(part) for flag in flags.items() for part in flag)]
    assert main([*command, "--samples", "original", "extra"]) == 0
    expected = survey.read(samples=["original", "extra"])
    for name, table in expected._asdict().items():
        assert tables.read(tmp_path / "out" / f"{name}.parquet").equals(table)
    assert main([*command, "--samples", "coadd"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {survey.catalogue}: no row has coadd")


COUNT = st.one_of(st.none(), st.integers(-2, 30), st.sampled_from(["2.5", "x", "nan"]))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(COUNT, COUNT, st.sampled_from([None, "1", "2", "3"])), min_size=1, max_size=8))
def test_every_row_is_used_or_rejected_once(tmp_path_factory, rows):
    survey = Survey(tmp_path_factory.mktemp("survey"))
    survey.write(
        {"dr7objid": "587700000000000000"}, *({"bar": k, "no_bar": n, "dr7objid": galaxy} for k, n, galaxy in rows)
    )
    result = survey.read({"bar": BAR._replace(min_responses=3)})
    ids = [galaxy for _, _, galaxy in rows]
    expected = {}
    for k, n, galaxy in rows:
        valid = isinstance(k, int) and isinstance(n, int) and k >= 0 and n >= 0 and k + n >= 3
        if valid and galaxy and ids.count(galaxy) == 1:
            expected[galaxy] = (k, k + n)
    votes = {row["id"]: (row["k"], row["N"]) for row in result.votes.to_pylist()}
    assert votes.pop("587700000000000000") == (3, 12)
    assert votes == expected
    assert result.galaxies["id"].to_pylist() == result.votes["id"].to_pylist()
    rejected = result.rejected["row"].to_pylist()
    assert rejected == sorted(set(rejected))
    assert len(rejected) + result.galaxies.num_rows == len(rows) + 1


@needs_data
def test_real_sample():
    sample = DATA / "gz2_sample"
    prefix = "t01_smooth_or_features_a0"
    answers = [f"{prefix}1_smooth_count", f"{prefix}2_features_or_disk_count", f"{prefix}3_star_or_artifact_count"]
    bar = ["t03_bar_a06_bar_count", "t03_bar_a07_no_bar_count"]
    result = read_catalogue(
        sample / "gz2_hart16.csv",
        sample / "images_gz2",
        {"smooth": Question(answers[:1], answers, 36), "bar": Question(bar[:1], bar, 10)},
        filename_map=sample / "gz2_filename_mapping.csv",
        samples=["original", "extra"],
        max_rejected=0.0,
    )
    raw = pd.read_csv(sample / "gz2_hart16.csv", dtype={"dr7objid": str})
    raw = raw[raw["sample"] != "stripe82"]
    for question, columns, least in (("smooth", answers, 36), ("bar", bar, 10)):
        total = raw[columns].sum(axis=1)
        votes = result.votes.to_pandas()
        votes = votes[votes["question"] == question]
        assert votes["id"].tolist() == raw["dr7objid"][total >= least].tolist()
        assert votes["k"].tolist() == raw[columns[0]][total >= least].tolist()
        assert votes["N"].tolist() == total[total >= least].tolist()
    assert all(Path(image).is_file() for image in result.galaxies["image"].to_pylist())


@needs_data
@pytest.mark.parametrize(
    ("catalogue", "images", "question", "columns"),
    [
        (
            "galaxy_zoo_2/gz2_hart16.csv",
            "galaxy_zoo_2/images",
            Question(["t06_odd_a14_yes_count"], ["t06_odd_a14_yes_count", "t06_odd_a15_no_count"], 1),
            Columns(),
        ),
        (
            "galaxy_zoo_decals/gz_decals_volunteers_5.csv",
            "galaxy_zoo_decals",
            Question(["bar_strong", "bar_weak"], ["bar_total-votes"], 1),
            Columns(id="iauname", sample=None),
        ),
        (
            "galaxy_zoo_decals/gz_decals_volunteers_1_and_2.csv",
            "galaxy_zoo_decals",
            Question(["bar_yes"], ["bar_yes", "bar_no"], 1),
            Columns(id="iauname", sample=None),
        ),
    ],
)
def test_real_formats(catalogue, images, question, columns):
    catalogue = DATA / "release_formats" / catalogue
    filename_map = catalogue.with_name("gz2_filename_mapping.csv")
    result = read_catalogue(
        catalogue,
        DATA / "release_formats" / images,
        {"question": question},
        filename_map=filename_map if filename_map.exists() else None,
        columns=columns,
        max_rejected=0.0,
    )
    raw = pd.read_csv(catalogue, dtype={columns.id: str})
    k, responses = raw[question.positive].sum(axis=1), raw[question.responses].sum(axis=1)
    expected = zip(raw[columns.id][responses > 0], k[responses > 0], responses[responses > 0], strict=True)
    votes = [(row["id"], row["k"], row["N"]) for row in result.votes.to_pylist()]
    assert votes == list(expected)
    assert len(votes) > 1


@needs_data
def test_vote_fractions_are_not_votes():
    folder = DATA / "release_formats" / "galaxy_zoo_challenge"
    with pytest.raises(
        InputError, match=r"3 of 3 rows have a defect.*fractional votes.*column Class1.1, value 0.383147"
    ):
        read_catalogue(
            folder / "training_solutions_rev1.csv",
            folder,
            {"smooth": Question(["Class1.1"], ["Class1.1", "Class1.2", "Class1.3"], 1)},
            columns=Columns(id="GalaxyID", sample=None),
        )


def test_a_folder_of_images_is_a_survey_of_galaxies_of_their_names(tmp_path):
    (tmp_path / "deeper").mkdir()
    for name in ("b.png", "deeper/a.JPG", "c.jpg", "deeper/c.jpeg", "._b.png", "notes.txt"):
        (tmp_path / name).touch()
    galaxies, rejected = read_images(tmp_path, max_rejected=0.5)
    paths = [str(tmp_path / name) for name in ("deeper/a.JPG", "b.png")]
    assert galaxies.to_pydict() == {"id": ["a", "b"], "image": paths}
    assert rejected["id"].to_pylist() == ["c", "c"]
    assert set(rejected["value"].to_pylist()) == {str(tmp_path / "c.jpg"), str(tmp_path / "deeper/c.jpeg")}
    with pytest.raises(InputError, match=r"2 of 4 images cannot be used.*several image files of this name"):
        read_images(tmp_path, max_rejected=0.4)


def test_features_are_numbers_by_id_of_the_columns_that_there_are(tmp_path, caplog):
    path = tmp_path / "catalogue.csv"
    path.write_text(
        "dr7objid,redshift,class\n587739505552785605,0.05,Sb\n587739505552785606,,E\n587739505552785605,1,x\n"
    )
    features = read_features(path, "dr7objid", ["redshift", "mass", "class"])
    assert list(features.index) == ["587739505552785605", "587739505552785606"]
    assert features.redshift.iloc[0] == 0.05
    assert features.isna().sum().to_dict() == {"redshift": 1, "class": 2}
    assert "has no columns mass" in caplog.text
