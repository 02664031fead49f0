"""Experts' classes of galaxies: read, and divided to fit what experts say and to evaluate it (paper Appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo import randomness
from activezoo.errors import InputError
from activezoo.survey.columns import read_columns
from activezoo.survey.layout import ClassColumns

ROLES = ("fit", "evaluate")


def read_experts(path: str | Path, columns: ClassColumns) -> pd.DataFrame:
    """Read experts' classes, CSV (also compressed) or parquet.

    Returns
    -------
    id (text) and is_positive, in the order of the file.

    Raises
    ------
    InputError
        A file, column, id or class is missing, an id stands in several rows, or no class means yes.
    """
    id_column, class_column, positive = columns
    rows = read_columns(path, [id_column, class_column])
    ids, classes = rows[id_column], rows[class_column].str.strip()
    for column, wrong, reason in (
        (id_column, ids.isna(), "is empty; give each row the id of a galaxy"),
        (id_column, ids.duplicated(), "stands in an earlier row, too; keep one"),
        (class_column, classes.isna() | (classes == ""), "is empty; leave out galaxies that experts did not class"),
    ):
        if wrong.any():
            row = wrong.idxmax()
            value = "" if pd.isna(rows.loc[row, column]) else f" {rows.loc[row, column]!r}"
            raise InputError(f"{path}: row {row}: {column}{value} {reason}")
    is_positive = classes.str.casefold().isin([name.strip().casefold() for name in positive])
    if not is_positive.any():
        raise InputError(
            f"{path}: no galaxy is {' or '.join(positive)} in column {class_column!r}; it has "
            f"{', '.join(sorted(classes.unique())[:20])}: correct posteriors.experts.positive"
        )
    return pd.DataFrame({"id": ids, "is_positive": is_positive}).reset_index(drop=True)


def split(ids: Sequence[str], question: str, fraction: float = 0.8) -> np.ndarray:
    """Role of each galaxy, shape (G,): to `fit` the rescaling to, or to `evaluate` it on, whatever the order of ids."""
    # Drawn in order of id, as in `splitting.split`.
    order = np.argsort(np.asarray(ids), kind="stable")
    order = randomness.generator(question, "experts").permutation(order)
    roles = np.full(len(ids), "evaluate", dtype=object)
    roles[order[: round(fraction * len(ids))]] = "fit"
    return roles
