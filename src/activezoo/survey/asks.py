"""Asks of a live survey: which galaxies people are asked about next, and how many answers are still missing.

An ask is a folder `ask_<i>`, i from 0. Once it is published, it does not change. When it is closed, its votes are
frozen in a file beside it. The model of iteration i learns from the asks 0 to i.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import tree, volunteers
from activezoo.survey.splitting import shuffled
from activezoo.survey.tree import Question

GALAXIES, MANIFEST, VOTES, REJECTED = "galaxies.parquet", "manifest.json", "votes.parquet", "rejected.parquet"
ASKED = pa.schema(
    {
        "galaxy_id": pa.string(),
        "image": pa.string(),
        "question": pa.string(),
        "votes": pa.int32(),  # wanted, each of another person
        "why": pa.string(),  # random, informative or test
        "score": pa.float64(),  # that informative galaxies are ordered by; nan of others
    }
)


def folder(asks: str | Path, number: int) -> Path:
    """Folder of an ask."""
    return Path(asks) / f"ask_{number}"


class State(NamedTuple):
    """How far a survey has come."""

    closed: int
    """Number of asks whose votes are frozen."""
    is_open: bool
    """Whether the next one waits for votes."""
    stop: dict[str, str]
    """Why nothing more is asked, by question; empty while something is."""


def state(asks: str | Path) -> State:
    """How far a survey has come, from its folders of asks."""
    closed = 0
    while (folder(asks, closed) / VOTES).exists():
        closed += 1
    path = folder(asks, closed) / MANIFEST
    if not path.exists():
        return State(closed, False, {})
    stop = read_manifest(path).stop
    return State(closed, not stop, stop)


class Manifest(NamedTuple):
    """What the manifest of an ask says."""

    ask: int
    questions: dict[str, Question]
    stop: dict[str, str]
    """Why nothing more is asked, by question; empty while something is."""


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of an ask.

    Raises
    ------
    InputError
        It cannot be read, or asks what cannot be asked.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(int(values["ask"]), tree.parse(values["questions"]), dict(values.get("stop", {})))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; restore it") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the manifest of an ask ({error!r}); restore it") from None
    if problems := tree.contradictions(manifest.questions):
        raise InputError(f"{path}: {'; '.join(problems)}; restore it")
    return manifest


class Missing(NamedTuple):
    """What an ask still wants."""

    galaxies: int
    """That want more votes."""
    asked: int
    """Galaxies of the ask."""
    votes: int
    """More votes, of all galaxies and questions."""

    def sentence(self, number: int) -> str:
        """What is missing, and how to go on without it."""
        return (
            f"ask {number}: {self.galaxies} of {self.asked} galaxies still want {self.votes} votes; go on without "
            f"them: --config live='{{close: {number}}}'"
        )


def missing(asked: pd.DataFrame, votes: pd.DataFrame, questions: Mapping[str, Question]) -> Missing:
    """What an ask still wants; the arguments are those of `votes_missing`."""
    wanted = votes_missing(asked, votes, questions)
    return Missing(asked["galaxy_id"][wanted > 0].nunique(), asked["galaxy_id"].nunique(), int(wanted.sum()))


def votes_missing(asked: pd.DataFrame, votes: pd.DataFrame, questions: Mapping[str, Question]) -> pd.Series:
    """How many votes each row of an ask still wants.

    Parameters
    ----------
    asked
        Columns of `ASKED`.
    votes
        Those that have come in for it, columns of `volunteers.VOTES`.
    """
    through = pd.Series(0, asked.index)
    for name in asked["question"].unique():
        of = asked["question"] == name
        counted = asked["galaxy_id"][of].map(volunteers.people(votes, name, questions))
        through[of] = counted.fillna(0).astype(int)
    return (asked["votes"] - through).clip(lower=0)


def frozen_votes(asks: str | Path, closed: int) -> pd.DataFrame:
    """The votes of the asks before number `closed`, columns of `volunteers.VOTES`."""
    frozen = [tables.read(folder(asks, number) / VOTES, volunteers.COLUMNS) for number in range(closed)]
    return pa.concat_tables([volunteers.VOTES.empty_table(), *frozen]).to_pandas(categories=volunteers.CATEGORIES)


def collect(
    asks: str | Path, number: int, sources: Iterable[Path], galaxies: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, Missing]:
    """The votes that have come in for an ask: those that count, those rejected, and what is missing.

    Parameters
    ----------
    galaxies
        Ids of the survey's galaxies; without them, votes on other galaxies than those of the ask are left out.
    """
    questions = read_manifest(folder(asks, number) / MANIFEST).questions
    asked = tables.read(folder(asks, number) / GALAXIES, ASKED.names).to_pandas()
    rows = volunteers.read(sources)
    if galaxies is None:
        galaxies = asked["galaxy_id"].unique()
        rows = rows[rows["galaxy_id"].isin(galaxies)]
    votes, rejected = volunteers.accept(rows, questions, galaxies, frozen_votes(asks, number))
    return votes, rejected, missing(asked, votes, questions)


def settled(asks: str | Path, sources: Iterable[Path]) -> dict[str, str]:
    """The galaxies that need no more votes, and why: they have what the open ask wants, or were of a closed one."""
    closed = state(asks).closed
    found = {}
    for number in range(closed):
        galaxies = tables.read(folder(asks, number) / GALAXIES, ["galaxy_id"])["galaxy_id"].to_pylist()
        found |= dict.fromkeys(galaxies, f"ask {number} is closed")
    path = folder(asks, closed) / GALAXIES
    if path.exists():
        asked = tables.read(path, ASKED.names).to_pandas()
        questions = read_manifest(folder(asks, closed) / MANIFEST).questions
        wants = votes_missing(asked, collect(asks, closed, sources)[0], questions).groupby(asked["galaxy_id"]).sum()
        found |= dict.fromkeys(wants.index[wants == 0], f"it has what ask {closed} wants")
        found = {galaxy: why for galaxy, why in found.items() if not wants.get(galaxy, 0)}
    return found


def can_be_closed(asks: str | Path, number: int, sources: Iterable[Path], close: int | None) -> bool:
    """Whether an ask has what it wants, or is to be closed without it."""
    return close == number or not collect(asks, number, sources)[2].votes


def next_tests(reserved: Sequence[str], question: str, asked: Sequence[pd.DataFrame], number: int) -> list[str]:
    """The next galaxies to test with, at random; after the last of those reserved, the first comes again.

    Parameters
    ----------
    asked
        The asks before, columns of `ASKED`.
    """
    before = sum(((table["question"] == question) & (table["why"] == "test")).sum() for table in asked)
    order = np.asarray(reserved)[shuffled(reserved, question, "order of tests")]
    return order[(before + np.arange(min(max(number, 1), len(order)))) % len(order)].tolist()


def first_galaxies(pool: Sequence[str], question: str) -> np.ndarray:
    """The pool in random order, for the first ask."""
    return np.asarray(pool)[shuffled(pool, question, "first ask")]


def spend(galaxies: np.ndarray, votes: np.ndarray, score: np.ndarray, budget: int) -> pd.DataFrame:
    """The first galaxies, until the budget of votes is spent; one that comes several times, once, with all its votes.

    Returns
    -------
    Columns galaxy_id, votes, score. The last galaxy has all that it wants, even if the budget leaves less.
    """
    within = np.cumsum(votes) - votes < budget
    taken = pd.DataFrame({"galaxy_id": galaxies[within], "votes": votes[within], "score": score[within]})
    return taken.groupby("galaxy_id", sort=False, as_index=False).agg({"votes": "sum", "score": "first"})


def interleave(*parts: pd.DataFrame) -> pd.DataFrame:
    """Tables with their rows spread evenly among each other.

    People work in this order. So however early an ask is closed, each part has about its share.
    """
    places = np.concatenate([(np.arange(len(part)) + 0.5) / max(len(part), 1) for part in parts])
    return pd.concat(parts, ignore_index=True).iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


CHOICE = pa.schema([field for field in ASKED if field.name not in ("image", "question")])


def write_choice(chosen: pd.DataFrame, stop: str | None, path: str | Path) -> None:
    """Write the galaxies that a question is asked of, or why it is asked no more."""
    table = pa.Table.from_pandas(chosen, CHOICE, preserve_index=False)
    tables.write(table.replace_schema_metadata({"stop": stop} if stop else None), path)


def read_choice(path: str | Path) -> tuple[pd.DataFrame, str | None]:
    """Read what `write_choice` wrote."""
    table = tables.read(path, CHOICE.names)
    stop = (table.schema.metadata or {}).get(b"stop")
    return table.replace_schema_metadata().to_pandas(), stop.decode() if stop else None


def join(choices: Mapping[str, pd.DataFrame], catalogue: pa.Table) -> pa.Table:
    """The galaxies of an ask, from those of each question; `catalogue` has their images."""
    images = catalogue.to_pandas().set_index("id")["image"]
    asked = interleave(*(table.assign(question=name) for name, table in choices.items()))
    asked["image"] = asked["galaxy_id"].map(images)
    return pa.Table.from_pandas(asked, ASKED, preserve_index=False).replace_schema_metadata()


def what_now(asks: str | Path, sources: Iterable[Path]) -> str:
    """One sentence on what a person should do now."""
    closed, is_open, stop = state(asks)
    if stop:
        why = "; ".join(f"{question}: {reason}" for question, reason in stop.items())
        return (
            f"no more votes are needed ({why}); run the same command again for the catalogue, or `snakemake posteriors`"
        )
    if not is_open:
        return "there is no ask yet; see the log of what failed"
    votes, _, left = collect(asks, closed, sources)
    if len(votes):
        return left.sentence(closed)
    return _show(closed, tables.read(folder(asks, closed) / GALAXIES).to_pandas(), folder(asks, closed))


def _show(number: int, asked: pd.DataFrame, where: Path) -> str:
    least, most = asked["votes"].min(), asked["votes"].max()
    people = f"{least} people" if least == most else f"{least} to {most} people"
    return (
        f"ask {number}: show {asked['galaxy_id'].nunique()} galaxies to {people} each, for {asked['votes'].sum():,} "
        f"votes: {where / GALAXIES}. Use `activezoo serve`, Zooniverse or a way of your own; then run the same "
        "command again"
    )
