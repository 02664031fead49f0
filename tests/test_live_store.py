"""Who is shown which galaxy, and that votes are kept as they were given."""

import json
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.errors import InputError
from activezoo.live import published
from activezoo.live.store import RESERVED, SIGNED_IN, Refused, Store
from made_up_asks import QUESTIONS, write_ask

PEOPLE = ["Ann", "Bob", "Cem", "Dee"]


class Clock:
    now = 1e9

    def __call__(self):
        return self.now


def persons(store, names=PEOPLE):
    return {name: store.person(store.sign_in(store.invite(name))) for name in names}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    store = Store(tmp_path / "votes.sqlite", clock)
    store.add(published.read(write_ask(tmp_path / "asks/ask_0")))
    yield store
    store.close()


@pytest.fixture
def people(store):
    return persons(store)


def answered(store, person, *answers, ask=0):
    """Give some answers to whatever is asked."""
    for answer in answers:
        shown = store.next(person, ask)
        store.answer(person, ask, shown.galaxy, shown.name, answer)
    return shown.galaxy


def test_the_tree_is_walked_and_galaxies_come_in_the_order_of_the_ask(store, people):
    ann = people["Ann"]
    seen = []
    for answer in ("featured", "bar", "smooth", None, "x"):
        shown = store.next(ann, 0)
        if shown is None:
            break
        seen.append((shown.galaxy, shown.name, shown.answers))
        store.answer(ann, 0, shown.galaxy, shown.name, answer)
    assert seen == [
        ("g0", "smooth", {}),
        ("g0", "bar", {"smooth": "featured"}),
        ("g1", "smooth", {}),
        ("g2", "smooth", {}),
    ]
    assert store.next(ann, 0) is None
    assert store.own(ann, 0) == 3
    # "I can't tell" is no vote, and its galaxy still wants as many people.
    assert store.progress(0) == (2, 6, 0, 3)
    assert [vote[:4] for vote in store.votes(0)] == [
        ("g0", "bar", "Ann", "bar"),
        ("g0", "smooth", "Ann", "featured"),
        ("g1", "smooth", "Ann", "smooth"),
    ]


def test_a_galaxy_asks_only_what_it_wants(tmp_path):
    store = Store(tmp_path / "votes.sqlite")
    store.add(published.read(write_ask(tmp_path / "asks/ask_0", about="smooth")))
    (ann,) = persons(store, ["Ann"]).values()
    assert answered(store, ann, "featured") == "g0"
    assert store.next(ann, 0).galaxy == "g1"


def test_a_galaxy_is_shown_to_as_many_different_people_as_it_wants(store, people):
    ann, bob, cem, dee = people.values()
    assert [store.next(person, 0).galaxy for person in (ann, bob, cem, dee)] == ["g0", "g0", "g1", "g1"]
    answered(store, ann, "smooth")
    answered(store, bob, "smooth")
    assert store.next(ann, 0).galaxy == "g2"  # two look at g1
    assert store.next(bob, 0).galaxy == "g2"
    answered(store, cem, "smooth")
    assert store.next(cem, 0) is None  # g0 is full, g1 seen, and two look at g2
    answered(store, ann, "smooth")
    assert store.progress(0).looks == 4


def test_a_reservation_runs_out_unless_there_is_still_room(store, people, clock):
    ann, bob, cem, dee = people.values()
    for person in (ann, bob):
        assert store.next(person, 0).galaxy == "g0"
    clock.now += RESERVED + 1
    assert store.current(ann, 0).galaxy == "g0"  # nobody came
    assert [store.next(person, 0).galaxy for person in (cem, dee)] == ["g0", "g0"]
    assert store.current(ann, 0) is None
    with pytest.raises(Refused, match="Meanwhile"):
        store.answer(ann, 0, "g0", "smooth", "smooth")
    assert store.next(ann, 0).galaxy == "g1"
    assert store.votes(0) == []


def test_answers_that_were_given_before_a_reservation_ran_out_stay(store, people, clock):
    ann, bob, cem, _ = people.values()
    answered(store, ann, "featured")
    clock.now += RESERVED + 1
    for person in (bob, cem):
        answered(store, person, "smooth")
    assert store.next(ann, 0).galaxy == "g1"
    assert [vote[:4] for vote in store.votes(0) if vote[2] == "Ann"] == [("g0", "smooth", "Ann", "featured")]


@pytest.mark.parametrize(
    ("galaxy", "question", "answer", "message"),
    [
        ("g1", "smooth", "smooth", "not asked about this galaxy"),
        ("g' OR 1=1 --", "smooth", "smooth", "not asked about this galaxy"),
        ("g0", "bar", "bar", "not asked this question"),
        ("g0", "nothing", "bar", "not asked this question"),
        ("g0", "smooth", "bar", "no answer 'bar'"),
        ("g0", "smooth", "Smooth", "no answer 'Smooth'"),
    ],
)
def test_what_was_not_asked_is_no_vote(store, people, galaxy, question, answer, message):
    assert store.next(people["Ann"], 0).galaxy == "g0"
    with pytest.raises(Refused, match=message):
        store.answer(people["Ann"], 0, galaxy, question, answer)
    assert store.votes(0) == []


def test_the_same_answer_again_is_no_other_vote_and_another_is_refused(store, people):
    ann = people["Ann"]
    answered(store, ann, "smooth")
    store.answer(ann, 0, "g0", "smooth", "smooth")
    with pytest.raises(Refused, match="Undo"):
        store.answer(ann, 0, "g0", "smooth", "featured")
    assert len(store.votes(0)) == store.progress(0).looks == 1


def test_the_database_itself_takes_no_vote_twice(store, people):
    answered(store, people["Ann"], "smooth")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        store._rows(
            "INSERT INTO votes (ask, galaxy, question, person, answer, time) "
            "SELECT ask, galaxy, question, person, 'artifact', time FROM votes"
        )


def test_undo_goes_back_answer_by_answer(store, people):
    ann = people["Ann"]
    answered(store, ann, "featured", "bar", None, "smooth")
    assert store.progress(0).looks == 2
    for galaxy, question in (("g2", "smooth"), ("g1", "smooth"), ("g0", "bar"), ("g0", "smooth")):
        store.undo(ann, 0)
        shown = store.next(ann, 0)
        assert (shown.galaxy, shown.name) == (galaxy, question)
    with pytest.raises(Refused, match="no answer to undo"):
        store.undo(ann, 0)
    assert store.progress(0).looks == 0
    assert store.votes(0) == []
    assert store._row("SELECT count(*) AS n FROM votes WHERE undone IS NOT NULL")["n"] == 4
    answered(store, ann, "artifact")
    assert [vote[:4] for vote in store.votes(0)] == [("g0", "smooth", "Ann", "artifact")]


def test_what_others_have_answered_meanwhile_is_not_undone(store, people):
    ann, bob, cem, _ = people.values()
    answered(store, ann, None)
    for person in (bob, cem):
        answered(store, person, "smooth")
    with pytest.raises(Refused, match="Meanwhile"):
        store.undo(ann, 0)
    assert store.next(ann, 0).galaxy == "g1"


def test_a_pause_hands_out_nothing_and_a_closed_ask_takes_nothing(store, people):
    ann, bob, *_ = people.values()
    store.next(ann, 0)
    store.set_state(0, "paused")
    assert store.next(bob, 0) is None
    assert answered(store, ann, "smooth") == "g0"
    store.set_state(0, "open")
    assert store.next(bob, 0).galaxy == "g0"
    store.set_state(0, "closed")
    assert store.next(bob, 0) is None
    with pytest.raises(Refused, match="closed"):
        store.answer(bob, 0, "g0", "smooth", "smooth")
    with pytest.raises(Refused, match="closed"):
        store.undo(ann, 0)
    with pytest.raises(Refused, match="cannot be opened again"):
        store.set_state(0, "open")
    with pytest.raises(Refused, match="no ask 7"):
        store.set_state(7, "closed")


def test_the_next_ask_closes_the_one_before_and_shows_nobody_a_galaxy_again(store, people, tmp_path):
    ann = people["Ann"]
    answered(store, ann, "smooth")
    store.add(published.read(write_ask(tmp_path / "asks/ask_1", 1, galaxies=4)))
    assert store.states() == {0: "closed", 1: "open"}
    assert store.next(ann, 1).galaxy == "g1"
    assert store.next(people["Bob"], 1).galaxy == "g0"


def test_a_frozen_ask_cannot_change(store, tmp_path):
    store.add(published.read(tmp_path / "asks/ask_0"))
    write_ask(tmp_path / "asks/ask_0", people=3)
    with pytest.raises(InputError, match="ask 0 has changed"):
        store.add(published.read(tmp_path / "asks/ask_0"))


def test_votes_become_a_file_which_stays_as_it_is_once_the_ask_is_closed(store, people, tmp_path):
    path = tmp_path / "votes.parquet"
    answered(store, people["Bob"], "featured", "no bar", None)
    assert store.export(0, path) == 2
    table = tables.read(path)
    assert table.schema.names == ["galaxy_id", "question", "volunteer", "answer", "time"]
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert [list(row.values())[:4] for row in table.to_pylist()] == [
        ["g0", "bar", "Bob", "no bar"],
        ["g0", "smooth", "Bob", "featured"],
    ]
    answered(store, people["Ann"], "smooth")
    store.set_state(0, "closed")
    assert store.export(0, path) == 3
    before = path.stat()
    assert store.export(0, path) == 3
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_ask_without_votes_is_exported_too(store, tmp_path):
    assert store.export(0, tmp_path / "votes.parquet") == 0
    assert tables.read(tmp_path / "votes.parquet").num_columns == 5


def test_agreement_is_with_the_votes_of_others(store, people):
    ann, bob, cem, _ = people.values()
    answered(store, ann, "featured", "bar", "smooth")
    answered(store, bob, "featured", "no bar", "smooth")
    answered(store, cem, "smooth")
    rows = {row["name"]: row for row in store.people(0)}
    assert (rows["Ann"]["votes"], rows["Ann"]["agreement"], rows["Ann"]["others"]) == (3, pytest.approx(2 / 3), 3)
    assert (rows["Dee"]["votes"], rows["Dee"]["agreement"], rows["Dee"]["last"]) == (0, None, None)


def test_an_invitation_is_known_by_its_token_alone(store, clock):
    token = store.invite("Eve")
    session = store.sign_in(token)
    assert store.person(session).name == "Eve"
    for forged in ("", "x", token[:-1], token + "x", session, token.swapcase()):
        assert store.sign_in(forged) is None
    for forged in ("", token, session[:-1]):
        assert store.person(forged) is None
    clock.now += SIGNED_IN + 1
    assert store.person(session) is None
    session = store.sign_in(token)
    store.sign_out(session)
    assert store.person(session) is None


def test_secrets_are_not_kept(store, tmp_path):
    token = store.invite("Eve")
    session = store.sign_in(token)
    store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("votes.sqlite*"))
    assert b"Eve" in content
    assert token.encode() not in content
    assert session.encode() not in content
    assert (tmp_path / "votes.sqlite").stat().st_mode & 0o77 == 0


def test_another_link_ends_the_old_one(store):
    old = store.invite("Eve")
    session = store.sign_in(old)
    with pytest.raises(InputError, match="--renew"):
        store.invite("Eve")
    with pytest.raises(InputError, match="not invited yet"):
        store.invite("Fay", renew=True)
    new = store.invite("Eve", renew=True, administrator=True)
    assert store.person(session) is None
    assert store.sign_in(old) is None
    assert store.person(store.sign_in(new)).administrator


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x00"])
def test_a_name_is_a_line_of_text(store, name):
    with pytest.raises(InputError, match="not a line of text"):
        store.invite(name)


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "votes.sqlite").write_text("This is no database, but a text of some length." * 100)
    with pytest.raises(InputError, match="not a database of votes"):
        Store(tmp_path / "votes.sqlite")


ACTION = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from(["next", "undo", "leave", "smooth", "featured", "bar", "?"])
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTION, max_size=60))
def test_whatever_people_do_each_galaxy_has_different_people_and_no_more_than_it_wants(tmp_path_factory, actions):
    folder, clock = tmp_path_factory.mktemp("store"), Clock()
    store = Store(folder / "votes.sqlite", clock)
    store._rows("PRAGMA synchronous = OFF")  # this test is not about power cuts
    store.add(published.read(write_ask(folder / "asks/ask_0")))
    people = persons(store)
    for name, action in actions:
        person = people[name]
        try:
            if action == "undo":
                store.undo(person, 0)
            elif action == "leave":
                clock.now += RESERVED / 2
            elif (shown := store.next(person, 0)) and action != "next":
                store.answer(person, 0, shown.galaxy, shown.name, None if action == "?" else action)
        except Refused:
            pass
        for row in store._rows(
            "SELECT wanted, answered, (SELECT count(*) FROM looks WHERE galaxy = g.galaxy AND counts) AS counted, "
            "(SELECT count(*) FROM looks WHERE galaxy = g.galaxy AND expires > :now) AS reserved FROM galaxies AS g",
            now=clock.now,
        ):
            assert row["answered"] == row["counted"]
            assert row["answered"] + row["reserved"] <= row["wanted"]
    store.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"questions": {}}, "question 'bar' is not in manifest.json"),
        ({"ask": "one"}, "not the manifest of an ask"),
        ({"questions": QUESTIONS | {"bar": {"text": "?"}}}, "not the manifest of an ask"),
        ({"questions": QUESTIONS | {"bar": {"text": "?", "answers": ["a", "a"]}}}, "must be two or more"),
        (
            {"questions": {"bar": QUESTIONS["bar"] | {"asked_if": {"question": "bar", "answers": ["bar"]}}}},
            "questions.bar.asked_if: leads round in a circle, bar → bar",
        ),
    ],
)
def test_an_ask_that_cannot_be_asked_is_named(tmp_path, change, message):
    path = write_ask(tmp_path / "asks/ask_0") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        published.read(path.parent)


@pytest.mark.parametrize("votes", [[0, 1, 1], [None, 1, 1], [1.5, 1, 1]])
def test_wanted_votes_are_numbers_above_0(tmp_path, votes):
    with pytest.raises(InputError, match="votes are wanted"):
        published.read(write_ask(tmp_path / "asks/ask_0", votes=votes))


def test_several_questions_of_one_galaxy_are_one_look(tmp_path):
    columns = {"galaxy_id": ["a", "b", "a"], "question": ["smooth", "bar", "bar"], "votes": [4, 2, 7]}
    ask = published.read(write_ask(tmp_path / "asks/ask_0", **columns))
    assert [(galaxy.id, galaxy.people, galaxy.questions) for galaxy in ask.galaxies] == [
        ("a", 7, {"smooth", "bar"}),
        ("b", 2, {"smooth", "bar"}),
    ]


def test_folders_of_asks_are_in_order_and_complete(tmp_path):
    for number in (10, 9, 2):
        write_ask(tmp_path / f"asks/ask_{number}", number)
    (tmp_path / "asks/ask_2/galaxies.parquet").unlink()
    (tmp_path / "asks/ask_11").mkdir()
    assert [path.name for path in published.folders(tmp_path / "asks")] == ["ask_9", "ask_10"]
    assert published.folders(tmp_path / "nothing") == []
