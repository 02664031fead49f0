"""Votes that people give on the page, in SQLite: who is invited, who is shown what, one row a vote.

A vote is on disk before it is acknowledged: write-ahead log, synchronous FULL. NORMAL would survive a killed process as
well, but not a power cut. What FULL costs, some milliseconds a commit, is shared by all votes that wait (`commits.py`).

Nothing of a vote is ever overwritten. To undo one marks its row, and "I can't tell" is a row without an answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from activezoo import tables
from activezoo.errors import InputError
from activezoo.live.published import Ask
from activezoo.survey import tree
from activezoo.survey.tree import Question

# Seconds for which a galaxy is kept for the person who sees it, from the last answer on.
RESERVED = 600
# Seconds to wait for other connections to the database.
PATIENCE = 30
# Seconds until a person who has signed in must follow the link again.
SIGNED_IN = 90 * 86400

SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token BLOB NOT NULL UNIQUE,
    administrator INTEGER NOT NULL,
    invited REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    key BLOB PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    expires REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS asks (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'paused', 'closed')),
    questions TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS galaxies (
    ask INTEGER NOT NULL REFERENCES asks,
    place INTEGER NOT NULL,
    galaxy TEXT NOT NULL,
    image TEXT NOT NULL,
    questions TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ask, place),
    UNIQUE (ask, galaxy)
) STRICT;
CREATE INDEX IF NOT EXISTS wanting ON galaxies (ask, place) WHERE answered < wanted;
-- A person's look at a galaxy, which is the only one in all asks. It is a reservation until the last answer, when
-- `expires` becomes null. It counts, if no answer was "I can't tell".
CREATE TABLE IF NOT EXISTS looks (
    galaxy TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people,
    ask INTEGER NOT NULL REFERENCES asks,
    expires REAL,
    counts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (galaxy, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS looks_of_person ON looks (person, ask, expires);
CREATE TABLE IF NOT EXISTS votes (
    id INTEGER PRIMARY KEY,
    ask INTEGER NOT NULL REFERENCES asks,
    galaxy TEXT NOT NULL,
    question TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people,
    answer TEXT,
    time REAL NOT NULL,
    undone REAL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_vote ON votes (galaxy, question, person, ask) WHERE undone IS NULL;
CREATE INDEX IF NOT EXISTS votes_of_person ON votes (person, ask, id) WHERE undone IS NULL;
"""


class Refused(Exception):
    """What a person asked for cannot be done; the message says why, to this person."""


class Person(NamedTuple):
    """Somebody who was invited."""

    id: int
    name: str
    administrator: bool


class Shown(NamedTuple):
    """What a person is shown: a galaxy, and the question about it."""

    ask: int
    galaxy: str
    place: int  # of the galaxy in the ask
    name: str  # of the question
    question: Question
    answers: dict[str, str | None]  # given already


class Progress(NamedTuple):
    """How far an ask is. A galaxy that wants eight people counts eight looks."""

    looks: int
    looks_wanted: int
    galaxies: int
    galaxies_wanted: int

    @property
    def is_complete(self) -> bool:
        return self.looks >= self.looks_wanted


class Store:
    """The database of a survey's page.

    Parameters
    ----------
    path
        The file, which is made if it is missing.
    clock
        Seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self.clock = clock
        self._asked = lru_cache(maxsize=10_000)(self._read_asked)
        try:
            # Whoever uses it takes care that it is one thread at a time.
            self._database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            self._database.row_factory = sqlite3.Row
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            self._database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path}: not a database of votes ({error}); move it away to start anew") from error

    def close(self) -> None:
        self._database.close()

    def _rows(self, statement: str, **values) -> list[sqlite3.Row]:
        return self._database.execute(statement, values).fetchall()

    def _row(self, statement: str, **values) -> sqlite3.Row | None:
        return self._database.execute(statement, values).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is done within is kept as a whole or not at all; one within another is a part of it."""
        if self._database.in_transaction:
            yield
            return
        self.begin()
        try:
            yield
        except BaseException:
            self.roll_back()
            raise
        self.commit()

    def begin(self, patience: float = PATIENCE) -> None:
        """Begin a transaction, once no other connection writes; for so many seconds it waits for that."""
        self._database.execute(f"PRAGMA busy_timeout = {1000 * patience:.0f}")
        self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End a transaction: what it did is on the disk."""
        self._database.execute("COMMIT")

    def roll_back(self) -> None:
        """Undo what a transaction did, if there is one."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction: what is done within is undone alone if it raises."""
        self._database.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK TO part")
            self._database.execute("RELEASE part")
            raise
        self._database.execute("RELEASE part")

    # People

    def invite(self, name: str, administrator: bool = False, renew: bool = False) -> str:
        """Invite a person; return the secret token of the link, of which only a digest is kept.

        Parameters
        ----------
        renew
            The person is known, and gets another token; the old one, and who signed in with it, is out.
        """
        if not name.strip() or not name.isprintable():
            raise InputError(f"the name {name!r} is not a line of text; give one without line breaks")
        token = secrets.token_urlsafe(32)
        with self.transaction():
            known = self._row("SELECT id FROM people WHERE name = :name", name=name)
            if known and not renew:
                raise InputError(f"{name!r} is invited already; for another link, which ends the old one: --renew")
            if renew and not known:
                raise InputError(f"{name!r} is not invited yet; leave out --renew")
            if known:
                self._rows("DELETE FROM sessions WHERE person = :person", person=known["id"])
                self._rows("UPDATE people SET token = :token WHERE id = :id", token=_digest(token), id=known["id"])
                if administrator:
                    self._rows("UPDATE people SET administrator = 1 WHERE id = :id", id=known["id"])
            else:
                self._rows(
                    "INSERT INTO people (name, token, administrator, invited) "
                    "VALUES (:name, :token, :administrator, :now)",
                    name=name,
                    token=_digest(token),
                    administrator=int(administrator),
                    now=self.clock(),
                )
        return token

    def sign_in(self, token: str) -> str | None:
        """A new session's secret for whoever holds this token, or None."""
        person = self._by_secret("SELECT *, token AS secret FROM people WHERE token = :digest", token)
        if person is None:
            return None
        session = secrets.token_urlsafe(32)
        with self.transaction():
            self._rows("DELETE FROM sessions WHERE expires < :now", now=self.clock())
            self._rows(
                "INSERT INTO sessions VALUES (:key, :person, :expires)",
                key=_digest(session),
                person=person["id"],
                expires=self.clock() + SIGNED_IN,
            )
        return session

    def sign_out(self, session: str) -> None:
        with self.transaction():
            self._rows("DELETE FROM sessions WHERE key = :key", key=_digest(session))

    def person(self, session: str) -> Person | None:
        """Who has signed in with this session's secret, or None."""
        row = self._by_secret(
            "SELECT people.*, key AS secret FROM sessions JOIN people ON people.id = person "
            "WHERE key = :digest AND expires > :now",
            session,
            now=self.clock(),
        )
        return row and Person(row["id"], row["name"], bool(row["administrator"]))

    def _by_secret(self, statement: str, text: str, **values) -> sqlite3.Row | None:
        """The row of a secret. Time tells nothing: an index of digests is searched, then compared in constant time."""
        digest = _digest(text)
        row = self._row(statement, digest=digest, **values)
        return row if row and hmac.compare_digest(row["secret"], digest) else None

    # Asks

    def add(self, ask: Ask) -> None:
        """Take up an ask. It is the open one from now on: those before it are closed.

        Raises
        ------
        InputError
            It was taken up before, and has changed since.
        """
        described = json.dumps(tree.describe(ask.questions))
        rows = [(g.id, g.image, json.dumps(sorted(g.questions)), g.people) for g in ask.galaxies]
        digest = hashlib.sha256(json.dumps([described, rows]).encode()).hexdigest()
        with self.transaction():
            known = self._row("SELECT digest FROM asks WHERE number = :number", number=ask.number)
            if known and known["digest"] != digest:
                raise InputError(
                    f"ask {ask.number} has changed since people were asked; put its files back as they were"
                )
            if known:
                return
            self._rows("UPDATE asks SET state = 'closed' WHERE number < :number", number=ask.number)
            # Galaxies that were on people's screens, and are not answered any more.
            self._rows(
                f"DELETE FROM looks WHERE ask < :number AND expires IS NOT NULL AND NOT {_IS_ANSWERED}",
                number=ask.number,
            )
            later = self._row("SELECT 1 FROM asks WHERE number > :number", number=ask.number)
            self._rows(
                "INSERT INTO asks VALUES (:number, :state, :questions, :digest)",
                number=ask.number,
                state="closed" if later else "open",
                questions=described,
                digest=digest,
            )
            self._database.executemany(
                "INSERT INTO galaxies (ask, place, galaxy, image, questions, wanted) VALUES (?, ?, ?, ?, ?, ?)",
                [(ask.number, place, *row) for place, row in enumerate(rows)],
            )

    def states(self) -> dict[int, str]:
        """Each ask, the last one last: open, paused or closed."""
        return {row["number"]: row["state"] for row in self._rows("SELECT number, state FROM asks ORDER BY number")}

    def _state(self, ask: int) -> str:
        return self._row("SELECT state FROM asks WHERE number = :ask", ask=ask)["state"]

    def set_state(self, ask: int, state: str) -> None:
        """Open, pause or close an ask. One that is closed stays closed, for its votes may have been taken."""
        with self.transaction():
            current = self.states().get(ask)
            if current is None:
                raise Refused(f"There is no ask {ask}.")
            if current == "closed" and state != "closed":
                raise Refused(f"Ask {ask} is closed, and its votes may be in use. It cannot be opened again.")
            self._rows("UPDATE asks SET state = :state WHERE number = :ask", state=state, ask=ask)

    def questions(self, ask: int) -> Mapping[str, Question]:
        return _questions(self._row("SELECT questions FROM asks WHERE number = :ask", ask=ask)["questions"])

    def progress(self, ask: int) -> Progress:
        """How far an ask is."""
        row = self._row(
            "SELECT sum(answered) AS looks, sum(wanted) AS looks_wanted, sum(answered >= wanted) AS galaxies, "
            "count(*) AS galaxies_wanted FROM galaxies WHERE ask = :ask",
            ask=ask,
        )
        return Progress(*(value or 0 for value in row))

    def most_wanted(self, ask: int) -> int:
        """How many people the galaxy wants that wants most."""
        return self._row("SELECT max(wanted) AS most FROM galaxies WHERE ask = :ask", ask=ask)["most"] or 0

    def own(self, person: Person, ask: int) -> int:
        """How many galaxies of an ask a person has answered."""
        row = self._row(
            "SELECT count(*) AS looks FROM looks WHERE person = :person AND ask = :ask AND expires IS NULL",
            person=person.id,
            ask=ask,
        )
        return row["looks"]

    def image(self, person: Person, ask: int, place: int) -> str | None:
        """Path of the image at a place of an ask, for a person who is, or was, shown it."""
        row = self._row(
            "SELECT image FROM galaxies AS g WHERE ask = :ask AND place = :place AND (:administrator OR EXISTS "
            "(SELECT 1 FROM looks WHERE galaxy = g.galaxy AND person = :person))",
            ask=ask,
            place=place,
            administrator=person.administrator,
            person=person.id,
        )
        return row and row["image"]

    # Answers

    def current(self, person: Person, ask: int) -> Shown | None:
        """What a person is shown, if anything. It changes nothing."""
        look = self._look(person, ask)
        if look is None or not self._is_kept(ask, look["galaxy"], look["expires"]):
            return None
        return self._shown(ask, look["galaxy"], self._answers(person, ask, look["galaxy"]))

    def _is_kept(self, ask: int, galaxy: str, expires: float) -> bool:
        """Whether a galaxy is still for the person before whom it is: if the time has run out, there must be room."""
        now = self.clock()
        if expires > now:
            return True
        room = f"SELECT {_HAS_ROOM} AS has_room FROM galaxies AS g WHERE ask = :ask AND galaxy = :galaxy"
        return bool(self._row(room, ask=ask, galaxy=galaxy, now=now)["has_room"])

    def next(self, person: Person, ask: int) -> Shown | None:
        """Show a person a galaxy: still the current one, or the first that wants this person, if any and not paused."""
        with self.transaction():
            state = self._state(ask)
            if state == "closed":
                return None
            look = self._look(person, ask)
            if look is not None:
                galaxy = look["galaxy"]
                if self._is_kept(ask, galaxy, look["expires"]):
                    self._prolong(person, galaxy)
                    return self._shown(ask, galaxy, self._answers(person, ask, galaxy))
                self._give_up(person, ask)
            return self._reserve(person, ask) if state == "open" else None

    def _look(self, person: Person, ask: int) -> sqlite3.Row | None:
        """The galaxy before a person, whether it still is kept for this person or not."""
        return self._row(
            "SELECT galaxy, expires FROM looks WHERE person = :person AND ask = :ask AND expires IS NOT NULL",
            person=person.id,
            ask=ask,
        )

    def _give_up(self, person: Person, ask: int) -> None:
        """Let go of a galaxy that was given to others meanwhile. One with answers is not shown to this person again."""
        mine = "person = :person AND ask = :ask AND expires IS NOT NULL"
        values = {"person": person.id, "ask": ask}
        self._rows(f"DELETE FROM looks WHERE {mine} AND NOT {_IS_ANSWERED}", **values)
        self._rows(f"UPDATE looks SET expires = NULL WHERE {mine}", **values)

    def _reserve(self, person: Person, ask: int) -> Shown | None:
        row = self._row(
            f"SELECT galaxy FROM galaxies AS g WHERE ask = :ask AND answered < wanted AND {_HAS_ROOM} AND NOT EXISTS "
            "(SELECT 1 FROM looks WHERE galaxy = g.galaxy AND person = :person) ORDER BY place LIMIT 1",
            ask=ask,
            person=person.id,
            now=self.clock(),
        )
        if row is None:
            return None
        self._rows(
            "INSERT INTO looks (galaxy, person, ask, expires) VALUES (:galaxy, :person, :ask, :expires)",
            galaxy=row["galaxy"],
            person=person.id,
            ask=ask,
            expires=self.clock() + RESERVED,
        )
        return self._shown(ask, row["galaxy"], {})

    def _prolong(self, person: Person, galaxy: str) -> None:
        self._rows(
            "UPDATE looks SET expires = :expires WHERE galaxy = :galaxy AND person = :person",
            expires=self.clock() + RESERVED,
            galaxy=galaxy,
            person=person.id,
        )

    def _finish(self, person: Person, galaxy: str, counts: bool) -> None:
        self._rows(
            "UPDATE looks SET expires = NULL, counts = :counts WHERE galaxy = :galaxy AND person = :person",
            counts=int(counts),
            galaxy=galaxy,
            person=person.id,
        )

    def _count(self, ask: int, galaxy: str, looks: int) -> None:
        self._rows(
            "UPDATE galaxies SET answered = answered + :looks WHERE ask = :ask AND galaxy = :galaxy",
            looks=looks,
            ask=ask,
            galaxy=galaxy,
        )

    def _answers(self, person: Person, ask: int, galaxy: str) -> dict[str, str | None]:
        rows = self._rows(
            "SELECT question, answer FROM votes WHERE galaxy = :galaxy AND person = :person AND ask = :ask "
            "AND undone IS NULL ORDER BY id",
            galaxy=galaxy,
            person=person.id,
            ask=ask,
        )
        return {row["question"]: row["answer"] for row in rows}

    def _read_asked(self, ask: int, galaxy: str) -> tuple[int, Mapping[str, Question], list[str]]:
        """Place of a galaxy in an ask, the tree, and the questions about it; none of which ever changes."""
        row = self._row(
            "SELECT place, galaxies.questions AS asked, asks.questions AS tree FROM galaxies "
            "JOIN asks ON number = ask WHERE ask = :ask AND galaxy = :galaxy",
            ask=ask,
            galaxy=galaxy,
        )
        return row["place"], _questions(row["tree"]), json.loads(row["asked"])

    def _shown(self, ask: int, galaxy: str, answers: dict[str, str | None]) -> Shown | None:
        """A galaxy with the next question about it after some answers; None at the end of the tree."""
        place, questions, asked = self._asked(ask, galaxy)
        name = tree.next_question(questions, asked, answers)
        return name and Shown(ask, galaxy, place, name, questions[name], answers)

    def answer(self, person: Person, ask: int, galaxy: str, question: str, answer: str | None) -> None:
        """Keep an answer; None is "I can't tell". The same answer once more is no other vote, so one may try again.

        Raises
        ------
        Refused
            The ask is closed; or the person is asked something else now, has given another answer, or gives one that
            the question does not have.
        """
        with self.transaction():
            look = self._row(
                "SELECT expires FROM looks WHERE galaxy = :galaxy AND person = :person AND ask = :ask",
                galaxy=galaxy,
                person=person.id,
                ask=ask,
            )
            if look is None:
                raise Refused("You are not asked about this galaxy.")
            answers = self._answers(person, ask, galaxy)
            if question in answers:
                if answers[question] != answer:
                    raise Refused("You have answered this question. Undo the answer to give another.")
                return
            if self._state(ask) == "closed":
                raise Refused(f"Ask {ask} is closed.")
            shown = None if look["expires"] is None else self._shown(ask, galaxy, answers)
            if shown is None or shown.name != question:
                raise Refused("You are not asked this question.")
            if answer is not None and answer not in shown.question.answers:
                raise Refused(f"The question has no answer {answer!r}.")
            if not self._is_kept(ask, galaxy, look["expires"]):
                raise Refused("Meanwhile, others have answered for this galaxy.")
            self._rows(
                "INSERT INTO votes (ask, galaxy, question, person, answer, time) "
                "VALUES (:ask, :galaxy, :question, :person, :answer, :now)",
                ask=ask,
                galaxy=galaxy,
                question=question,
                person=person.id,
                answer=answer,
                now=self.clock(),
            )
            answers = {**answers, question: answer}
            if self._shown(ask, galaxy, answers) is None:
                counts = None not in answers.values()
                self._finish(person, galaxy, counts)
                self._count(ask, galaxy, int(counts))
            else:
                self._prolong(person, galaxy)

    def undo(self, person: Person, ask: int) -> None:
        """Take back a person's last answer in an ask. Its question is shown again.

        Raises
        ------
        Refused
            There is none, the ask is closed, or others were asked in this person's place.
        """
        with self.transaction():
            vote = self._row(
                "SELECT id, galaxy FROM votes WHERE person = :person AND ask = :ask AND undone IS NULL "
                "ORDER BY id DESC LIMIT 1",
                person=person.id,
                ask=ask,
            )
            if vote is None:
                raise Refused("There is no answer to undo.")
            if self._state(ask) == "closed":
                raise Refused(f"Ask {ask} is closed.")
            galaxy = vote["galaxy"]
            look = self._row(
                "SELECT counts, expires FROM looks WHERE galaxy = :galaxy AND person = :person",
                galaxy=galaxy,
                person=person.id,
            )
            self._count(ask, galaxy, -look["counts"])
            if not self._is_kept(ask, galaxy, look["expires"] or 0):
                raise Refused("Meanwhile, others have answered for this galaxy.")
            self._rows(
                "UPDATE looks SET counts = 0, expires = :expires WHERE galaxy = :galaxy AND person = :person",
                expires=self.clock() + RESERVED,
                galaxy=galaxy,
                person=person.id,
            )
            # The galaxy that is shown now has no answer of this person yet, or that would be the last one.
            self._rows(
                "DELETE FROM looks WHERE person = :person AND ask = :ask AND expires IS NOT NULL AND galaxy <> :galaxy",
                person=person.id,
                ask=ask,
                galaxy=galaxy,
            )
            self._rows("UPDATE votes SET undone = :now WHERE id = :id", now=self.clock(), id=vote["id"])

    # What becomes of the votes

    def votes(self, ask: int) -> list[tuple[str, str, str, str, datetime]]:
        """Galaxy, question, volunteer, answer and time of each vote on an ask; "I can't tell" is none."""
        rows = self._rows(
            "SELECT galaxy, question, name, answer, time FROM votes JOIN people ON people.id = person "
            "WHERE ask = :ask AND answer IS NOT NULL AND undone IS NULL ORDER BY galaxy, question, name",
            ask=ask,
        )
        return [(*given, datetime.fromtimestamp(time, UTC)) for *given, time in rows]

    def export(self, ask: int, path: Path) -> int:
        """Write the votes on an ask to a file; return their number. Once the ask is closed, they never change.

        A file that holds them already stays as it is, with its time stamp.
        """
        import pyarrow as pa

        texts = [(name, pa.string()) for name in ("galaxy_id", "question", "volunteer", "answer")]
        schema = pa.schema([*texts, ("time", pa.timestamp("us", "UTC"))])
        votes = [dict(zip(schema.names, vote, strict=True)) for vote in self.votes(ask)]
        table = pa.Table.from_pylist(votes, schema)
        if not (path.exists() and tables.read(path).equals(table)):
            tables.write(table, path)
        return len(table)

    def version(self) -> int:
        """A number that another one takes the place of when anybody else has changed the database."""
        return self._row("PRAGMA data_version")[0]

    def people(self, ask: int) -> list[dict]:
        """What each person did in an ask: votes, "I can't tell", agreement with others and the time of the last answer.

        Agreement is the share of the others' votes, on the same galaxies and questions, that say the same; null
        without any.
        """
        return [
            dict(row)
            for row in self._rows(
                """
                WITH given AS (SELECT * FROM votes WHERE ask = :ask AND undone IS NULL),
                pairs AS (
                    SELECT one.person, count(*) AS others, sum(one.answer = other.answer) AS same
                    FROM given AS one JOIN given AS other USING (galaxy, question)
                    WHERE one.person <> other.person AND one.answer IS NOT NULL AND other.answer IS NOT NULL
                    GROUP BY one.person
                )
                SELECT name, administrator, count(answer) AS votes, count(given.id) - count(answer) AS cannot_tell,
                    1.0 * same / others AS agreement, coalesce(others, 0) AS others, max(time) AS last
                FROM people LEFT JOIN given ON given.person = people.id LEFT JOIN pairs ON pairs.person = people.id
                GROUP BY people.id ORDER BY votes DESC, name
                """,
                ask=ask,
            )
        ]


def database(results: Path) -> Path:
    """The file of the votes that people give on the page, in a survey's folder of results."""
    return results / "votes.sqlite"


# Whether a galaxy `g` wants one more person, beside those who look at it now.
_HAS_ROOM = (
    "g.answered + (SELECT count(*) FROM looks WHERE galaxy = g.galaxy AND ask = g.ask AND expires > :now) < g.wanted"
)
# Whether there is an answer in `looks`.
_IS_ANSWERED = (
    "EXISTS (SELECT 1 FROM votes AS v WHERE v.galaxy = looks.galaxy AND v.person = looks.person AND undone IS NULL)"
)


def _digest(secret: str) -> bytes:
    """What is kept of a secret. It has 256 random bits, so that nobody finds it by trying, however fast the digest."""
    return hashlib.sha256(secret.encode()).digest()


@lru_cache(maxsize=8)
def _questions(described: str) -> Mapping[str, Question]:
    return tree.parse(json.loads(described))
