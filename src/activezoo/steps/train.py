"""Train the network on all galaxies labelled so far."""

import logging
from pathlib import Path

from activezoo import __version__, randomness, tables
from activezoo.model import backend, description, network, training
from activezoo.model.augmentation import View
from activezoo.model.description import Description
from activezoo.model.network import Architecture
from activezoo.model.training import Schedule
from activezoo.survey.images import grey_reader
from activezoo.survey.layout import Answers


def run(
    *,
    labelled: Path,
    index: Path,
    start: Path | None = None,
    question: str,
    answers: Answers,
    seed: int,
    strategy: str,
    iteration: int,
    architecture: Architecture,
    view: View,
    schedule: Schedule,
    kept_weights: float,
    threads: int,
    gpu: int,
    model: Path,
    weights: Path,
    history: Path,
) -> None:
    backend.start(threads, gpu)
    import keras

    table = tables.read(labelled, ["id", "k", "N"])
    ids, k, responses = table["id"].to_pylist(), table["k"].to_numpy(), table["N"].to_numpy()
    read_grey = grey_reader(index, ids)
    described = Description(
        version=__version__,
        question=question,
        positive=answers.positive,
        responses=answers.responses,
        seed=seed,
        strategy=strategy,
        iteration=iteration,
        architecture=architecture,
        view=view,
        stored_size=read_grey(slice(1)).shape[-1],
        galaxies=len(ids),
        votes=int(responses.sum()),
    )
    key = described.key("train")
    keras.utils.set_random_seed(randomness.integer(*key, "initialisation", bits=32))
    built = network.build(architecture, dropout_seed=randomness.integer(*key, "dropout", bits=31))
    trainer = training.Trainer(built, schedule)
    if start:
        network.load_weights(built, start, kept_weights)
    losses = trainer.train(read_grey, ids, k, responses, view, key)
    tables.write({"step": range(len(losses)), "loss": losses}, history)
    with tables.whole_file(weights) as partial:
        built.save_weights(partial)
    description.write(described, model)
    logging.info("%d galaxies, %d steps: loss %.3f", len(ids), len(losses), losses[-1])
