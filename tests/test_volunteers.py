"""Which votes of people count, and what they add up to."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo.errors import InputError
from activezoo.survey import tree, volunteers

QUESTIONS = tree.parse(
    {
        "smooth": {"answers": ["Smooth", "Featured", "Artifact"]},
        "bar": {"answers": ["Bar", "No bar"], "asked_if": {"question": "smooth", "answers": ["Featured"]}},
        "strong": {"answers": ["Strong", "Weak"], "asked_if": {"question": "bar", "answers": ["Bar"]}},
    }
)
GALAXIES = ["a", "b", "-7", "587722981742084096"]
HEADER = "galaxy_id,question,volunteer,answer,time"
NOON = "2026-11-25T12:00:00Z"


def rows(*votes):
    """Rows as `read` gives them, of votes as tuples; the time may be left out, later ones being given later."""
    timed = [(*vote, f"2026-11-25T12:00:{second:02}Z")[:5] for second, vote in enumerate(votes)]
    frame = pd.DataFrame(timed, columns=volunteers.COLUMNS, dtype="str")
    return frame.assign(file="votes.csv", row=np.arange(2, len(votes) + 2), reason=None)


def accepted(*votes, **others):
    """The votes that count, as tuples without the time, and the reasons of the others."""
    counted, rejected = volunteers.accept(rows(*votes), QUESTIONS, GALAXIES, **others)
    assert len(counted) + len(rejected) == len(votes)
    return list(counted.drop(columns="time").itertuples(index=False, name=None)), list(rejected["reason"])


def test_the_first_answer_of_a_volunteer_to_a_galaxy_counts():
    assert accepted(
        ("a", "smooth", "ann", "Featured", "2026-11-25T13:00:00Z"),
        ("a", "smooth", "ann", "Smooth", "2026-11-25T12:00:00Z"),
        ("a", "smooth", "bob", "Featured"),
    ) == (
        [("a", "smooth", "ann", "Smooth"), ("a", "smooth", "bob", "Featured")],
        ["not the volunteer's first answer"],
    )


@pytest.mark.parametrize(
    ("vote", "reason"),
    [
        (("", "smooth", "ann", "Smooth"), "no galaxy"),
        ((None, "smooth", "ann", "Smooth"), "no galaxy"),
        (("a", "", "ann", "Smooth"), "no question"),
        (("a", "smooth", "", "Smooth"), "no volunteer"),
        (("a", "smooth", "ann", ""), "no answer"),
        (("a", "smooth", "ann", None), "no answer"),
        (("z", "smooth", "ann", "Smooth"), "no such galaxy in the survey"),
        (("587722981742084100", "smooth", "ann", "Smooth"), "no such galaxy in the survey"),
        (("a", "odd", "ann", "Yes"), "the survey asks no such question"),
        (("a", "smooth", "ann", "smooth"), "the question has no such answer"),
        (("a", "smooth", "ann", "Bar"), "the question has no such answer"),
        (("a", "smooth", "ann", "Smooth", ""), "no time, or none that can be read"),
        (("a", "smooth", "ann", "Smooth", "yesterday"), "no time, or none that can be read"),
        (("a", "smooth", "ann", "Smooth", "2026-13-25T12:00:00Z"), "no time, or none that can be read"),
    ],
)
def test_a_vote_that_does_not_count_is_written_down_with_the_reason(vote, reason):
    good = ("b", "smooth", "ann", "Smooth")
    assert accepted(vote, good) == ([good], [reason])


def test_a_vote_off_the_tree_does_not_count():
    counted, reasons = accepted(
        ("a", "smooth", "ann", "Smooth"),
        ("a", "bar", "ann", "Bar"),
        ("a", "strong", "ann", "Strong"),
        ("b", "smooth", "ann", "Featured"),
        ("b", "bar", "ann", "Bar"),
        ("b", "strong", "ann", "Weak"),
        ("-7", "bar", "ann", "Bar"),  # of a table that has no votes on the question before
    )
    assert [vote[:2] for vote in counted if vote[0] != "a"] == [
        ("b", "smooth"), ("b", "bar"), ("b", "strong"), ("-7", "bar"),
    ]  # fmt: skip
    assert [vote[1] for vote in counted if vote[0] == "a"] == ["smooth"]
    assert reasons == ["the answer to 'smooth' does not lead to this question"] * 2


def test_what_is_frozen_is_neither_counted_again_nor_rejected():
    first = rows(("a", "smooth", "ann", "Smooth"), ("a", "smooth", "bob", "Featured"))
    frozen, _ = volunteers.accept(first, QUESTIONS, GALAXIES)
    later = pd.concat([first, rows(*[("b", "smooth", "ann", "Smooth")] * 3, ("a", "smooth", "bob", "Smooth"))])
    new, rejected = volunteers.accept(later.reset_index(drop=True), QUESTIONS, GALAXIES, frozen)
    assert list(new["galaxy_id"]) == ["b"]
    assert list(rejected["galaxy_id"]) == ["b", "b", "a"]


def test_a_frozen_answer_leads_down_the_tree():
    frozen, _ = volunteers.accept(rows(("a", "smooth", "ann", "Smooth")), QUESTIONS, GALAXIES)
    assert accepted(("a", "bar", "ann", "Bar"), frozen=frozen)[0] == []


answers = st.tuples(
    st.sampled_from(GALAXIES[:2]), st.sampled_from(["smooth", "bar"]), st.sampled_from(["ann", "bob"]),
    st.sampled_from(["Smooth", "Featured", "Bar"]), st.sampled_from([NOON, "2026-11-25T13:00:00+01:00", "2026-11-26"]),
)  # fmt: skip


@settings(max_examples=30, deadline=None)  # pandas takes its time
@given(st.lists(answers, max_size=12), st.randoms())
def test_the_order_of_the_rows_does_not_matter(votes, random):
    shuffled = random.sample(votes, len(votes))
    counted, _ = volunteers.accept(rows(*votes), QUESTIONS, GALAXIES)
    pd.testing.assert_frame_equal(counted, volunteers.accept(rows(*shuffled), QUESTIONS, GALAXIES)[0])
    assert not counted.duplicated(volunteers.VOTE).any()


@settings(max_examples=30, deadline=None)  # pandas takes its time
@given(st.lists(answers, max_size=12), st.integers(0, 12))
def test_votes_in_two_parts_are_never_counted_twice(votes, cut):
    ordered = sorted(votes, key=lambda vote: pd.to_datetime(vote[4], utc=True))
    frozen, _ = volunteers.accept(rows(*ordered[:cut]), QUESTIONS, GALAXIES)
    new, _ = volunteers.accept(rows(*ordered), QUESTIONS, GALAXIES, frozen)
    assert not pd.concat([frozen, new]).duplicated(volunteers.VOTE).any()


def test_times_are_universal():
    votes = rows(
        ("a", "smooth", "ann", "Smooth", "2026-11-25T13:00:00+01:00"),
        ("a", "smooth", "bob", "Smooth", "2026-11-25 12:00:00 UTC"),
        ("a", "smooth", "cy", "Smooth", "2026-11-25 12:00:00"),
    )
    assert set(volunteers.accept(votes, QUESTIONS, GALAXIES)[0]["time"]) == {pd.Timestamp(NOON)}


def test_people_who_went_another_way_are_through_with_a_question():
    votes, _ = volunteers.accept(
        rows(
            ("a", "smooth", "ann", "Smooth"),
            ("a", "smooth", "bob", "Featured"),
            ("a", "bar", "bob", "No bar"),
            ("a", "smooth", "cy", "Featured"),
            ("b", "smooth", "ann", "Artifact"),
        ),
        QUESTIONS,
        GALAXIES,
    )
    assert volunteers.people(votes, "smooth", QUESTIONS).to_dict() == {"a": 3, "b": 1}
    assert volunteers.people(votes, "bar", QUESTIONS).to_dict() == {"a": 2, "b": 1}
    assert volunteers.people(votes, "strong", QUESTIONS).to_dict() == {"a": 2, "b": 1}


def test_counts():
    votes = rows(
        ("a", "smooth", "ann", "Smooth"),
        ("a", "smooth", "bob", "Featured"),
        ("a", "smooth", "cy", "Artifact"),
        ("b", "smooth", "cy", "Artifact"),
        ("-7", "smooth", "cy", "Featured"),
        ("-7", "bar", "cy", "Bar"),
    )
    counted = volunteers.count(votes, "smooth", ["Smooth"], ["Smooth", "Featured"])
    assert counted.to_dict("index") == {"a": {"k": 1, "N": 2}, "-7": {"k": 0, "N": 1}}


GOOD = ["a,smooth,ann,Smooth," + NOON, "-7,smooth,Zoë,Featured," + NOON]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\n".join([HEADER, *GOOD]), 2),
        ("\ufeff" + "\n".join([HEADER, *GOOD]), 2),
        ("\r\n".join([HEADER, *GOOD, ""]), 2),
        ("\n".join([HEADER, *GOOD]).replace(",", ";"), 2),
        ("\n".join([HEADER, *GOOD]).replace(",", "\t"), 2),
        ("\n".join(['"galaxy_id","question","volunteer","answer","time"', *GOOD]), 2),
        ("\n".join(["note," + HEADER, *("x," + row for row in GOOD)]), 2),
        (HEADER + "\n", 0),
        ("\n".join([HEADER, *GOOD, "a,smooth,NA,Smooth," + NOON, "a,smooth,null,Smooth," + NOON]), 4),
    ],
)
def test_tables_as_people_have_them(tmp_path, content, expected):
    (tmp_path / "votes.csv").write_text(content, newline="")
    (tmp_path / "votes.csv.gz").write_bytes(gzip.compress(content.encode()))
    for path in volunteers.files(tmp_path):
        votes, rejected = volunteers.accept(volunteers.read([path]), QUESTIONS, GALAXIES)
        assert (len(votes), len(rejected)) == (expected, 0)


def test_a_row_that_is_broken_is_rejected_and_the_others_keep_their_numbers(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("\n".join([HEADER, GOOD[0], "a,smooth", "a,smooth,ann,Odd," + NOON, GOOD[1]]))
    votes, rejected = volunteers.accept(volunteers.read([path]), QUESTIONS, GALAXIES)
    assert list(votes["volunteer"]) == ["Zoë", "ann"]
    assert rejected[["row", "reason"]].to_numpy().tolist() == [
        [3, "2 fields instead of 5"],
        [4, "the question has no such answer"],
    ]
    assert set(rejected["file"]) == {str(path)}


def test_votes_come_back_from_parquet(tmp_path):
    votes, _ = volunteers.accept(rows(("587722981742084096", "smooth", "ann", "Smooth")), QUESTIONS, GALAXIES)
    pq.write_table(pa.Table.from_pandas(votes, volunteers.VOTES, preserve_index=False), tmp_path / "votes.parquet")
    again, rejected = volunteers.accept(volunteers.read([tmp_path / "votes.parquet"]), QUESTIONS, GALAXIES)
    pd.testing.assert_frame_equal(again, votes)
    assert rejected.empty


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("votes.csv", b"galaxy_id,question\na,smooth\n", "no column 'volunteer'; it has galaxy_id, question"),
        ("votes.csv", b"", "not a readable table"),
        ("votes.csv", HEADER.encode() + b"\na,smooth,\xff\xfe,Smooth,x\n", "not a readable table"),
        ("votes.parquet", b"PAR1", "not a readable parquet file"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {message}"):
        volunteers.read([tmp_path / name])


def test_ids_that_lost_digits_are_refused(tmp_path):
    columns = {name: ["x"] for name in volunteers.COLUMNS} | {"galaxy_id": [5.877e17]}
    pq.write_table(pa.table(columns), tmp_path / "votes.parquet")
    with pytest.raises(InputError, match="floating-point"):
        volunteers.read([tmp_path / "votes.parquet"])
