"""A survey as a run would read it: what can be used, what cannot, what would stop the run, and what is assumed.

The user's files themselves are read, each time, by the functions that steps read them with. A run would say the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from activezoo.errors import InputError
from activezoo.survey import layout, samples, splitting
from activezoo.survey.catalogue import GALAXIES, FolderSurvey, read_catalogue
from activezoo.survey.columns import existing_table, refuse_missing_column
from activezoo.survey.decoding import Brightness
from activezoo.survey.layout import Answers, Columns, Fractions
from activezoo.survey.questions import read_votes
from activezoo.survey.rejection import REJECTED
from activezoo.survey.samples import Sample

log = logging.getLogger(__name__)

# These say how many rows there are, and assume nothing.
COUNTING = {f"activezoo.survey.{module}" for module in ("catalogue", "rejection")}


class Files(NamedTuple):
    """The files of a survey."""

    images: Path
    catalogue: Path | None = None
    """None: a survey without votes."""
    filename_map: Path | None = None
    encoding: str | None = None


class Demand(NamedTuple):
    """What a run demands of a question, to find out whether there are enough votes."""

    answers: Answers
    fractions: Fractions
    min_responses: int
    initial: int
    """Galaxies that the first model learns from."""
    acquire: int
    unit: str
    few_votes: int | None
    """Most votes that a galaxy gives; None: all."""


class Loop(NamedTuple):
    """How many galaxies a run needs."""

    questions: Sequence[str]
    """Those that models learn in turns; of others, all votes are used at once."""
    iterations: int
    test_galaxies: int


class Votes(NamedTuple):
    """The votes on a question: id, k and N of the galaxies that are usable; those that are not, see `REJECTED`."""

    usable: pa.Table
    rejected: pa.Table


class Survey(NamedTuple):
    """What was found."""

    galaxies: pa.Table
    """See `catalogue.read_catalogue`; empty if they cannot be read."""
    rejected: pa.Table
    questions: Mapping[str, Votes]
    """Those whose votes can be read."""
    sample: Sample
    stops: list[str]
    """What would stop a run, in the words of the step that it would stop in."""
    assumed: list[str]
    """What readers of files say that they take for granted."""


def check(
    files: Files,
    columns: Columns,
    questions: Mapping[str, Demand],
    loop: Loop,
    *,
    wanted_samples: Sequence[str],
    other_columns: Sequence[str],
    empty_is_zero: bool,
    max_rejected: float,
    stored_size: int,
    brightness: Brightness,
) -> Survey:
    """Read a survey as a run would. What is wrong with it is in `stops`; nothing is raised.

    Parameters
    ----------
    files
        Of the survey; they need not be there.
    columns
        Of catalogue and filename map.
    questions
        By name; of a survey without catalogue, they are not looked at.
    loop
        How many galaxies a run needs.
    wanted_samples, empty_is_zero, max_rejected
        As for `catalogue.read_catalogue` and `questions.read_votes`.
    other_columns
        Of the catalogue, that a run does without if they are not there.
    stored_size, brightness
        As images are to be stored.
    """
    stops: list[str] = []
    found: dict[str, Votes] = {}
    galaxies, rejected = GALAXIES.empty_table(), REJECTED.empty_table()
    with assumptions() as assumed:
        for key in ("catalogue", "filename_map", "images"):
            if path := getattr(files, key):
                with noted(stops):
                    layout.refuse_missing_file(key, path, is_release=files.catalogue is not None)
        if files.catalogue and files.catalogue.exists():
            _look_for_columns(files, columns, questions, wanted_samples, other_columns, stops)
        if not stops:
            galaxies, rejected = _unless_stopped(
                stops,
                max_rejected,
                (galaxies, rejected),
                lambda limit: _read_galaxies(files, columns, wanted_samples, limit),
            )
        for name, question in questions.items() if files.catalogue and galaxies.num_rows else ():
            votes = _unless_stopped(
                stops,
                max_rejected,
                None,
                lambda limit, question=question: read_votes(
                    files.catalogue,
                    galaxies,
                    question.answers,
                    question.fractions,
                    encoding=files.encoding,
                    empty_is_zero=empty_is_zero,
                    min_responses=question.min_responses,
                    max_rejected=limit,
                ),
            )
            if votes:
                found[name] = Votes(*votes)
                with noted(stops):
                    _refuse_too_few(name, question, found[name].usable, loop)
        sample = samples.look_at(galaxies.num_rows, galaxies.take, stored_size, brightness)
        with noted(stops):
            samples.refuse_unusable(sample, galaxies.num_rows, max_rejected)
    return Survey(galaxies, rejected, found, sample, stops, list(dict.fromkeys(assumed)))


@contextmanager
def noted(stops: list[str]) -> Iterator[None]:
    """Add what is wrong with the input to `stops`, and go on."""
    try:
        yield
    except InputError as error:
        stops.append(str(error))


@contextmanager
def assumptions() -> Iterator[list[str]]:
    """Collect what the readers of a survey say that they assume."""
    said: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: None if record.name in COUNTING else said.append(record.getMessage())
    logger = logging.getLogger("activezoo.survey")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _unless_stopped(stops: list[str], max_rejected: float, nothing: Any, read: Callable[[float], Any]) -> Any:
    """What `read` gives. If a run would stop there for too many defects, they are looked at all the same."""
    with noted(stops):
        return read(max_rejected)
    with suppress(InputError):
        return read(1.0)
    return nothing


def _look_for_columns(
    files: Files,
    columns: Columns,
    questions: Mapping[str, Demand],
    wanted_samples: Sequence[str],
    other_columns: Sequence[str],
    stops: list[str],
) -> None:
    """Look at the header of the catalogue, for all columns that a run needs: a run stops at the first."""
    needed = [columns.id, *([columns.sample] if columns.sample and wanted_samples else [])]
    for question in questions.values():
        needed += [*question.answers.columns, *filter(None, [question.fractions.fractions_of])]
    with noted(stops):
        table = existing_table(files.catalogue, files.encoding)
        for name in dict.fromkeys(needed):
            with noted(stops):
                refuse_missing_column(files.catalogue, table, name)
        if missing := [name for name in dict.fromkeys(other_columns) if name not in table.names]:
            log.warning("%s has no columns %s: a run does without them", files.catalogue, ", ".join(missing))


def _read_galaxies(files: Files, columns: Columns, wanted_samples: Sequence[str], max_rejected: float) -> Any:
    if files.catalogue is None:
        return FolderSurvey(files.images, max_rejected).read()
    return read_catalogue(
        files.catalogue,
        files.images,
        columns,
        filename_map=files.filename_map,
        encoding=files.encoding,
        samples=wanted_samples,
        max_rejected=max_rejected,
    )


def _refuse_too_few(name: str, question: Demand, usable: pa.Table, loop: Loop) -> None:
    """As `split` and `check_pool` do, if all images can be used."""
    initial = question.initial if name in loop.questions else 0
    roles = splitting.split(usable["id"].to_pylist(), name, 1, loop.test_galaxies, initial)
    if name in loop.questions:
        votes = usable["N"].to_numpy()[roles == "pool"]
        if question.unit == "votes":
            available = int(np.minimum(votes, question.few_votes or np.inf).sum())
        else:
            available = len(votes)
        splitting.refuse_small_pool(available, name, question.acquire, question.unit, loop.iterations)
