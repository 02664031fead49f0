"""The votes on one question: k of N, or the reason why a galaxy cannot be used for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.cli import main
from activezoo.errors import InputError
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.layout import Answers, Columns
from activezoo.survey.questions import read_votes

DATA = Path(__file__).parents[1].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")

SMOOTH = Answers(["smooth"], ["smooth", "featured", "artifact"])
BAR = Answers(["bar"], ["bar", "no_bar"])
ROW = {"smooth": 27, "featured": 10, "artifact": 1, "bar": 3, "no_bar": 9}


class Survey:
    """A catalogue, each row of which is ROW, changed as asked for, and its galaxies: those of all rows, by default."""

    def __init__(self, folder):
        self.catalogue = folder / "catalogue.csv"

    def write(self, *changes):
        pd.DataFrame([{**ROW, **change} for change in changes]).to_csv(self.catalogue, index=False)
        rows = range(2, len(changes) + 2)
        self.galaxies = pa.table({"row": rows, "id": [f"galaxy {row}" for row in rows]})
        return self

    def read(self, answers=BAR, min_responses=10, max_rejected=1.0, **options):
        return read_votes(
            self.catalogue, self.galaxies, answers, min_responses=min_responses, max_rejected=max_rejected, **options
        )

    def rejected(self, *answers, **options):
        return self.read(*answers, **options)[1].to_pylist()


@pytest.fixture
def survey(tmp_path):
    return Survey(tmp_path)


def test_votes_are_counted(survey):
    votes, rejected = survey.write({}, {"bar": 0, "no_bar": 30}).read()
    assert votes.to_pydict() == {"id": ["galaxy 2", "galaxy 3"], "k": [3, 0], "N": [12, 30]}
    assert votes.schema.field("k").type == votes.schema.field("N").type == pa.int32()
    assert rejected.num_rows == 0
    assert rejected.column_names == ["row", "id", "column", "value", "reason", "defect"]


def test_named_answers_are_counted_each(survey):
    named = {"smooth": ["smooth"], "other": ["artifact", "featured"]}
    votes, _ = survey.write({"smooth": 3}, {}, {"featured": None}).read(SMOOTH, named=named)
    expected = {"k": [3, 27], "N": [14, 38], "answer_smooth": [3, 27], "answer_other": [11, 11]}
    assert votes.to_pydict() == {"id": ["galaxy 2", "galaxy 3"], **expected}
    assert {str(votes.schema.field(name).type) for name in expected} == {"int32"}


def test_answers_of_several_columns_are_summed(survey):
    survey.write({"strong": 4, "weak": 2, "no_bar": 9, "bar": "not read"})
    for answers, total in ((["strong", "weak", "no_bar"], 15), (["no_bar"], 9)):
        votes, _ = survey.read(Answers(["strong", "weak"], answers), min_responses=5)
        assert votes.select(["k", "N"]).to_pylist() == [{"k": 6, "N": total}]


def test_shares_of_votes_without_their_number_are_refused(survey):
    """Some are whole by chance. A few of them among counts are rows to reject."""
    shares = [{"bar": share, "no_bar": 1 - share} for share in (0, 0.383, 1)]
    with pytest.raises(InputError, match=r"column 'bar' holds 0\.383, a share of votes and no count; name the column"):
        survey.write(*shares).read(max_rejected=0.3)
    assert [row["reason"] for row in survey.write(*shares, {}).rejected(min_responses=2)][1] == "fractional votes"


@pytest.mark.parametrize("kind", ["total", "all but one", "the same"])
def test_answers_that_count_others_once_more_are_refused(survey, kind):
    """A total beside its answers would count each vote twice."""
    rows = []
    for strong, weak, none in np.random.default_rng(1).integers(1, 30, (40, 3)).tolist():
        extra = {"total": strong + weak + none, "all but one": strong + weak, "the same": weak}[kind]
        rows.append({"strong": strong, "weak": weak, "no_bar": none, "extra": extra})
    survey.write(*rows)
    with pytest.raises(InputError, match="columns? 'weak' and 'extra'" if kind == "the same" else "column 'extra'"):
        survey.read(Answers(["strong"], ["strong", "weak", "no_bar", "extra"]))
    assert survey.read(Answers(["strong"], ["strong", "weak", "no_bar"]))[0].num_rows == 40


def test_rare_answers_that_are_nearly_always_zero_are_no_copies(survey):
    rows = [{"strong": 0, "weak": 0, "no_bar": 20 + number} for number in range(60)]
    survey.write(*rows, {"strong": 1, "weak": 0, "no_bar": 9}, {"strong": 0, "weak": 2, "no_bar": 9})
    assert survey.read(Answers(["strong"], ["strong", "weak", "no_bar"]))[0].num_rows == 62


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_empty_cell_is_no_vote_where_the_configuration_says_so(survey, kind):
    survey.write({"bar": None}, {"no_bar": None}, {"bar": None, "no_bar": None}, {})
    if kind == "parquet":
        pd.read_csv(survey.catalogue).to_parquet(survey.catalogue)
        survey.galaxies = survey.galaxies.set_column(0, "row", [[1, 2, 3, 4]])
    votes, rejected = survey.read(BAR, min_responses=1, empty_is_zero=True)
    assert votes.select(["k", "N"]).to_pylist() == [{"k": 0, "N": 9}, {"k": 3, "N": 3}, {"k": 3, "N": 12}]
    assert rejected.column("reason").to_pylist() == ["no votes recorded"]
    assert survey.read(BAR, min_responses=1)[0].num_rows == 1


def test_a_galaxy_may_be_usable_for_one_question_and_not_for_another(survey):
    survey.write({}, {"bar": 1, "no_bar": 1}, {"bar": -1}, {"smooth": "many"})
    usable = {name: survey.read(answers)[0]["id"].to_pylist() for name, answers in (("smooth", SMOOTH), ("bar", BAR))}
    assert usable == {"smooth": ["galaxy 2", "galaxy 3", "galaxy 4"], "bar": ["galaxy 2", "galaxy 5"]}


def test_only_galaxies_of_the_survey_are_counted(survey):
    survey.write({"bar": -1}, {"no_bar": 10}, {"bar": "x"}, {"bar": None})
    survey.galaxies = survey.galaxies.take([1, 3])
    votes, rejected = survey.read(max_rejected=0.5)
    assert votes.to_pydict() == {"id": ["galaxy 3"], "k": [3], "N": [13]}
    assert rejected["row"].to_pylist() == [5]


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
def test_bad_votes_are_a_defect(survey, change, column, value, reason):
    votes, rejected = survey.write({}, change).read()
    assert votes["id"].to_pylist() == ["galaxy 2"]
    assert rejected.to_pylist() == [
        {"row": 3, "id": "galaxy 3", "column": column, "value": value, "reason": reason, "defect": True}
    ]


def test_more_positive_votes_than_responses(survey):
    total = Answers(["bar"], ["total"])
    (row,) = survey.write({"total": 12}, {"total": 40, "bar": 41}).rejected(total)
    assert (row["row"], row["value"], row["defect"]) == (3, "k = 41, N = 40", True)
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
    assert (row["row"], row["value"], row["reason"], row["defect"]) == (3, value, reason, False)


def test_too_many_defects_stop_with_a_count_of_the_reasons(survey):
    survey.write({"bar": -1}, {"bar": -2}, {"bar": "x"}, {"bar": 0, "no_bar": 0}, *[{}] * 6)
    assert len(survey.rejected(max_rejected=0.3)) == 4
    message = (
        r"catalogue.csv: 3 of 10 rows have a defect, more than the fraction 0.29 allowed: "
        r"2 negative votes \(first: row 2, id galaxy 2, column bar, value -1\); "
        r"1 votes not a number \(first: row 4, id galaxy 4, column bar, value x\)"
    )
    with pytest.raises(InputError, match=message):
        survey.read(max_rejected=0.29)


def test_no_usable_galaxy(survey):
    survey.write({"bar": -1}, {"bar": -2})
    with pytest.raises(InputError, match=r"no usable galaxy among 2 rows: 2 negative votes \(first: [^;]*$"):
        survey.read()
    survey.write({}, {})
    with pytest.raises(InputError, match=r"no usable galaxy among 2 rows: 2 fewer than 99 responses \(first: row 2"):
        survey.read(min_responses=99)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (Answers(["bar"], ["bar", "nobar"]), r"no column 'nobar'; did you mean no_bar or bar"),
        (Answers(["barr"], ["bar"]), r"no column 'barr'; did you mean bar"),
    ],
)
def test_missing_column_names_the_nearest(survey, answers, message):
    with pytest.raises(InputError, match=message):
        survey.write({}).read(answers)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
def test_formats_agree(survey, suffix):
    expected, expected_rejected = survey.write({}, {"bar": None}, {"bar": -1}, {"no_bar": None, "bar": None}, {}).read()
    frame = pd.read_csv(survey.catalogue)
    survey.catalogue = survey.catalogue.with_suffix(suffix)
    if suffix == ".parquet":
        frame.to_parquet(survey.catalogue)
        # A parquet file has no line with the header.
        survey.galaxies = survey.galaxies.set_column(0, "row", [range(1, 6)])
    else:
        frame.to_csv(survey.catalogue, index=False)
    votes, rejected = survey.read()
    assert votes.equals(expected)
    for column in ("id", "column", "reason", "defect"):
        assert rejected[column].equals(expected_rejected[column])


def test_step(survey, tmp_path, capsys):
    survey.write({}, {"bar": -1})
    tables.write(survey.galaxies, tmp_path / "galaxies.parquet")
    flags = {
        "catalogue": survey.catalogue,
        "galaxies": tmp_path / "galaxies.parquet",
        "positive": "bar",
        "min-responses": 10,
        "fraction-tolerance": 0.05,
        "max-rejected": 0.5,
        **{name: tmp_path / f"{name}.parquet" for name in ("votes", "usable", "rejected")},
    }
    command = ["votes", *(f"--{flag}={value}" for flag, value in flags.items())]
    assert main([*command, "--responses=bar", "--responses=no_bar"]) == 0
    votes, rejected = survey.read()
    for name, table in (("votes", votes), ("usable", votes.select(["id"])), ("rejected", rejected)):
        assert tables.read(tmp_path / f"{name}.parquet").equals(table)
    assert main([*command, "--responses=all"]) == 1
    assert f"error: {survey.catalogue}: no column 'all'" in capsys.readouterr().err


COUNT = st.one_of(st.none(), st.integers(-2, 30), st.sampled_from(["2.5", "x", "nan"]))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=8))
def test_every_galaxy_is_used_or_rejected_once(tmp_path_factory, rows):
    survey = Survey(tmp_path_factory.mktemp("survey"))
    survey.write({}, *({"bar": k, "no_bar": n} for k, n in rows))
    votes, rejected = survey.read(min_responses=3)
    expected = {"galaxy 2": (3, 12)}
    for row, (k, n) in enumerate(rows, start=3):
        if isinstance(k, int) and isinstance(n, int) and k >= 0 and n >= 0 and k + n >= 3:
            expected[f"galaxy {row}"] = (k, k + n)
    assert {row["id"]: (row["k"], row["N"]) for row in votes.to_pylist()} == expected
    numbers = rejected["row"].to_pylist()
    assert numbers == sorted(set(numbers))
    assert len(numbers) + votes.num_rows == len(rows) + 1


@needs_data
def test_real_sample():
    sample = DATA / "gz2_sample"
    prefix = "t01_smooth_or_features_a0"
    answers = [f"{prefix}1_smooth_count", f"{prefix}2_features_or_disk_count", f"{prefix}3_star_or_artifact_count"]
    bar = ["t03_bar_a06_bar_count", "t03_bar_a07_no_bar_count"]
    galaxies, _ = read_catalogue(
        sample / "gz2_hart16.csv",
        sample / "images_gz2",
        Columns("dr7objid", "sample", "objid", "asset_id"),
        filename_map=sample / "gz2_filename_mapping.csv",
        samples=["original", "extra"],
        max_rejected=0.0,
    )
    assert all(Path(image).is_file() for image in galaxies["image"].to_pylist())
    raw = pd.read_csv(sample / "gz2_hart16.csv", dtype={"dr7objid": str})
    raw = raw[raw["sample"] != "stripe82"]
    for columns, least in ((answers, 36), (bar, 10)):
        votes, _ = read_votes(
            sample / "gz2_hart16.csv",
            galaxies,
            Answers(columns[:1], columns),
            min_responses=least,
            max_rejected=0.0,
        )
        total = raw[columns].sum(axis=1)
        assert votes["id"].to_pylist() == raw["dr7objid"][total >= least].tolist()
        assert votes["k"].to_pylist() == raw[columns[0]][total >= least].tolist()
        assert votes["N"].to_pylist() == total[total >= least].tolist()


@needs_data
@pytest.mark.parametrize(
    ("catalogue", "images", "answers", "columns"),
    [
        (
            "galaxy_zoo_2/gz2_hart16.csv",
            "galaxy_zoo_2/images",
            Answers(["t06_odd_a14_yes_count"], ["t06_odd_a14_yes_count", "t06_odd_a15_no_count"]),
            Columns("dr7objid", "sample", "objid", "asset_id"),
        ),
        (
            "galaxy_zoo_decals/gz_decals_volunteers_5.csv",
            "galaxy_zoo_decals",
            Answers(["bar_strong", "bar_weak"], ["bar_total-votes"]),
            Columns("iauname", None, "objid", "asset_id"),
        ),
        (
            "galaxy_zoo_decals/gz_decals_volunteers_1_and_2.csv",
            "galaxy_zoo_decals",
            Answers(["bar_yes"], ["bar_yes", "bar_no"]),
            Columns("iauname", None, "objid", "asset_id"),
        ),
    ],
)
def test_real_formats(catalogue, images, answers, columns):
    catalogue = DATA / "release_formats" / catalogue
    filename_map = catalogue.with_name("gz2_filename_mapping.csv")
    galaxies, _ = read_catalogue(
        catalogue,
        DATA / "release_formats" / images,
        columns,
        filename_map=filename_map if filename_map.exists() else None,
        max_rejected=0.0,
    )
    votes, _ = read_votes(catalogue, galaxies, answers, min_responses=1, max_rejected=0.0)
    raw = pd.read_csv(catalogue, dtype={columns.id: str})
    k, responses = raw[answers.positive].sum(axis=1), raw[answers.responses].sum(axis=1)
    expected = zip(raw[columns.id][responses > 0], k[responses > 0], responses[responses > 0], strict=True)
    assert [tuple(row.values()) for row in votes.to_pylist()] == list(expected)
    assert votes.num_rows > 1


@needs_data
def test_vote_fractions_are_not_votes():
    folder = DATA / "release_formats" / "galaxy_zoo_challenge"
    catalogue = folder / "training_solutions_rev1.csv"
    galaxies, _ = read_catalogue(catalogue, folder, Columns("GalaxyID", None, "objid", "asset_id"), max_rejected=0.0)
    answers = Answers(["Class1.1"], ["Class1.1", "Class1.2", "Class1.3"])
    with pytest.raises(InputError, match=r"column 'Class1.1' holds 0.383147, a share of votes and no count"):
        read_votes(catalogue, galaxies, answers, min_responses=1, max_rejected=0.05)
