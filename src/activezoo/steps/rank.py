"""Order what to ask next, the most wanted first: of which galaxies a strategy wants votes, and how many."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from activezoo import randomness, tables
from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.errors import InputError
from activezoo.model import description
from activezoo.model.predictions import read_pool_predictions
from activezoo.survey.roles import galaxies_of


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
    acquisition: Path,
) -> None:
    ids = galaxies_of(tables.read(split), "initial", "pool")
    shards = [read_pool_predictions(path) for path in predictions]
    if shards and [galaxy for shard in shards for galaxy in shard.ids] != ids:
        raise InputError(f"{predictions[0]}: not the predictions of this pool; delete its folder and run again")
    known = tables.read(labelled, ["id", "N"])
    known = dict(zip(known["id"].to_pylist(), known["N"].to_pylist(), strict=True))
    candidates = Candidates(
        ids=ids,
        predictions=shards,
        known_votes=np.array([known.get(galaxy, 0) for galaxy in ids]),
        expected_responses=description.read(model).of_question(question).expected_responses,
        few_votes=few_votes,
        rng=randomness.generator(question, seed, iteration, strategy),
    )
    chosen = registry.load(strategy)
    asks = registry.choose(chosen, candidates)
    columns = {
        "id": np.asarray(ids)[asks.galaxies].tolist(),
        "rank": np.arange(len(asks.galaxies), dtype=np.int32),
        "votes": pa.nulls(len(asks.galaxies), pa.int32()) if asks.votes is None else asks.votes.astype(np.int32),
        "score": asks.score,
    }
    tables.write(columns, acquisition)
    logging.info("%d galaxies by %s", len(set(columns["id"])), chosen.label)
