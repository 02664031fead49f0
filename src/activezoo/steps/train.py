"""Train the network on all galaxies labelled so far."""

import json
import logging
from functools import partial as partially
from pathlib import Path

import numpy as np

from activezoo import __version__, randomness, tables
from activezoo.model import backend, description, network, training
from activezoo.model.augmentation import View
from activezoo.model.description import Description, Head
from activezoo.model.network import Architecture
from activezoo.model.training import Schedule
from activezoo.survey import tree
from activezoo.survey.images import grey_reader
from activezoo.survey.layout import Answers


def run(
    *,
    labelled: list[Path],
    index: Path,
    start: Path | None = None,
    question: str,
    answers: Answers,
    together: str | None = None,
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

    backend.warn_if_emulated(architecture.precision)
    table = tables.read(labelled[0], ["id", "k", "N"])
    ids, k, responses = table["id"].to_pylist(), table["k"].to_numpy(), table["N"].to_numpy()
    given, heads, loss = (k, responses), (), network.loss
    if together:
        questions = tree.parse(json.loads(together))
        counts = [answers_to(question, path, ids) for question, path in zip(questions.values(), labelled, strict=True)]
        heads = tuple(
            Head(name, question, int((of.sum(axis=1) > 0).sum()), int(of.sum()))
            for (name, question), of in zip(questions.items(), counts, strict=True)
        )
        given = (np.concatenate(counts, axis=1),)
        loss = partially(network.loss_of_answers, answers=[of.shape[1] for of in counts])
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
        votes=sum(head.votes for head in heads) or int(responses.sum()),
        heads=heads,
    )
    key = described.key("train")
    keras.utils.set_random_seed(randomness.integer(*key, "initialisation", bits=32))
    dropout_seed = randomness.integer(*key, "dropout", bits=31)
    built = network.build(architecture, dropout_seed, described.numbers_of_answers)
    trainer = training.Trainer(built, schedule)
    if start:
        network.load_weights(built, start, kept_weights)
    losses = trainer.train(read_grey, ids, given, view, key, loss)
    tables.write({"step": range(len(losses)), "loss": losses}, history)
    with tables.whole_file(weights) as partial:
        built.save_weights(partial)
    description.write(described, model)
    logging.info("%d galaxies, %d steps: loss %.3f", len(ids), len(losses), losses[-1])


def answers_to(question: tree.Question, labelled: Path, ids: list[str]) -> np.ndarray:
    """How many gave each answer to a question, shape (G, A): none of galaxies that nobody was asked it about."""
    votes = tables.read(labelled).to_pandas().set_index("id").reindex(ids)
    return np.stack([tree.count(votes, answer).fillna(0).to_numpy(int) for answer in question.answers], axis=1)
