"""Changes of the page's database: together on disk, each alone undone."""

import asyncio
from functools import partial

import pytest

from activezoo.live.commits import Commits
from activezoo.live.store import Store

NAMES = [f"person {number}" for number in range(250)]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "votes.sqlite")
    yield store
    store.close()


def changed(store, *changes):
    """What comes of changes that are asked for at the same time."""

    async def all_changes():
        commits = Commits(store)
        found = await asyncio.gather(*map(commits.run, changes), return_exceptions=True)
        await commits.close()
        return found

    return asyncio.run(all_changes())


def names(store):
    return sorted(row["name"] for row in store._rows("SELECT name FROM people"))


def test_what_is_acknowledged_is_there_for_others(store, tmp_path):
    changed(store, *(partial(store.invite, name) for name in NAMES))
    other = Store(tmp_path / "votes.sqlite")
    assert names(other) == sorted(NAMES)
    other.close()


def test_a_change_that_raises_is_undone_alone(store):
    def invite_and_fail():
        store.invite("nobody")
        raise KeyError

    first, failed, last = changed(store, partial(store.invite, "ann"), invite_and_fail, partial(store.invite, "bob"))
    assert isinstance(failed, KeyError)
    assert first != last
    assert names(store) == ["ann", "bob"]


def test_a_change_waits_for_another_writer_and_the_event_loop_does_not(store, tmp_path):
    other = Store(tmp_path / "votes.sqlite")

    async def invite_while_another_writes():
        commits = Commits(store)
        other.begin()
        other.invite("ann")
        invited = asyncio.create_task(commits.run(partial(store.invite, "bob")))
        for _ in range(3):  # until it has tried to begin
            await asyncio.sleep(0)
        other.commit()
        await invited
        await commits.close()

    asyncio.run(invite_while_another_writes())
    assert names(other) == ["ann", "bob"]
    other.close()


def test_changes_that_cannot_be_committed_all_say_so(store, monkeypatch):
    def full():
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "commit", full)
        found = changed(store, *(partial(store.invite, name) for name in NAMES[:3]))
    assert [str(error) for error in found] == ["the disk is full"] * 3
    assert names(store) == []
    changed(store, partial(store.invite, "ann"))
    assert names(store) == ["ann"]
