"""Order the pool by how much a strategy wants the votes on each galaxy."""

import logging
from pathlib import Path

import numpy as np

from activezoo import randomness, tables
from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.errors import InputError
from activezoo.model import description
from activezoo.model.predictions import read_predictions
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
    acquisition: Path,
) -> None:
    known = tables.read(labelled, ["id"])["id"].to_pylist()
    ids = galaxies_of(tables.read(split), "pool", without=known)
    shards = [read_predictions(path) for path in predictions]
    if shards and [galaxy for shard in shards for galaxy in shard.ids] != ids:
        raise InputError(f"{predictions[0]}: not the predictions of this pool; delete its folder and run again")
    expected = description.read(model).expected_responses
    rng = randomness.generator(question, seed, iteration, strategy)
    chosen = registry.load(strategy)
    order, score = chosen.rank(Candidates(ids, shards, expected, rng))
    tables.write(
        {"id": np.asarray(ids)[order].tolist(), "rank": np.arange(len(ids), dtype=np.int32), "score": score[order]},
        acquisition,
    )
    logging.info("%d galaxies by %s, expecting %d votes", len(ids), chosen.label, expected)
