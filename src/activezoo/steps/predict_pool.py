"""Predict one shard of the galaxies that votes can be asked of, for strategies; look closer at the best of them."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.acquisition import registry
from activezoo.model import backend, posterior, trained
from activezoo.model.information import information
from activezoo.model.posterior import SHARE_OF_CLOSER_LOOK, Sampling
from activezoo.model.predictions import stream_predictions, write_predictions
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
    labelled_too: bool = False,
    closer_looks: list[int],
    question: str,
    sampling: Sampling,
    threads: int,
    gpu: int,
    predictions: list[Path],
) -> None:
    backend.start(threads, gpu)
    loaded = trained.load(model, weights)
    pool = galaxies_of(tables.read(split), "initial", "pool")
    known = tables.read(labelled, ["id"])["id"].to_pylist()
    pool = to_score(pool, set(known), scored, loaded.description.key("scored"), labelled_too)
    ids = np.array_split(pool, shards)[shard].tolist()
    responses = loaded.description.of_question(question).expected_responses
    for look, (views, path) in enumerate(zip([sampling.augmentations, *closer_looks], predictions, strict=True)):
        if look:
            scores = (information(part, responses) for part in stream_predictions(predictions[look - 1]))
            best = registry.by_score(ids, scores, round(SHARE_OF_CLOSER_LOOK * len(ids)))
            ids = [ids[place] for place in np.sort(best.galaxies)]
        # Views of its own: else a galaxy would keep what chance gave it in the look before.
        stage = f"look {look}" if look else "predict"
        read_grey = grey_reader(index, ids, loaded.description.stored_size)
        batches = posterior.predict(loaded, read_grey, ids, sampling._replace(augmentations=views), stage=stage)
        write_predictions(batches, path)
        logging.info("%d galaxies predicted, by %d views each", len(ids), views)
