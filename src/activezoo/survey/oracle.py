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
    import pyarrow as pa
    import pyarrow.compute as pc

    table = tables.read(votes, ["id", "k", "N"])
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=table["id"])
    if rows.null_count:
        raise _nothing_known(votes, ids[rows.is_null().to_numpy(zero_copy_only=False).argmax()])
    chosen = table.take(rows)
    return chosen["k"].to_numpy(), chosen["N"].to_numpy()


def _nothing_known(votes: str | Path, galaxy: str) -> InputError:
    return InputError(f"{votes}: no votes for galaxy {galaxy}")


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
    found = np.array(k)
    some = np.flatnonzero(number < responses)
    k, responses, number = k[some], responses[some], number[some]
    places = np.arange(responses.max(initial=0))
    order = randomness.galaxy_order(key, np.asarray(ids)[some], len(places)).astype(np.float64)
    order[places >= responses[:, None]] = np.inf
    # Which answers are positive is a random subset: those of the k lowest numbers.
    positive = order.argsort(axis=1, kind="stable").argsort(axis=1) < k[:, None]
    found[some] = (positive & (places < number[:, None])).sum(axis=1)
    return found


def label(ids: Sequence[str], number: np.ndarray, votes: str | Path, question: str, iteration: int) -> pa.Table:
    """Table of the galaxies with the first `number` of their votes, or all: id, k, N and the iteration asked in."""
    import pyarrow as pa

    k, responses = retrieve_votes(votes, ids)
    given = np.minimum(number, responses)
    positive = first_answers(k, responses, given, ids, (question, "answers"))
    iterations = np.full(len(ids), iteration, np.int32)
    return pa.table({"id": pa.array(ids, pa.string()), "k": positive, "N": given, "iteration": iterations})


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
