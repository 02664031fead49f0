"""Extrapolate what a survey would cost for a wanted RMSE: votes, days and computing time."""

import logging
from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.report import planning
from activezoo.survey.roles import galaxies_of


def run(
    *,
    survey: str,
    metrics: list[Path],
    splits: list[Path],
    benchmarks: Path,
    galaxies: int,
    rmse: list[float],
    votes_per_day: int,
    csv: Path,
    page: Path,
) -> None:
    of_questions, times = [tables.read(path).to_pandas() for path in metrics], {}
    for frame, split in zip(of_questions, splits, strict=True):
        question = frame.question.iloc[0]
        predicted = len(galaxies_of(tables.read(split), "initial", "pool"))
        times[question] = planning.seconds(benchmarks, question, predicted)
    planned = planning.plan(pd.concat(of_questions, ignore_index=True), times, galaxies, rmse, votes_per_day)
    with tables.whole_file(csv) as partial:
        planned.to_csv(partial, index=False)
    with tables.whole_file(page) as partial:
        partial.write_text(planning.page(survey, planned, galaxies, votes_per_day), encoding="utf-8")
    logging.info("%d ways to an RMSE", len(planned))
