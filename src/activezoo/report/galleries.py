"""The galaxies that galleries show: their images and captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo import tables
from activezoo.acquisition.registry import label
from activezoo.report.acquired import metrics_of
from activezoo.report.figures.galleries import Gallery
from activezoo.survey import images


def describe(folder: str | Path) -> str:
    """The run of a model in words, for titles."""
    model = metrics_of(Path(folder))
    return f"{model.question}, {label(model.strategy)}, seed {model.seed}"


def read_pixels(ids: Sequence[str], index: str | Path) -> np.ndarray:
    """Stored images of some galaxies, shape (G, P, P, 3) uint8, in the order of their ids."""
    return images.read_pixels(images.rows_of(index, ids), Path(index).parent)


def most_and_least_informative(model: str | Path, index: str | Path, number: int) -> tuple[Gallery, Gallery]:
    """The test galaxies whose votes would tell a model most, and least, by mutual information."""
    tested = tables.read(Path(model) / "evaluation.parquet").to_pandas().sort_values(["mutual_information", "id"])
    galleries = []
    for title, chosen in {
        "Most informative": tested.iloc[::-1].head(number),
        "Least informative": tested.head(number),
    }.items():
        captions = [f"{row.k}/{row.N}  ρ̂ = {row.rho:.2f}" for row in chosen.itertuples()]
        galleries.append(Gallery(title, read_pixels(list(chosen.id), index), captions))
    return tuple(galleries)


def acquired_by_iteration(models: Iterable[str | Path], index: str | Path, number: int) -> dict[int, Gallery]:
    """The first galaxies, by rank, that were acquired for each of some models of successive iterations."""
    chosen = []
    for model in map(Path, models):
        ranked = tables.read(model / "acquisition.parquet", ["id", "rank"]).to_pandas()
        labelled = tables.read(model / "labelled.parquet", ["id", "k", "N", "iteration"]).to_pandas()
        added = labelled[labelled.iteration == labelled.iteration.max()]
        chosen.append(added.merge(ranked, on="id").nsmallest(number, "rank"))
    everything = pd.concat(chosen)
    pixels_by_id = dict(zip(everything.id, read_pixels(list(everything.id), index), strict=True))
    return {
        int(rows.iteration.iloc[0]): Gallery(
            "",
            np.stack([pixels_by_id[galaxy] for galaxy in rows.id]),
            [f"{row.k}/{row.N}" for row in rows.itertuples()],
        )
        for rows in chosen
    }
