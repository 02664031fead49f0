"""Find the dropout rate whose posteriors are surprised least by the votes on held-out galaxies."""

import logging
from pathlib import Path
from typing import Literal

from activezoo import tables
from activezoo.model import backend, trained
from activezoo.model.posterior import Sampling
from activezoo.posteriors import dropout_tuning
from activezoo.posteriors.held_out import CORRECT, votes_for
from activezoo.survey.images import grey_reader


def run(
    *,
    models: list[Path],
    weights: list[Path],
    held_out: Path,
    index: Path,
    networks: int,
    draws: Literal["independent", "even"],
    threads: int,
    gpu: int,
    tuning: Path,
) -> None:
    backend.start(threads, gpu)
    loaded = [trained.load(*files) for files in zip(models, weights, strict=True)]
    table = votes_for(CORRECT, held_out)
    ids = table["id"].to_pylist()
    read_grey = grey_reader(index, ids, loaded[0].description.stored_size)
    predictions = dropout_tuning.predict_at_rates(loaded, read_grey, ids, Sampling(networks, 1, draws))
    found = dropout_tuning.surprise_by_rate(predictions, table["k"].to_numpy(), table["N"].to_numpy())
    tables.write_with_csv(found, tuning)
    logging.info("dropout rate %g, by %d held-out galaxies", dropout_tuning.read(tuning), len(ids))
