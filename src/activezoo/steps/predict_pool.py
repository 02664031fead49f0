"""Predict one shard of the galaxies that votes can be asked of, for the strategies of the next iteration."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.model import backend, posterior, trained
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import write_predictions
from activezoo.survey.images import grey_reader
from activezoo.survey.roles import galaxies_of, to_score


def run(
    *,
    model: Path,
    weights: Path,
    split: Path,
    labelled: Path,
    index: Path,
    shard: int,
    shards: int,
    scored: int | None = None,
    sampling: Sampling,
    threads: int,
    gpu: int,
    predictions: Path,
) -> None:
    backend.start(threads, gpu)
    loaded = trained.load(model, weights)
    pool = galaxies_of(tables.read(split), "initial", "pool")
    known = tables.read(labelled, ["id"])["id"].to_pylist()
    pool = to_score(pool, set(known), scored, loaded.description.key("scored"))
    ids = np.array_split(pool, shards)[shard].tolist()
    read_grey = grey_reader(index, ids, loaded.description.stored_size)
    write_predictions(posterior.predict(loaded, read_grey, ids, sampling), predictions)
    logging.info("%d galaxies predicted", len(ids))
