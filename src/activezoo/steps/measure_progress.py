"""Measure, on the test galaxies, how good the models have become, and extrapolate what further votes would buy."""

import logging
from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.model.predictions import mixed, read_predictions
from activezoo.posteriors.calibration import coverage
from activezoo.report import progress
from activezoo.survey import volunteers
from activezoo.survey.layout import Answers


def run(
    *,
    evaluations: list[Path],
    predictions: list[Path],
    frozen: list[Path],
    question: str,
    answers: Answers,
    next_votes: int,
    target_rmse: float | None = None,
    min_gain: float | None = None,
    curve: Path,
    forecast: Path,
    calibration: Path,
) -> None:
    votes = [volunteers.count(of, question, *answers)["N"].sum() for of in volunteers.read_counted(frozen)]
    judged = [tables.read(path, ["id", "k", "N", "rho"]).to_pandas() for path in evaluations]
    seeds = len(judged) // len(frozen)
    rho_MG = np.reshape([of["rho"] for of in judged], (len(frozen), seeds, -1)).mean(axis=1)
    k_G, responses_G = judged[0]["k"].to_numpy(), judged[0]["N"].to_numpy()
    learnt = progress.curve(np.cumsum(votes), rho_MG, k_G, responses_G)
    expected = progress.forecast(learnt, next_votes, target_rmse, min_gain)
    tables.write_with_csv(learnt.table(), curve)
    tables.write_with_csv(progress.row(question, expected), forecast)
    (mixture,) = mixed([read_predictions(path) for path in predictions], seeds)
    tables.write_with_csv(coverage({"last models": mixture}, k_G, responses_G), calibration)
    logging.info("question %r: RMSE %.4f after %d votes", question, expected.now.value, expected.votes)
