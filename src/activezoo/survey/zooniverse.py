"""Votes from an export of Zooniverse's classifications, and the manifest that uploads what is asked.

The formats are those of Panoptes: one csv row a classification, with JSON in its cells.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from activezoo.errors import InputError

log = logging.getLogger(__name__)

NEEDED = ("user_name", "user_id", "workflow_id", "created_at", "metadata", "annotations", "subject_data")
# Hide or index a column of the upload manifest; they are no part of its name.
PREFIXES = "!#%"
# Cells may hold long drawings.
csv.field_size_limit(1 << 27)


class Rejected(NamedTuple):
    """A classification, or an answer of one, that does not count."""

    row: int
    classification: str
    reason: str


def read_export(
    path: str | Path,
    questions: Mapping[str, Sequence[str]],
    tasks: Mapping[str, str],
    *,
    galaxy_column: str = "galaxy_id",
    workflow: str | None = None,
) -> Iterator[tuple[list[tuple], list[Rejected]]]:
    """Read a classification export row by row, however long it is.

    Parameters
    ----------
    path
        Csv, as Zooniverse makes it.
    questions
        Answers of each question of the survey, by its name.
    tasks
        Name of the question that each task asks, by the task's name, such as T0.
    galaxy_column
        Metadata of a subject that has the galaxy's id, without a prefix such as `!`.
    workflow
        Number of the workflow whose classifications count; by default, of any.

    Yields
    ------
    Votes of some rows, tuples of `volunteers.COLUMNS`, and what does not count.

    Raises
    ------
    InputError
        It is no such export.
    """
    answers = {question: {_plain(answer): answer for answer in of} for question, of in questions.items()}
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path}: no column {missing[0]!r}, so it is no classification export of Zooniverse; ask for one at "
                "Data Exports of the project's lab"
            )
        votes, rejected = [], []
        for number, row in enumerate(rows, 2):
            classification = row.get("classification_id") or ""
            try:
                given = _votes_of(row, questions, answers, tasks, galaxy_column, workflow)
            except _NoVoteError as error:
                rejected.append(Rejected(number, classification, str(error)))
            else:
                votes += [vote for vote in given if isinstance(vote, tuple)]
                rejected += [Rejected(number, classification, why) for why in given if isinstance(why, str)]
            if len(votes) + len(rejected) >= 100_000:
                yield votes, rejected
                votes, rejected = [], []
        yield votes, rejected


class _NoVoteError(Exception):
    """Why a classification holds no vote."""


def _votes_of(row, questions, answers, tasks, galaxy_column, workflow) -> list[tuple | str]:
    """The votes of a classification, and for each answer that is none the reason."""
    if workflow is not None and row["workflow_id"] != workflow:
        raise _NoVoteError("of another workflow")
    if '"already_seen":true' in (row["metadata"] or "").replace(" ", ""):
        raise _NoVoteError("the volunteer had seen this subject")
    subjects, annotations = (_json(row[name], name) for name in ("subject_data", "annotations"))
    if not isinstance(subjects, dict) or not isinstance(annotations, list):
        raise _NoVoteError("subject_data is no object, or annotations is no list")
    if len(subjects) != 1:
        raise _NoVoteError(f"{len(subjects)} subjects, and not one")
    (metadata,) = subjects.values()
    galaxy = _galaxy(metadata, galaxy_column)
    # Who has not logged in has a name of its own, too.
    volunteer = f"user {row['user_id']}" if row["user_id"] else row["user_name"]
    if not volunteer:
        raise _NoVoteError("no volunteer")
    time = (row["created_at"] or "").removesuffix(" UTC")
    given: list[tuple | str] = []
    for annotation in annotations:
        if not isinstance(annotation, dict) or annotation.get("task") not in tasks:
            continue
        question, value = tasks[annotation["task"]], annotation.get("value")
        if value is None:
            given.append("no answer")
            continue
        answer = _answer(value, questions[question], answers[question])
        given.append((galaxy, question, volunteer, answer, time) if answer else f"no such answer: {str(value)[:80]!r}")
    return given or ["no task that asks a question of the survey"]


def _json(text: str | None, name: str) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        raise _NoVoteError(f"{name} is no JSON") from None


def _galaxy(metadata: Any, column: str) -> str:
    for name, value in metadata.items() if isinstance(metadata, dict) else ():
        if name.strip().lstrip(PREFIXES) == column and value not in (None, ""):
            return str(value).strip()
    raise _NoVoteError(f"the subject has no metadata {column!r}")


def _answer(value: Any, ordered: Sequence[str], plain: Mapping[str, str]) -> str | None:
    """The answer that a value means: its text, whatever markdown is around it, or its place."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return ordered[value] if 0 <= value < len(ordered) else None
    return plain.get(_plain(value)) if isinstance(value, str) else None


def _plain(text: str) -> str:
    """A text without images, links, emphasis and blanks of markdown, in small letters."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[*_`#>]", " ", text).split()).casefold()


def log_reasons(rejected: Iterable[Rejected]) -> None:
    """Log how many do not count, for each reason."""
    reasons = Counter(one.reason.partition(":")[0] for one in rejected)
    for reason, number in reasons.most_common():
        log.info("%d do not count: %s", number, reason)


def manifest(galaxies: pd.DataFrame) -> pd.DataFrame:
    """What the Panoptes uploader takes: a row a galaxy of an ask, with its image, and its id hidden from volunteers.

    Parameters
    ----------
    galaxies
        Of an ask: galaxy_id, image, votes.
    """
    wanted = galaxies.groupby("galaxy_id", sort=False).agg(image=("image", "first"), votes=("votes", "max"))
    return pd.DataFrame(
        {
            "!galaxy_id": wanted.index,
            "image": [str(Path(image).resolve()) for image in wanted["image"]],
            "#votes_wanted": wanted["votes"].to_numpy(),
        }
    )
