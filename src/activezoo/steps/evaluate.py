"""Predict the test set with a trained model, and compare the predictions with its votes."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.model import backend, evaluation, posterior, trained
from activezoo.model.information import information
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import read_predictions, write_predictions
from activezoo.survey import oracle
from activezoo.survey.images import grey_reader
from activezoo.survey.roles import galaxies_of


def run(
    *,
    model: Path,
    weights: Path,
    history: Path,
    labelled: Path,
    split: Path,
    votes: Path,
    index: Path,
    question: str,
    sampling: Sampling,
    threads: int,
    gpu: int,
    predictions: Path,
    by_galaxy: Path,
    metrics: Path,
) -> None:
    backend.start(threads, gpu)
    loaded = trained.load(model, weights)
    described = loaded.description
    ids = galaxies_of(tables.read(split), "test")
    read_grey = grey_reader(index, ids, described.stored_size)
    write_predictions(posterior.predict(loaded, read_grey, ids, sampling, question=question), predictions)
    predicted = read_predictions(predictions)

    k, responses = oracle.retrieve_votes(votes, ids)
    known = tables.read(labelled, ["k", "N"])
    result = {
        "question": question,
        "seed": described.seed,
        "strategy": described.strategy,
        "iteration": described.iteration,
        "votes": described.votes,
        "galaxies": described.galaxies,
        "training_loss": evaluation.training_loss(tables.read(history, ["loss"])["loss"].to_numpy()),
        **evaluation.test_metrics(predicted, k, responses),
        "rmse_mean_fraction": evaluation.rmse(np.mean(known["k"].to_numpy() / known["N"].to_numpy()), k, responses),
    }
    tables.write(
        {
            "id": ids,
            "k": k,
            "N": responses,
            "rho": predicted.rho_GT @ predicted.weights_T,
            "mutual_information": information(predicted, described.of_question(question).expected_responses),
        },
        by_galaxy,
    )
    tables.write({name: [value] for name, value in result.items()}, metrics)
    logging.info("%d votes: RMSE %.4f, test loss %.3f", result["votes"], result["rmse"], result["test_loss"])
