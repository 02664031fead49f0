"""Asks of a live survey: who is asked next, what is missing, and what is closed."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import asks, splitting, volunteers

QUESTIONS = {
    "smooth": {"text": "Smooth?", "help": "", "answers": ["Smooth", "Featured"], "asked_if": None},
    "bar": {
        "text": "Bar?",
        "help": "",
        "answers": ["Bar", "No bar"],
        "asked_if": {"question": "smooth", "answers": ["Featured"]},
    },
}
IDS = [f"galaxy {number}" for number in range(50)]


@pytest.fixture
def survey(tmp_path):
    """A folder of asks with one that is open: two people for a and b each, and one for the bar of b."""
    publish(tmp_path / "asks", 0, [("a", "smooth", 2), ("b", "smooth", 2), ("b", "bar", 1)])
    return tmp_path


def publish(folder, number, wanted, **others):
    chosen = pd.DataFrame(wanted, columns=["galaxy_id", "question", "votes"]).assign(why="test", score=np.nan, image="")
    table = pa.Table.from_pandas(chosen, asks.ASKED, preserve_index=False)
    tables.write(table, folder / f"ask_{number}/galaxies.parquet")
    manifest = {"ask": number, "questions": QUESTIONS, **others}
    (folder / f"ask_{number}/manifest.json").write_text(json.dumps(manifest))


def votes(path, *rows):
    timed = [(*row, f"2026-11-25T12:00:{second:02}Z")[:5] for second, row in enumerate(rows)]
    pd.DataFrame(timed, columns=volunteers.COLUMNS).to_csv(path, index=False)
    return [path]


def freeze(folder, number, counted):
    table = pa.Table.from_pandas(counted, volunteers.VOTES, preserve_index=False)
    tables.write(table, folder / f"ask_{number}/votes.parquet")


def test_what_is_missing_is_said_in_numbers(survey):
    source = votes(survey / "votes.csv", ("a", "smooth", "ann", "Smooth"), ("b", "smooth", "ann", "Featured"))
    _, rejected, missing = asks.collect(survey / "asks", 0, source)
    assert rejected.empty
    assert missing == asks.Missing(galaxies=2, asked=2, votes=3)
    assert asks.what_now(survey / "asks", source) == (
        "ask 0: 2 of 2 galaxies still want 3 votes; go on without them: --config live='{close: 0}'"
    )


def test_a_person_who_goes_another_way_has_done_what_was_asked(survey):
    rows = [(galaxy, "smooth", person, "Smooth") for galaxy in "ab" for person in ("ann", "bob")]
    source = votes(survey / "votes.csv", *rows)
    assert asks.collect(survey / "asks", 0, source)[2].votes == 0
    assert asks.can_be_closed(survey / "asks", 0, source, close=None)


@pytest.mark.parametrize(("close", "expected"), [(None, False), (0, True), (1, False)])
def test_an_ask_is_closed_without_its_votes_only_if_it_is_named(survey, close, expected):
    assert asks.can_be_closed(survey / "asks", 0, [], close) == expected


def test_a_new_ask_says_what_to_do(survey):
    assert asks.what_now(survey / "asks", []).startswith("ask 0: show 2 galaxies to 1 to 2 people each, for 5 votes")


def test_states(tmp_path):
    folder = tmp_path / "asks"
    assert asks.state(folder) == (0, False, {})
    publish(folder, 0, [("a", "smooth", 1)])
    assert asks.state(folder) == (0, True, {})
    freeze(folder, 0, volunteers.VOTES.empty_table().to_pandas())
    assert asks.state(folder) == (1, False, {})
    publish(folder, 1, [], stop={"smooth": "good enough"})
    assert asks.state(folder) == (1, False, {"smooth": "good enough"})
    assert "no more votes are needed (smooth: good enough)" in asks.what_now(folder, [])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ask": 0}', '{"ask": 0, "questions": {"smooth": {}}}'])
def test_a_manifest_that_cannot_be_read_is_named(survey, content):
    (survey / "asks/ask_0/manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"ask_0/manifest.json: not the manifest of an ask"):
        asks.state(survey / "asks")


def test_late_votes_go_to_the_next_ask(survey):
    folder = survey / "asks"
    first = [("a", "smooth", "ann", "Smooth"), ("a", "smooth", "bob", "Smooth")]
    freeze(folder, 0, asks.collect(folder, 0, votes(survey / "votes.csv", *first), ["a", "b", "c"])[0])
    publish(folder, 1, [("c", "smooth", 1)])
    late = [("b", "smooth", "ann", "Smooth"), ("c", "smooth", "ann", "Featured"), ("a", "smooth", "ann", "Featured")]
    new, rejected, missing = asks.collect(folder, 1, votes(survey / "votes.csv", *first, *late), ["a", "b", "c"])
    assert list(new["galaxy_id"]) == ["b", "c"]
    assert list(rejected["reason"]) == ["not the volunteer's first answer"]
    assert missing.votes == 0


def test_the_reserve_is_a_share_and_no_order_matters():
    roles = dict(zip(IDS, splitting.reserve(IDS, "smooth", 0.2), strict=True))
    assert list(roles.values()).count("test") == 10
    assert dict(zip(IDS[::-1], splitting.reserve(IDS[::-1], "smooth", 0.2), strict=True)) == roles


@pytest.mark.parametrize(("galaxies", "share"), [(2, 0.1), (2, 0.9), (0, 0.2)])
def test_a_reserve_that_leaves_nothing_is_refused(galaxies, share):
    with pytest.raises(InputError, match=r"live.test_share"):
        splitting.reserve(IDS[:galaxies], "smooth", share)


def test_tests_come_in_random_order_and_again_after_the_last():
    asked, seen = [], []
    for _ in range(3):
        seen += (tests := asks.next_tests(IDS[:6], "smooth", asked, 4))
        asked.append(pd.DataFrame({"galaxy_id": tests, "question": "smooth", "why": "test"}))
    assert sorted(seen[:6]) == sorted(seen[6:]) == IDS[:6]
    assert seen[:6] != IDS[:6]
    assert asks.next_tests(IDS[:6], "bar", asked, 4) == asks.next_tests(IDS[:6], "bar", [], 4)
    assert len(asks.next_tests(IDS[:2], "smooth", [], 4)) == 2


def test_a_budget_is_spent_in_order_and_a_galaxy_comes_once():
    galaxies = np.array(["a", "b", "a", "c"])
    spent = asks.spend(galaxies, np.array([3, 3, 3, 3]), np.array([4.0, 3, 2, 1]), budget=7)
    assert spent.to_numpy().tolist() == [["a", 6, 4.0], ["b", 3, 3.0]]
    assert asks.spend(galaxies, np.array([3] * 4), np.zeros(4), budget=0).empty


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 20), st.integers(0, 60))
def test_however_early_an_ask_ends_each_part_has_its_share(tests, others):
    parts = [pd.DataFrame({"why": ["test"] * tests}), pd.DataFrame({"why": ["informative"] * others})]
    why = asks.interleave(*parts)["why"]
    assert len(why) == tests + others
    for done in range(tests + others):
        so_far = (why.iloc[:done] == "test").sum()
        assert abs(so_far - done * tests / (tests + others)) <= 1


def test_a_choice_comes_back_with_its_reason(tmp_path):
    chosen = pd.DataFrame({"galaxy_id": ["a"], "votes": [5], "why": ["test"], "score": [np.nan]})
    asks.write_choice(chosen, None, tmp_path / "c.parquet")
    back, stop = asks.read_choice(tmp_path / "c.parquet")
    assert (back["galaxy_id"].tolist(), stop) == (["a"], None)
    asks.write_choice(chosen.iloc[:0], "good enough", tmp_path / "c.parquet")
    back, stop = asks.read_choice(tmp_path / "c.parquet")
    assert (len(back), stop) == (0, "good enough")


def test_votes_of_asks_are_counted_in_an_order_that_is_theirs_alone():
    def of(*rows):
        return pd.DataFrame(rows, columns=["galaxy_id", "question", "volunteer", "answer"])

    first = of(("b", "smooth", "ann", "Smooth"), ("z", "smooth", "ann", "Smooth"))
    second = of(("a", "smooth", "ann", "Featured"), ("b", "smooth", "bob", "Featured"))
    counted = volunteers.count_asks([first, second], ["a", "b", "c"], "smooth", ["Smooth"], ["Smooth", "Featured"])
    assert counted.to_pylist() == [
        {"id": "b", "k": 1, "N": 2, "iteration": 0},
        {"id": "a", "k": 0, "N": 1, "iteration": 1},
    ]


def test_a_manifest_has_the_questions_of_the_tree(survey):
    manifest = asks.read_manifest(survey / "asks/ask_0/manifest.json")
    assert list(manifest.questions["bar"].answers) == ["Bar", "No bar"]
    assert manifest.questions["bar"].asked_if == ("smooth", ("Featured",))
    assert (manifest.ask, manifest.stop) == (0, {})
