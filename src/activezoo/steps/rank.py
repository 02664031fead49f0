"""Order what to ask next, the most wanted first: of which galaxies a strategy wants votes, and how many."""

import logging
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from activezoo import randomness, tables
from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.errors import InputError
from activezoo.model import description
from activezoo.model.predictions import Predictions, TreePredictions, stream_predictions
from activezoo.survey.roles import galaxies_of, to_score


def run(
    *,
    strategy: str,
    predictions: list[Path],
    model: Path,
    labelled: Path,
    split: Path,
    question: str,
    seed: int,
    iteration: int,
    few_votes: int | None = None,
    scored: int | None = None,
    acquire: int,
    acquisition: Path,
) -> None:
    ids = galaxies_of(tables.read(split), "initial", "pool")
    known = tables.read(labelled, ["id", "N"])
    known = dict(zip(known["id"].to_pylist(), known["N"].to_pylist(), strict=True))
    described, chosen = description.read(model), registry.load(strategy)
    parts: Iterator[Predictions | TreePredictions] = iter(())
    if predictions:
        scored_ids = to_score(ids, known, scored, described.key("scored"))
        ids, parts = of_pool(predictions, scored_ids, () if chosen.votes == "any" else known)
    # An ask gives at least one vote of the budget, or one galaxy, unless it is a further one, of a galaxy without more.
    most = None if chosen.votes == "any" else acquire
    candidates = Candidates(
        ids=ids,
        predictions=parts,
        known_votes=np.array([known.get(galaxy, 0) for galaxy in ids]),
        expected_responses=described.of_question(question).expected_responses,
        few_votes=few_votes,
        most=most,
        rng=randomness.generator(question, seed, iteration, strategy),
    )
    asks = registry.choose(chosen, candidates)
    columns = {
        "id": np.asarray(ids)[asks.galaxies].tolist(),
        "rank": np.arange(len(asks.galaxies), dtype=np.int32),
        "votes": pa.nulls(len(asks.galaxies), pa.int32()) if asks.votes is None else asks.votes.astype(np.int32),
        "score": asks.score,
    }
    tables.write(columns, acquisition)
    logging.info("%d galaxies by %s", len(set(columns["id"])), chosen.label)


def of_pool(
    paths: list[Path], scored: list[str], may_lack: Container[str]
) -> tuple[list[str], Iterator[Predictions | TreePredictions]]:
    """The galaxies of a pool, in the order of their predictions, and these, a few thousand galaxies at a time.

    Parameters
    ----------
    paths
        Of the predictions, those of the closest look first: of a galaxy, they are the ones that count.
    scored
        Galaxies that must have been predicted.
    may_lack
        Those of them that may have been left out.

    Raises
    ------
    InputError
        The predictions are of other galaxies.
    """
    ids_of = {path: tables.read(path, ["id"])["id"].to_pylist() for path in paths}
    ids = list(dict.fromkeys(galaxy for of_path in ids_of.values() for galaxy in of_path))
    predicted = set(ids)
    if not predicted.issubset(scored) or not all(galaxy in predicted or galaxy in may_lack for galaxy in scored):
        raise InputError(f"{paths[-1]}: not the predictions of this pool; delete its folder and run again")

    def parts() -> Iterator[Predictions | TreePredictions]:
        left = set(ids)
        for path in paths:
            for part in stream_predictions(path):
                new = [row for row, galaxy in enumerate(part.ids) if galaxy in left]
                left.difference_update(part.ids)
                yield part if len(new) == len(part.ids) else part.of(np.array(new, int))

    return ids, parts()
