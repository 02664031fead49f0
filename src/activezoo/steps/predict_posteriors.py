"""Predict galaxies with the networks of one model or of several, mixed."""

import logging
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc

from activezoo import tables
from activezoo.model import backend, posterior, trained
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import write_predictions
from activezoo.posteriors import dropout_tuning
from activezoo.survey.images import grey_reader
from activezoo.survey.shards import shard_rows


def run(
    *,
    models: list[Path],
    weights: list[Path],
    question: str,
    galaxies: Path,
    role: str | None = None,
    shard: int,
    shards: int,
    index: Path,
    networks: int,
    draws: Literal["independent", "even"],
    tuned_dropout: Path | None = None,
    threads: int,
    gpu: int,
    predictions: Path,
) -> None:
    backend.start(threads, gpu)
    if role:
        table = tables.read(galaxies, ["id", "role"])
        ids = table.filter(pc.equal(table["role"], role))["id"]
        first, last = shard_rows(len(ids), shards)[shard]
        ids = ids.slice(first, last - first)
    else:
        rows = range(*shard_rows(tables.number_of_rows(galaxies), shards)[shard])
        ids = tables.read_rows(galaxies, rows, ["id"])["id"]
    ids = ids.to_pylist()
    loaded = [trained.load(*files) for files in zip(models, weights, strict=True)]
    read_grey = grey_reader(index, ids, loaded[0].description.stored_size)
    dropout = dropout_tuning.read(tuned_dropout) if tuned_dropout else None
    sampling = Sampling(networks, 1, draws)
    batches = posterior.mix([posterior.predict(model, read_grey, ids, sampling, dropout, question) for model in loaded])
    write_predictions(batches, predictions)
    logging.info("%d galaxies, %d networks", len(ids), len(loaded) * networks)
