"""The votes on one question: k of N volunteers gave the positive answer (paper Eq. 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from activezoo.errors import InputError
from activezoo.survey.columns import numbers, read_columns
from activezoo.survey.layout import Answers, Fractions
from activezoo.survey.rejection import Selection
from activezoo.survey.tree import COUNT
from activezoo.survey.vote_fractions import count_fractions

MOST_VOTES = np.iinfo(np.int32).max
COUNTS = Fractions()
# From so many galaxies on, it is no accident that columns are the same.
FEW_ROWS = 10


def read_votes(
    catalogue: str | Path,
    galaxies: pa.Table,
    answers: Answers,
    fractions: Fractions = COUNTS,
    *,
    named: Mapping[str, Sequence[str]] | None = None,
    encoding: str | None = None,
    empty_is_zero: bool = False,
    min_responses: int,
    max_rejected: float,
) -> tuple[pa.Table, pa.Table]:
    """Read the votes on one question for the galaxies of a catalogue.

    Parameters
    ----------
    catalogue
        The file that the galaxies were read from.
    galaxies
        From `catalogue.read_catalogue`: row, id.
    answers
        Columns of the catalogue that count the answers.
    fractions
        How these columns become counts, if they are fractions.
    named
        Answers to count by name, each with its columns, which are among those of all answers.
    encoding
        Of the catalogue, if it is csv; by default, it is found out.
    empty_is_zero
        An empty cell means that nobody gave this answer, if there are votes on another. Otherwise it is a defect.
    min_responses
        Galaxies with fewer answers are not used.
    max_rejected
        Largest fraction of the galaxies whose votes may have a defect.

    Returns
    -------
    votes
        id, k, N of the galaxies that are usable for this question, in the order of the catalogue; and `tree.COUNT` of
        each named answer.
    rejected
        See `rejection.REJECTED`.

    Raises
    ------
    InputError
        A file or column is missing or holds no counts, no galaxy is left, or the votes of too many have a defect.
    """
    total = [fractions.fractions_of] if fractions.fractions_of else []
    rows = read_columns(catalogue, [], [*answers.columns, *total], encoding=encoding)
    rows = rows.loc[galaxies["row"].to_numpy()].assign(id=galaxies["id"].to_pylist())
    selection = Selection(rows)
    if total:
        votes = count_fractions(selection, answers, fractions)
    else:
        votes = _counts(selection, answers, empty_is_zero)
        _refuse_shares(catalogue, votes, max_rejected)
    _refuse_totals(catalogue, votes.loc[selection.rows.index, list(answers.responses)])
    _sum_votes(selection, votes, answers, min_responses)
    # The positive ones come first, as the oracle expects.
    order = sorted((named or {}).items(), key=lambda of: not set(of[1]) <= set(answers.positive))
    usable = votes.loc[selection.rows.index]
    by_name = {COUNT.format(name): usable[list(of)].sum(axis=1).astype("int32") for name, of in order}
    selection.add(**by_name)
    selection.check(catalogue, len(rows), max_rejected)
    schema = pa.schema({"id": pa.string(), **dict.fromkeys(("k", "N", *by_name), pa.int32())})
    votes = pa.Table.from_pandas(selection.rows[schema.names], schema, preserve_index=False)
    return votes.replace_schema_metadata(), selection.rejected_table()


def _counts(selection: Selection, answers: Answers, empty_is_zero: bool) -> pd.DataFrame:
    """Votes for each answer, whole numbers, by row; rows without them are rejected."""
    cells = selection.rows[answers.columns]
    missing = cells.isna()
    selection.reject(missing.all(axis=1), "no votes recorded", defect=False)
    if empty_is_zero:
        cells = cells.where(~missing, "0")
        missing = cells.isna()
    selection.reject(missing.any(axis=1), "votes for some of the answers missing", column=missing.idxmax(axis=1))
    votes = cells.apply(numbers)
    for column in answers.columns:
        number = votes[column]
        for wrong, reason in (
            (number.isna(), "votes not a number"),
            (number < 0, "negative votes"),
            (number % 1 != 0, "fractional votes"),
        ):
            selection.reject(wrong, reason, column=column, values=cells[column])
    return votes


def _refuse_shares(catalogue: str | Path, votes: pd.DataFrame, max_rejected: float) -> None:
    """Refuse a column that holds shares of votes in place of counts, in more rows than may have a defect."""
    for column in votes:
        no_count = votes[column][votes[column].notna() & (votes[column] % 1 != 0)]
        if len(no_count) > max_rejected * len(votes) and no_count.between(0, 1).all():
            raise InputError(
                f"{catalogue}: column {column!r} holds {no_count.iloc[0]:g}, a share of votes and no count; name the "
                "column of the number of votes in the question's fractions_of"
            )


def _refuse_totals(catalogue: str | Path, votes: pd.DataFrame) -> None:
    """Refuse answers of which one counts others once more: their total, or the same column under another name."""
    for column, other in combinations(votes, 2):
        if _same(votes[column], votes[other]):
            raise InputError(
                f"{catalogue}: columns {column!r} and {other!r} hold the same votes in nearly all rows; take one out "
                "of the question's responses"
            )
    for column in votes:
        others = votes.drop(columns=column)
        for left_out in ([], *([name] for name in others)):
            parts = others.drop(columns=left_out)
            if parts.shape[1] > 1 and _same(votes[column], parts.sum(axis=1)):
                raise InputError(
                    f"{catalogue}: column {column!r} is the sum of other answers in nearly all rows: a total, and no "
                    "answer; take it out of the question's responses"
                )


def _same(votes: pd.Series, others: pd.Series) -> bool:
    """Whether two columns are the same, but for a few rows; where both are 0, they tell nothing."""
    some = (votes > 0) | (others > 0)
    return some.sum() >= FEW_ROWS and (votes == others)[some].mean() > 0.95


def _sum_votes(selection: Selection, votes: pd.DataFrame, answers: Answers, min_responses: int) -> None:
    """Add the columns `k` and `N` (paper Eq. 1), the votes of one question."""
    k, responses = votes[list(answers.positive)].sum(axis=1), votes[list(answers.responses)].sum(axis=1)
    selection.reject(np.maximum(k, responses) > MOST_VOTES, "more votes than can be stored", values=responses)
    selection.add(k=k, N=responses)
    selection.rows = selection.rows.astype({"k": "int32", "N": "int32"})
    k, responses = selection.rows["k"], selection.rows["N"]
    both = k[k > responses].map("k = {}, ".format) + responses[k > responses].map("N = {}".format)
    selection.reject(k > responses, "more positive votes than responses", values=both)
    selection.reject(responses == 0, "no responses", values=responses, defect=False)
    too_few = f"fewer than {min_responses} responses"
    selection.reject(responses < min_responses, too_few, values=responses, defect=False)
