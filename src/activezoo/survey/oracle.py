"""The simulated volunteers: answer what they are asked, with the votes on record, and nothing else (paper §3.5).

They give the recorded answers of a galaxy one by one, in a random order that is fixed by the question and the galaxy.
So whoever asks for n votes, at once or bit by bit, gets the same ones, whatever the strategy and the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import randomness, tables
from activezoo.errors import InputError
from activezoo.survey import tree

if TYPE_CHECKING:
    import pyarrow as pa

ALL = np.iinfo(np.int32).max
"""As many votes of a galaxy as there are."""


def retrieve_votes(votes: str | Path, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """k and N of all votes on record of the given galaxies, in their order; `votes` is the file of one question.

    Raises
    ------
    InputError
        A galaxy has no votes.
    """
    chosen = _recorded(votes, ids)
    return chosen["k"].to_numpy(), chosen["N"].to_numpy()


def _recorded(votes: str | Path, ids: Sequence[str]) -> pa.Table:
    """All that is on record of the given galaxies, in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = tables.read(votes)
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=table["id"])
    if rows.null_count:
        raise _nothing_known(votes, ids[rows.is_null().to_numpy(zero_copy_only=False).argmax()])
    return table.take(rows)


def _nothing_known(votes: str | Path, galaxy: str) -> InputError:
    return InputError(f"{votes}: no votes for galaxy {galaxy}; delete it and run again")


def first_answers(
    k: np.ndarray, responses: np.ndarray, number: np.ndarray, ids: Sequence[str], key: tuple
) -> np.ndarray:
    """How many of the first `number` answers of each galaxy are positive, shape (G,).

    Parameters
    ----------
    k, responses
        k of N positive answers on record, shapes (G,).
    number
        How many answers are given, at most N, shape (G,).
    ids, key
        Galaxy and question, which fix the order of the answers.
    """
    return first_of_each(np.stack([k, responses - k], axis=1), number, ids, key)[:, 0]


def first_of_each(counts_GA: np.ndarray, number: np.ndarray, ids: Sequence[str], key: tuple) -> np.ndarray:
    """How many of the first `number` answers of each galaxy are of each kind, shape (G, A).

    The parameters are those of `first_answers`; `counts_GA` are the answers of each kind on record.
    """
    found_GA = np.array(counts_GA)
    responses = found_GA.sum(axis=1)
    some = np.flatnonzero(number < responses)
    responses, number = responses[some], number[some]
    places = np.arange(responses.max(initial=0))
    order = randomness.galaxy_order(key, np.asarray(ids)[some], len(places)).astype(np.float64)
    order[places >= responses[:, None]] = np.inf
    # Which answers are of the first kind is a random subset, that of the lowest numbers; those of the next kind follow.
    rank = order.argsort(axis=1, kind="stable").argsort(axis=1)
    given = places < number[:, None]
    below_A = np.pad(np.cumsum(found_GA[some], axis=1), ((0, 0), (1, 0)))
    for kind in range(found_GA.shape[1]):
        of_kind = (below_A[:, kind, None] <= rank) & (rank < below_A[:, kind + 1, None])
        found_GA[some, kind] = (of_kind & given).sum(axis=1)
    return found_GA


def label(
    ids: Sequence[str], number: np.ndarray, votes: str | Path, question: str, iteration: int | np.ndarray
) -> pa.Table:
    """Table of the galaxies with the first `number` of their votes, or all: id, k, N and the iteration asked in.

    If answers have names, it counts each of them, too (`tree.COUNT`).
    """
    import pyarrow as pa

    recorded = _recorded(votes, ids)
    k, responses = recorded["k"].to_numpy(), recorded["N"].to_numpy()
    given = np.minimum(number, responses)
    key = (question, "answers")
    columns = {"id": pa.array(ids, pa.string()), "k": first_answers(k, responses, given, ids, key), "N": given}
    # In a table of votes, the positive answers come first, so that those given here add up to k.
    named = [name for name in recorded.column_names if name.startswith(tree.COUNT.format(""))]
    if named:
        counts_GA = np.stack([recorded[name].to_numpy() for name in named], axis=1)
        columns |= dict(zip(named, first_of_each(counts_GA, given, ids, key).T, strict=True))
    columns["iteration"] = np.full(len(ids), iteration, np.int32)
    return pa.table(columns)


def label_below(before: pa.Table, leading: Sequence[str], votes: str | Path, question: str) -> pa.Table:
    """The answers to a question of those who came to it, by how people answered the question before.

    Parameters
    ----------
    before
        From `label`, of the question before.
    leading
        Its answers that lead here; none: everyone who was asked that is asked this, too.
    votes, question
        The votes on record on this question.

    Returns
    -------
    As `label`, of the galaxies that have answers on record, in the order of `before`; with its other columns.
    """
    import pandas as pd
    import pyarrow as pa

    asked = before.to_pandas()
    asked["here"] = sum(tree.count(asked, answer) for answer in leading) if leading else asked["N"]
    recorded = tables.read(votes, ["id"])["id"].to_pylist()
    asked = asked[(asked["here"] > 0) & asked["id"].isin(pd.Index(recorded))]
    found = label(asked["id"].tolist(), asked["here"].to_numpy(), votes, question, asked["iteration"].to_numpy())
    for name in before.column_names:
        if name not in found.column_names and not name.startswith(tree.COUNT.format("")):
            found = found.append_column(name, pa.array(asked[name], before.schema.field(name).type))
    return found


def ask(
    asks: pa.Table, known: pa.Table, votes: str | Path, question: str, iteration: int, budget: int, unit: str
) -> pa.Table:
    """Ask in order until the budget is spent, and add the answers to those known.

    Parameters
    ----------
    asks
        id and votes (null for all) of each ask; a galaxy can be asked again.
    known
        The votes so far: id, k, N, and the iteration that the galaxy was first asked in.
    budget, unit
        How many `votes` to get, or of how many `galaxies`. The last galaxy asked gives only what the budget leaves.

    Returns
    -------
    As `known`, with the further votes of known galaxies added, and new galaxies last, in the order of the asks.

    Raises
    ------
    InputError
        There are fewer votes, or galaxies, than the budget; or one that is asked has no votes.
    """
    import pandas as pd
    import pyarrow as pa

    frame = asks.select(["id", "votes"]).to_pandas()
    before = known.to_pandas().set_index("id")
    recorded = tables.read(votes, ["id", "N"]).to_pandas().set_index("id")["N"].reindex(frame["id"])
    # Nothing needs to be known of those who are not asked, for the budget is spent before.
    frame["recorded"] = recorded.fillna(0).to_numpy(np.int64)
    frame["known"] = before["N"].reindex(frame["id"]).fillna(0).to_numpy(np.int64)
    wanted = frame["votes"].fillna(ALL).astype(np.int64)
    total = (frame["known"] + wanted.groupby(frame["id"]).cumsum()).clip(upper=frame["recorded"])
    # What an ask adds to the one before of the same galaxy, if there is one.
    given = total - total.groupby(frame["id"]).shift().fillna(frame["known"]).astype(np.int64)
    spent = given.cumsum() if unit == "votes" else (given > 0).cumsum()
    unknown = recorded.isna().to_numpy() & (spent.shift(fill_value=0) < budget).to_numpy()
    if unknown.any():
        raise _nothing_known(votes, frame["id"].iloc[int(unknown.argmax())])
    if spent.iloc[-1] < budget:
        raise InputError(
            f"question {question!r}, iteration {iteration}: {spent.iloc[-1]} {unit} are left of the {budget} to ask "
            f"for; lower loop.iterations or questions.{question}.acquire"
        )
    last = int(np.argmax(spent >= budget))
    if unit == "votes":
        total.iloc[last] -= spent.iloc[last] - budget
    asked = frame.assign(total=total).iloc[: last + 1].groupby("id", sort=False)["total"].last()
    asked = asked[asked > before["N"].reindex(asked.index).fillna(0)]
    answered = label(asked.index.tolist(), asked.to_numpy(), votes, question, iteration).to_pandas().set_index("id")
    answers = pd.concat([before, answered]).groupby(level="id", sort=False)
    after = answers.last().assign(iteration=answers["iteration"].first())
    return pa.Table.from_pandas(after.reset_index(), known.schema, preserve_index=False).replace_schema_metadata()
