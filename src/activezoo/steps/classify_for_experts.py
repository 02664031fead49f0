"""Predict experts' classes with a network trained on them alone: no dropout, one view, not calibrated."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model import backend, posterior, trained
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import write_predictions
from activezoo.survey.images import grey_reader
from activezoo.survey.roles import galaxies_of


def run(*, model: Path, weights: Path, experts: Path, index: Path, threads: int, gpu: int, predictions: Path) -> None:
    backend.start(threads, gpu)
    loaded = trained.load(model, weights)
    ids = galaxies_of(tables.read(experts, ["id", "role"]), "evaluate")
    read_grey = grey_reader(index, ids, loaded.description.stored_size)
    sampling = Sampling(augmentations=1, masks=1, draws="independent")
    write_predictions(posterior.predict(loaded, read_grey, ids, sampling, dropout=0.0), predictions)
    logging.info("%d galaxies", len(ids))
