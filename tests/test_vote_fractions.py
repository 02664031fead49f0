"""Fractions of votes become counts, or are rejected because they are none."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.cli import main
from activezoo.survey.layout import Answers, Fractions
from activezoo.survey.questions import read_votes
from activezoo.survey.rejection import Selection
from activezoo.survey.vote_fractions import count_fractions

ANSWERS = Answers(["smooth"], ["smooth", "featured", "artifact"])
FRACTIONS = Fractions("total", 0.05)
# 27, 10 and 1 of 38, with three digits as Galaxy Zoo 2 has them.
ROW = {"smooth": 0.711, "featured": 0.263, "artifact": 0.026, "total": 38}


@pytest.fixture
def read(tmp_path):
    """Votes and rejected rows of a catalogue whose rows are ROW, changed as asked for."""

    def read(*changes, answers=ANSWERS, fractions=FRACTIONS, min_responses=1):
        pd.DataFrame([{**ROW, **change} for change in changes]).to_csv(tmp_path / "catalogue.csv", index=False)
        rows = range(2, len(changes) + 2)
        galaxies = pa.table({"row": rows, "id": [str(row) for row in rows]})
        votes, rejected = read_votes(
            tmp_path / "catalogue.csv", galaxies, answers, fractions, min_responses=min_responses, max_rejected=1
        )
        return votes.to_pylist(), rejected.to_pylist()

    return read


def test_a_fraction_of_the_total_is_a_count(read):
    votes, rejected = read({}, {"smooth": 1 / 3, "featured": 2 / 3, "artifact": 0, "total": "12"})
    assert votes == [{"id": "2", "k": 27, "N": 38}, {"id": "3", "k": 4, "N": 12}]
    assert rejected == []


def test_some_of_the_answers_may_count_as_responses(read):
    votes, _ = read({}, answers=Answers(["featured"], ["smooth", "featured"]))
    assert votes == [{"id": "2", "k": 10, "N": 37}]


@pytest.mark.parametrize(
    ("change", "column", "value", "reason"),
    [
        ({"smooth": 0.725}, "smooth", "0.725 × 38 = 27.550", "vote fraction is no whole count"),
        ({"smooth": 0.709}, "smooth", "0.709 × 38 = 26.942", "vote fraction is no whole count"),
        ({"featured": 27}, "featured", "27.0", "vote fraction not between 0 and 1"),
        ({"featured": -0.1}, "featured", "-0.1", "vote fraction not between 0 and 1"),
        ({"featured": "many"}, "featured", "many", "vote fraction not a number"),
        ({"featured": None}, "featured", None, "votes for some of the answers missing"),
        ({"total": None}, "total", None, "number of votes missing"),
        ({"total": 38.5}, "total", "38.5", "fractional votes"),
        ({"total": -1}, "total", "-1", "negative votes"),
        ({"total": "x"}, "total", "x", "votes not a number"),
        ({"smooth": 1, "featured": 1}, None, "77 of 38", "vote fractions add up to more than 1"),
    ],
)
def test_what_is_no_count_is_a_defect(read, change, column, value, reason):
    votes, rejected = read({}, change)
    assert [row["id"] for row in votes] == ["2"]
    assert rejected == [{"row": 3, "id": "3", "column": column, "value": value, "reason": reason, "defect": True}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"total": 0, "smooth": None, "featured": None, "artifact": None}, "no responses"),
        ({"total": 0, "smooth": 0, "featured": 0, "artifact": 0}, "no responses"),
        ({"total": None, "smooth": None, "featured": None, "artifact": None}, "no votes recorded"),
        ({"total": 19, "smooth": 1, "featured": 0, "artifact": 0}, "fewer than 20 responses"),
    ],
)
def test_no_votes_or_few_are_a_selection(read, change, reason):
    _, rejected = read({}, change, min_responses=20)
    assert [(row["row"], row["reason"], row["defect"]) for row in rejected] == [(3, reason, False)]


def test_the_tolerance_is_that_of_the_configuration(read):
    change = {"smooth": 0.715}  # 27.17
    assert read({}, change, fractions=Fractions("total", 0.2))[1] == []
    assert read({}, change, fractions=Fractions("total", 0.1))[1][0]["reason"] == "vote fraction is no whole count"


def test_step(tmp_path):
    pd.DataFrame([ROW] * 2).to_csv(tmp_path / "catalogue.csv", index=False)
    tables.write({"row": [2, 3], "id": ["a", "b"]}, tmp_path / "galaxies.parquet")
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("votes", "usable", "rejected")}
    flags = {"catalogue": tmp_path / "catalogue.csv", "galaxies": tmp_path / "galaxies.parquet", **outputs}
    flags |= {"positive": "smooth", "responses": "featured", "fractions-of": "total", "fraction-tolerance": 0.05}
    flags |= {"min-responses": 1, "max-rejected": 0}
    command = [f"--{flag}={value}" for flag, value in flags.items()]
    assert main(["votes", *command, "--responses=smooth"]) == 0
    assert tables.read(outputs["votes"]).to_pydict() == {"id": ["a", "b"], "k": [27, 27], "N": [37, 37]}


COUNTS = st.lists(st.integers(0, 99), min_size=3, max_size=3)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(COUNTS.filter(sum), min_size=1, max_size=20), digits=st.integers(4, 17))
def test_counts_come_back_from_their_fractions(rows, digits):
    counts = pd.DataFrame(rows, columns=ANSWERS.responses).astype(float)
    total = counts.sum(axis=1)
    selection = Selection(counts.div(total, axis=0).round(digits).assign(total=total, id=""))
    pd.testing.assert_frame_equal(count_fractions(selection, ANSWERS, FRACTIONS), counts)
    assert len(selection.rows) == len(rows)


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1), total=st.integers(1, 200), tolerance=st.floats(0, 0.4))
def test_no_count_is_further_from_its_fraction_than_the_tolerance(share, total, tolerance):
    rows = pd.DataFrame({"id": [""], "smooth": [share], "total": [total]})
    selection = Selection(rows)
    counts = count_fractions(selection, Answers(["smooth"], ["smooth"]), Fractions("total", tolerance))
    assert len(selection.rows) == (abs(share * total - counts["smooth"].iloc[0]) <= tolerance)
