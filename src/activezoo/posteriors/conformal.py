"""Intervals for k of N votes that hold as often as they say, whatever the networks say: split conformal prediction.

How unusual an observed count k is to its posterior is its tail probability, the smaller of p(≤ k) and p(≥ k). Galaxies
that nothing was fitted to tell which tail probabilities occur. The interval of a further galaxy holds the counts whose
tail probability is not rarer than the level allows. So it is the central interval of the posterior at another level:
the one at which intervals held for those galaxies (Vovk, Gammerman & Shafer 2005; for a score made of the distribution
function, Chernozhukov, Wüthrich & Zhu 2021).

If the n calibrating galaxies and the further one are exchangeable, its tail probability has equal chances to be the
first to the (n + 1)-th of all. So the interval holds k with at least its probability, on average over galaxies, however
wrong the posterior is. It is wide where the posterior is bad. Galaxies may also be calibrated in groups, each by itself
(Mondrian conformal prediction); then it holds within each group.

Suffixes name the axes of an array: G galaxies, R some of them that share one N, K = N + 1 possible counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import counts
from activezoo.posteriors.counts import DECIMALS, LEVELS, ROUNDING


class Calibration(NamedTuple):
    """The tail probabilities that intervals allow, of each group of galaxies and level (L)."""

    edges: tuple[float, ...]
    """Mean predicted ρ, rising, at which groups part; an edge belongs to the group above it."""
    galaxies: tuple[int, ...]
    """That calibrated each group; there is one group more than edges."""
    tails: np.ndarray
    """From which on counts belong to the interval, shape (groups, L), for `counts.LEVELS`."""

    def group(self, predictions: Predictions) -> np.ndarray:
        """Number of the group of each galaxy, from 0, by its mean predicted ρ: shape (G,)."""
        return np.searchsorted(self.edges, predictions.rho_GT @ predictions.weights_T, side="right")

    def intervals(self, pmf_RK: np.ndarray, group_R: np.ndarray) -> np.ndarray:
        """Lowest and highest count of the interval of each level, from posteriors: shape (L, 2, R)."""
        tails_RK = _tails(pmf_RK)
        # A tail probability that rounding made smaller still counts.
        inside_LRK = tails_RK >= self.tails[group_R].T[..., None] * (1 - ROUNDING)
        highest = pmf_RK.shape[1] - 1
        return np.stack([inside_LRK.argmax(axis=-1), highest - inside_LRK[..., ::-1].argmax(axis=-1)], axis=1)

    def table(self) -> pd.DataFrame:
        """A row for each group and level: group, rho_from, rho_to, galaxies, level, tail_probability."""
        ends = (0.0, *self.edges, 1.0)
        rows = [
            (group, ends[group], ends[group + 1], self.galaxies[group], level, tail)
            for group, tails_L in enumerate(self.tails.tolist())
            for level, tail in zip(LEVELS, tails_L, strict=True)
        ]
        return pd.DataFrame(rows, columns=["group", "rho_from", "rho_to", "galaxies", "level", "tail_probability"])

    def too_few(self) -> list[str]:
        """In words, of which groups and levels the intervals hold all counts."""
        return [
            f"of predicted ρ from {row.rho_from:g} to {row.rho_to:g}, intervals of {100 * row.level:g} % hold all "
            f"counts: {row.galaxies} held-out galaxies are too few, or some of their counts have no probability"
            for row in self.table().itertuples()
            if not row.tail_probability
        ]


def tail_probability(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """The smaller of p(≤ k) and p(≥ k) of each galaxy, shape (G,): small where k surprises."""
    k, responses = counts.checked(predictions, k, responses)
    tail_G = np.empty(len(k))
    for rows, _, pmf_RK in counts.posteriors(predictions, responses):
        tail_G[rows] = np.take_along_axis(_tails(pmf_RK), k[rows, None], 1)[:, 0]
    return tail_G


def _tails(pmf_RK: np.ndarray) -> np.ndarray:
    """The smaller of p(≤ k) and p(≥ k) of every count, each summed from its own end so that small ones are exact."""
    return np.minimum(np.cumsum(pmf_RK, axis=1), np.cumsum(pmf_RK[:, ::-1], axis=1)[:, ::-1])


def allowed_tail(tail_G: np.ndarray, level: float) -> float:
    """The tail probability from which on counts belong to the interval of a level.

    It is that of rank ⌊(n + 1)(1 − level)⌋ among the n calibrating galaxies, the smallest first; 0, so that all counts
    belong to the interval, if n is too small for the level. It is at most ½, which the median of any posterior reaches,
    so that no interval is empty.
    """
    rank = int(np.round((len(tail_G) + 1) * (1 - level), DECIMALS))
    return float(min(np.partition(tail_G, rank - 1)[rank - 1], 0.5)) if rank else 0.0


def calibrate(
    predictions: Predictions, k: np.ndarray, responses: np.ndarray, edges: Sequence[float] = ()
) -> Calibration:
    """Find the tail probabilities that intervals allow, by galaxies that nothing was trained on or fitted to.

    Parameters
    ----------
    predictions
        Of the calibrating galaxies, made as those of further galaxies will be.
    k, responses
        Positive votes and all votes N of each, shapes (G,).
    edges
        Where groups part that are calibrated each by itself; none for one group. They must not come from the galaxies.
    """
    empty = Calibration(tuple(edges), (0,) * (len(edges) + 1), np.zeros((len(edges) + 1, len(LEVELS))))
    tail_G, group_G = tail_probability(predictions, k, responses), empty.group(predictions)
    of_groups = [tail_G[group_G == group] for group in range(len(edges) + 1)]
    tails = np.array([[allowed_tail(its_tails, level) for level in LEVELS] for its_tails in of_groups])
    return Calibration(tuple(edges), tuple(map(len, of_groups)), tails)


def read(path: str | Path) -> Calibration:
    """Read a calibration from its table, a parquet file.

    Raises
    ------
    InputError
        The file is missing, or holds something else.
    """
    table = tables.read(path, ["group", "rho_from", "galaxies", "level", "tail_probability"]).to_pandas()
    if table.level.nunique() != len(LEVELS) or len(table) != len(LEVELS) * table.group.nunique():
        raise InputError(f"{path}: not a row for each group and each of the levels {LEVELS}; delete it and run again")
    first = table[table.level == LEVELS[0]]
    tails = table.tail_probability.to_numpy().reshape(len(first), len(LEVELS))
    return Calibration(tuple(first.rho_from[1:]), tuple(first.galaxies), tails)
