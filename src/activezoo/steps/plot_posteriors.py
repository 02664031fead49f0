"""Show posteriors of randomly chosen test galaxies beside the images that the first network saw."""

from pathlib import Path
from typing import Literal

from activezoo import randomness
from activezoo.model import augmentation, backend, description, posterior
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import read_predictions
from activezoo.report.figures import style
from activezoo.report.figures.examples import posteriors
from activezoo.survey import oracle
from activezoo.survey.images import grey_reader

GALAXIES = 6


def run(
    *,
    question: str,
    predictions: Path,
    votes: Path,
    index: Path,
    model: Path,
    networks: int,
    draws: Literal["independent", "even"],
    threads: int,
    gpu: int,
    png: Path,
) -> None:
    backend.start(threads, gpu)
    described = description.read(model)
    predicted = read_predictions(predictions)
    rows = randomness.generator(question, "posteriors shown").permutation(len(predicted.ids))[:GALAXIES]
    ids = [predicted.ids[row] for row in rows]
    grey = grey_reader(index, ids, described.stored_size)(slice(None))
    input_size = described.architecture.input_size
    sampling, key = Sampling(networks, 1, draws), described.key("predict")
    augmentations = posterior.augmentations_of(ids, described.view, sampling, described.stored_size, input_size, key)
    seen = augmentation.apply(grey, augmentations, input_size)[:, 0, ..., 0]
    k, responses = oracle.retrieve_votes(votes, ids)
    style.save(posteriors(seen, predicted.of(rows), responses, k, question), png)
