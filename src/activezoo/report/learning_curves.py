"""Learning curves: how good each model is, against the votes that it learnt from (paper §3.6)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo import tables
from activezoo.errors import InputError

INITIAL = "initial"
MEASURES = ("training_loss", "test_loss", "rmse", "rmse_of_rho", "rmse_mean_fraction")
COLUMNS = ("question", "strategy", "seed", "iteration", "votes", "galaxies", *MEASURES)


def collect(files: Iterable[str | Path]) -> pd.DataFrame:
    """One table of the metrics of many models, with the shared first model of a seed as iteration 0 of each strategy.

    Raises
    ------
    InputError
        A seed lacks its first model, or a measure is not a finite number.
    """
    frames = []
    for path in files:
        frame = tables.read(path).to_pandas()
        for column in MEASURES:
            # Where each test galaxy has a single vote, nothing is known of the noise.
            if column == "rmse_of_rho" and frame[column].isna().all():
                continue
            if not np.isfinite(frame[column]).all():
                raise InputError(
                    f"{path}: {column} is {frame[column].iloc[0]}; the training diverged, try a lower "
                    "training.learning_rate"
                )
        frames.append(frame)
    models = pd.concat(frames)
    first, later = models[models.strategy == INITIAL], models[models.strategy != INITIAL]
    runs = later[["question", "seed", "strategy"]].drop_duplicates()
    start = runs.merge(first.drop(columns="strategy"), on=["question", "seed"], how="left")
    if start.votes.isna().any():
        run = start[start.votes.isna()].iloc[0]
        raise InputError(f"question {run.question!r}, seed {run.seed}: no metrics of the first model among the files")
    metrics = pd.concat([start.astype(later.dtypes), later])
    return metrics.sort_values(["question", "strategy", "seed", "iteration"], ignore_index=True)[list(COLUMNS)]


def curves(metrics: pd.DataFrame, strategy: str, measure: str) -> pd.DataFrame:
    """The learning curves of one strategy: a row for each iteration, a column for each seed.

    Raises
    ------
    InputError
        The seeds did not run the same iterations.
    """
    chosen = metrics[metrics.strategy == strategy]
    frame = chosen.pivot(index="iteration", columns="seed", values=measure)  # noqa: PD010 (pivot_table averages duplicates)
    missing = np.argwhere(frame.isna())
    if len(missing) and measure != "rmse_of_rho":
        iteration, seed = frame.index[missing[0, 0]], frame.columns[missing[0, 1]]
        raise InputError(
            f"question {metrics.question.iloc[0]!r}, strategy {strategy!r}: seed {seed} has no model of iteration "
            f"{iteration}, other seeds do; all must run the same iterations"
        )
    return frame
