"""The galaxies that were acquired, with their votes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from activezoo import tables


def metrics_of(folder: Path) -> pd.Series:
    """The metrics of a model, given by its folder."""
    return tables.read(folder / "metrics.parquet").to_pandas().iloc[0]


def acquired(models: Iterable[str | Path]) -> pd.DataFrame:
    """The galaxies that were acquired up to each of some models, given by their folders.

    Returns
    -------
    Columns question, strategy, seed, id, k, N, iteration; no initial galaxies.
    """
    frames = []
    for folder in map(Path, models):
        labelled = tables.read(folder / "labelled.parquet", ["id", "k", "N", "iteration"]).to_pandas()
        frames.append(labelled[labelled.iteration > 0].assign(**metrics_of(folder)[["question", "strategy", "seed"]]))
    return pd.concat(frames, ignore_index=True)


def with_recorded_votes(acquired: pd.DataFrame, votes: str | Path) -> pd.DataFrame:
    """The same galaxies with all votes on record as k and N, and how many of them were asked for as `votes`.

    What kind of galaxy it is, all its votes tell better than the few that were asked for.
    """
    recorded = tables.read(votes, ["id", "k", "N"]).to_pandas()
    return acquired.drop(columns="k").rename(columns={"N": "votes"}).merge(recorded, on="id", how="left")
