"""The votes that people gave, a row a vote: which of them count, and what they add up to.

A volunteer's first answer to a question about a galaxy counts. Every other row is written down with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey.tree import Question, path_to

log = logging.getLogger(__name__)

COLUMNS = ["galaxy_id", "question", "volunteer", "answer", "time"]
VOTES = pa.schema([*((name, pa.string()) for name in COLUMNS[:-1]), ("time", pa.timestamp("us", "UTC"))])
REJECTED = pa.schema(
    [("file", pa.string()), ("row", pa.int64()), *((name, pa.string()) for name in [*COLUMNS, "reason"])]
)
_ROWS = REJECTED.remove(0)
SUFFIXES = (".parquet", ".csv", ".csv.gz")

VOTE = ["galaxy_id", "question", "volunteer"]
"""What tells one vote from another: nobody counts twice."""
CATEGORIES = [*VOTE, "answer"]
"""Columns whose texts come again and again: millions of votes are held as numbers of texts."""


def files(source: str | Path) -> list[Path]:
    """The tables of a source of votes: a file, or those of a folder, in order of name; none if it is not there yet."""
    path = Path(source)
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES) and not file.name.startswith("."))
    return [path] if path.exists() else []


def read(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Rows of tables of votes, as they stand there.

    Returns
    -------
    Columns `COLUMNS` as text (those of `CATEGORIES` categorical), `file`, `row` as in `rejection.REJECTED`, and
    `reason`, null unless the row is broken.

    Raises
    ------
    InputError
        A file cannot be read, or lacks a column.
    """
    paths = list(map(str, paths))
    found = [_read(Path(path)) for path in paths]
    of_file = np.repeat(np.arange(len(paths)), [len(table) for table in found])
    rows = pa.concat_tables([_ROWS.empty_table(), *found], promote_options="default")
    return rows.to_pandas(categories=[*CATEGORIES, "reason"]).assign(file=pd.Categorical.from_codes(of_file, paths))


def _read(path: Path) -> pa.Table:
    """Rows of a table as text, with number and reason; those that are broken come last."""
    broken = []
    if path.suffix == ".parquet":
        table, first = tables.read(path, COLUMNS), 1
    else:
        table, first = _read_csv(path, broken), 2
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}; it has {', '.join(table.column_names)}. A table of votes has "
            f"{', '.join(COLUMNS)}"
        )
    if pa.types.is_floating(table.schema.field("galaxy_id").type):
        raise InputError(
            f"{path}: column 'galaxy_id' holds floating-point numbers, which cannot hold an id of 18 digits exactly; "
            "store it as text or whole numbers"
        )
    table = table.select(COLUMNS).cast(pa.schema([(name, pa.string()) for name in COLUMNS]))
    of_broken = [row for row, _ in broken]
    rows = np.setdiff1d(np.arange(first, first + len(table) + len(broken)), of_broken)
    put_aside = pa.table({"row": pa.array(of_broken, pa.int64()), "reason": [reason for _, reason in broken]})
    return pa.concat_tables([table.append_column("row", pa.array(rows)), put_aside], promote_options="permissive")


def _read_csv(path: Path, broken: list[tuple[int, str]]) -> pa.Table:
    """All columns as text, separated by what the header has most of; rows with too few or too many are put aside."""

    def put_aside(row: pa.csv.InvalidRow) -> str:
        broken.append((row.number, f"{row.actual_columns} fields instead of {row.expected_columns}"))
        return "skip"

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            header = stream.read(10_000).decode("utf-8-sig", errors="replace").partition("\n")[0]
        parse = pa.csv.ParseOptions(
            delimiter=max(",;\t", key=header.count), newlines_in_values=True, invalid_row_handler=put_aside
        )
        names = [name.strip().strip('"') for name in header.split(parse.delimiter)]
        text = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        )
        return pa.csv.read_csv(path, pa.csv.ReadOptions(use_threads=False), parse, text)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable table ({error}); export it again") from None


def read_counted(paths: Iterable[str | Path]) -> list[pd.DataFrame]:
    """The votes of asks that are closed, from their files: columns of `VOTES`, those of `CATEGORIES` categorical."""
    return [tables.read(path, COLUMNS).to_pandas(categories=CATEGORIES) for path in paths]


def accept(
    rows: pd.DataFrame,
    questions: Mapping[str, Question],
    galaxies: Iterable[str],
    frozen: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find out which votes count.

    Parameters
    ----------
    rows
        From `read`, with an index of their own.
    questions
        Those of the survey, by name.
    galaxies
        Ids of the survey's galaxies.
    frozen
        Votes that count already, with the columns of `VOTES`. A source that holds everything since the beginning
        repeats them; they are left out, and are not rejected.

    Returns
    -------
    votes
        Columns of `VOTES` (those of `CATEGORIES` categorical), new ones alone, in an order that does not depend on that
        of the rows.
    rejected
        Columns of `REJECTED`, in the order of the rows.
    """
    frozen = VOTES.empty_table().to_pandas() if frozen is None else frozen
    left, frozen = rows[COLUMNS].assign(time=_times(rows["time"])), frozen[COLUMNS].copy()
    for name in CATEGORIES:  # the same number for the same text, in the order of the texts
        parts = [frame[name].astype("category").cat for frame in (frozen, left)]
        texts = pd.Index(sorted({text for part in parts for text in part.categories}), dtype="str")
        frozen[name], left[name] = (part.set_categories(texts) for part in parts)
    reasons = rows["reason"].astype(object)
    left = left[reasons.isna()]

    def reject(mask: pd.Series, reason: str) -> None:
        nonlocal left
        reasons[left.index[mask]] = reason
        left = left[~mask]

    for column, what in (("galaxy_id", "galaxy"), ("question", "question"), ("volunteer", "volunteer")):
        reject(_is_missing(left[column]), f"no {what}")
    reject(~left["question"].isin(list(questions)), "the survey asks no such question")
    reject(~left["galaxy_id"].isin(pd.Index(galaxies)), "no such galaxy in the survey")
    reject(_is_missing(left["answer"]), "no answer")
    is_answer = pd.Series(False, left.index)
    for name, question in questions.items():
        is_answer |= (left["question"] == name) & left["answer"].isin(list(question.answers))
    reject(~is_answer, "the question has no such answer")
    reject(left["time"].isna(), "no time, or none that can be read")

    left = left[~_is_in(left, frozen, [*VOTE, "answer", "time"])].sort_values(["time", *VOTE, "answer"], kind="stable")
    reject(_is_in(left, frozen, VOTE) | left.duplicated(VOTE), "not the volunteer's first answer")
    given = pd.concat([frozen, left])
    for name in questions:
        for after in path_to(name, questions)[1:]:
            before, leading = questions[after].asked_if
            others = given[(given["question"] == before) & ~given["answer"].isin(leading)]
            elsewhere = (left["question"] == name) & _is_in(left, others, ["galaxy_id", "volunteer"])
            reject(elsewhere, f"the answer to {before!r} does not lead to this question")

    rejected = rows.assign(reason=reasons)[reasons.notna()]
    rejected = rejected.sort_values(["file", "row"], kind="stable")[REJECTED.names].reset_index(drop=True)
    for reason, number in rejected.groupby("reason").size().items():
        log.info("rejected %d votes: %s", number, reason)
    return left.reset_index(drop=True), rejected


def _times(texts: pd.Series) -> np.ndarray:
    """The times that texts tell; a part of them at once, for pandas makes an object of each."""
    parts = [
        pd.to_datetime(texts[first : first + 100_000], utc=True, format="ISO8601", errors="coerce")
        for first in range(0, max(len(texts), 1), 100_000)
    ]
    return pd.concat(parts).astype("datetime64[us, UTC]").array


def _is_missing(texts: pd.Series) -> pd.Series:
    return texts.isna() | (texts == "")


def _is_in(frame: pd.DataFrame, others: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Which rows have, in some columns, what a row of others has there."""
    number = pd.concat([others[columns], frame[columns]]).groupby(columns, sort=False).ngroup().to_numpy()
    return pd.Series(np.isin(number[len(others) :], number[: len(others)]), frame.index)


def people(votes: pd.DataFrame, question: str, questions: Mapping[str, Question]) -> pd.Series:
    """How many volunteers are through with a question about each galaxy, by galaxy.

    They have answered it, or a question before it in a way that does not lead to it.
    """
    through = [votes[votes["question"] == question]]
    for after in path_to(question, questions)[1:]:
        before, leading = questions[after].asked_if
        through.append(votes[(votes["question"] == before) & ~votes["answer"].isin(leading)])
    return pd.concat(through).drop_duplicates(["galaxy_id", "volunteer"]).groupby("galaxy_id").size()


def count(votes: pd.DataFrame, question: str, positive: Sequence[str], responses: Sequence[str]) -> pd.DataFrame:
    """k of N answers to a question, by galaxy (paper Eq. 1); galaxies without an answer that counts are left out.

    Parameters
    ----------
    positive, responses
        The answers that count as positive, and all that count.
    """
    counted = votes[(votes["question"] == question) & votes["answer"].isin(list(responses))]
    is_positive = counted["answer"].isin(list(positive)).groupby(counted["galaxy_id"])
    return pd.DataFrame({"k": is_positive.sum().astype("int32"), "N": is_positive.size().astype("int32")}).rename(str)


def count_asks(
    asks: Sequence[pd.DataFrame], ids: Sequence[str], question: str, positive: Sequence[str], responses: Sequence[str]
) -> pa.Table:
    """k of N answers to a question in the votes of several asks together.

    Returns
    -------
    id, k, N and `iteration`, the first ask with a vote, in order of that and of `ids`; without galaxies that have no
    votes.
    """
    of_asks = [count(votes, question, positive, responses).assign(iteration=ask) for ask, votes in enumerate(asks)]
    counts = pd.concat(of_asks).groupby(level=0).agg({"k": "sum", "N": "sum", "iteration": "min"})
    counts = counts.reindex(ids).dropna().sort_values("iteration", kind="stable").rename_axis("id").reset_index()
    schema = pa.schema({"id": pa.string(), "k": pa.int32(), "N": pa.int32(), "iteration": pa.int32()})
    return pa.Table.from_pandas(counts, schema, preserve_index=False).replace_schema_metadata()
