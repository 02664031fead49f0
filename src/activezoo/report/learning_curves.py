"""Learning curves: the metrics of all models of a run, in one table (paper §3.6)."""

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
        # Test galaxies with one vote each do not tell rmse_of_rho.
        for column in set(MEASURES) - {"rmse_of_rho"}:
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


def curves(metrics: pd.DataFrame, question: str, strategy: str, column: str = "rmse") -> pd.DataFrame:
    """A column of the metrics along the learning curves of one strategy: a row an iteration, a column a seed.

    Raises
    ------
    InputError
        There are none, or the seeds did not run the same iterations.
    """
    chosen = metrics[(metrics.question == question) & (metrics.strategy == strategy)]
    if chosen.empty:
        raise InputError(f"no metrics of question {question!r} with strategy {strategy!r}")
    chosen = chosen.set_index(["iteration", "seed"])
    missing = [
        (iteration, seed)
        for iteration in sorted(chosen.index.unique("iteration"))
        for seed in chosen.index.unique("seed")
        if (iteration, seed) not in chosen.index
    ]
    if missing:
        raise InputError(
            f"question {question!r}, strategy {strategy!r}: seed {missing[0][1]} has no model of iteration "
            f"{missing[0][0]}, other seeds do; all must run the same iterations"
        )
    return chosen[column].unstack()  # noqa: PD010 (pivot_table averages duplicates)
