"""Learning curves, and how many labels active learning saves at equal performance (paper §3.6).

A curve is RMSE on the test galaxies against new labels, those beyond the initial set, joined by straight lines. Noise
makes it go up and down, so the number of labels that a strategy *needs* for an RMSE is where its curve first comes down
to it, for either strategy alike. The saving at an RMSE is 1 − labels(active strategy) / labels(random).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo import randomness, tables
from activezoo.acquisition.registry import BASELINE
from activezoo.errors import InputError

INITIAL = "initial"
MEASURES = ("training_loss", "test_loss", "rmse", "rmse_mean_fraction")
COLUMNS = ("question", "strategy", "seed", "iteration", "labels", "new_labels", *MEASURES)


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
    if start.labels.isna().any():
        run = start[start.labels.isna()].iloc[0]
        raise InputError(f"question {run.question!r}, seed {run.seed}: no metrics of the first model among the files")
    metrics = pd.concat([start.astype(later.dtypes), later])
    metrics = metrics.merge(start[["question", "seed", "strategy", "labels"]].rename(columns={"labels": "initial"}))
    metrics["new_labels"] = metrics.labels - metrics.initial.astype(metrics.labels.dtype)
    return metrics.sort_values(["question", "strategy", "seed", "iteration"], ignore_index=True)[list(COLUMNS)]


def curves(
    metrics: pd.DataFrame, question: str, strategy: str, measure: str = "rmse", against: str = "new_labels"
) -> pd.DataFrame:
    """The learning curves of one strategy: a row for each number of labels, a column for each seed.

    Raises
    ------
    InputError
        There are none, or the seeds were not evaluated at the same numbers of labels.
    """
    chosen = metrics[(metrics.question == question) & (metrics.strategy == strategy)]
    if chosen.empty:
        raise InputError(f"no metrics of question {question!r} with strategy {strategy!r}")
    frame = chosen.pivot(index=against, columns="seed", values=measure)  # noqa: PD010 (pivot_table averages duplicates)
    missing = np.argwhere(frame.isna())
    if len(missing):
        labels, seed = frame.index[missing[0, 0]], frame.columns[missing[0, 1]]
        raise InputError(
            f"question {question!r}, strategy {strategy!r}: seed {seed} has no model with {labels} {against}, other "
            "seeds do; all must run the same iterations"
        )
    return frame


def lowess(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Smooth a curve by locally weighted linear regression (LOWESS, Cleveland 1979), as the paper does.

    The window is a third of the points and at least five. There are no robustifying iterations: they take the steep
    start of a learning curve for outliers. What remains is linear in `values`, so that smoothing the mean of some
    curves equals averaging the smoothed curves.
    """
    from statsmodels.nonparametric.smoothers_lowess import lowess as smooth

    if len(labels) == 1:
        return np.array(values, dtype=float)
    fraction = max(1 / 3, min(1, 5 / len(labels)))
    return smooth(np.asarray(values, float), np.asarray(labels, float), frac=fraction, it=0, return_sorted=False)


def labels_to_reach(target: float, labels: np.ndarray, rmse: np.ndarray) -> float:
    """Number of labels at which the curve, joined by straight lines, first comes down to the target; inf if never."""
    reached = np.asarray(rmse) <= target
    if not reached.any():
        return np.inf
    after = int(np.argmax(reached))
    if after == 0:
        return float(labels[0])
    fraction = (rmse[after - 1] - target) / (rmse[after - 1] - rmse[after])
    return float(labels[after - 1] + fraction * (labels[after] - labels[after - 1]))


class Saving(NamedTuple):
    """How many fewer new labels a strategy needs than random, at one RMSE; nan where that is not defined.

    `bound` says if the saving is at least ('lower') or at most ('upper') what is stated, or exactly that (None). At
    least: random does not reach that RMSE with all its labels (`new_labels_random`), or the strategy is past it with
    the first galaxies it acquires, less than which it cannot. At most: the strategy does not reach it.
    """

    rmse: float
    new_labels: float
    new_labels_random: float
    saving: float
    bound: str | None

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the most that the saving can be."""
        if np.isnan(self.saving):
            return -np.inf, 1.0
        return (-np.inf if self.bound == "upper" else self.saving, 1.0 if self.bound == "lower" else self.saving)


def saving_at(rmse: float, active: pd.Series, random: pd.Series) -> Saving:
    """Saving at one RMSE, of curves indexed by new labels; nan where random needs none or neither gets there."""
    needed = labels_to_reach(rmse, active.index, active.to_numpy())
    needed_random = labels_to_reach(rmse, random.index, random.to_numpy())
    if needed_random == 0 or needed == needed_random == np.inf:
        return Saving(rmse, np.nan, np.nan, np.nan, None)
    bound = None
    if needed == np.inf:
        needed, bound = float(active.index[-1]), "upper"
    elif needed_random == np.inf:
        needed_random, bound = float(random.index[-1]), "lower"
    if needed < (first := float(active.index[1])):
        needed, needed_random, bound = first, max(needed_random, first), "lower"
    return Saving(rmse, needed, needed_random, 1 - needed / needed_random, bound)


def savings(active: pd.Series, random: pd.Series) -> dict[str, Saving]:
    """Label savings of a strategy over random.

    Parameters
    ----------
    active, random
        RMSE indexed by new labels, from 0 (the first model).

    Returns
    -------
    `end`: at the lowest RMSE that random reaches with all its labels. `best`: the largest ("at best", paper §3.6) among
    that one and those at the RMSE of each model of the active strategy that improves on all before it, bounds left out.
    Not at any RMSE: close to that of the first model, which costs nothing and is the same for both, the ratio means
    little. Where there are only bounds, `best` is the largest of them.
    """
    end = saving_at(random.min(), active, random)
    before = active.cummin().shift()
    records = [saving_at(rmse, active, random) for rmse in active[active < before]]
    defined = [saving for saving in (*records, end) if not np.isnan(saving.saving)]
    common = [saving for saving in defined if saving.bound is None]
    best = max(common or defined, key=lambda saving: saving.saving, default=end)
    return {"best": best, "end": end}


def bootstrap(active: pd.DataFrame, random: pd.DataFrame, key: tuple, resamples: int = 2000) -> dict[str, tuple]:
    """95 % percentile intervals of the savings of the mean curves, over seeds drawn with replacement.

    Both curves of a seed, which start from the same first model, are drawn together. Each resample finds its own best
    saving. One that is only a bound, or not defined, counts with the least that it can be for the low end and with the
    most for the high end; so the interval may begin at −inf.

    Notes
    -----
    `scipy.stats.bootstrap` does not serve. It interpolates between resamples, which are few distinct ones, rather than
    take the one on the safe side, and beside −inf gives nan (SciPy before 1.17) or warns; and it computes the savings
    of every resample, not of every distinct one (35 of four seeds), which takes fifty times as long.
    """
    rng = randomness.generator(*key)
    drawn = np.sort(rng.integers(active.shape[1], size=(resamples, active.shape[1])), axis=1)
    sets, repeats = np.unique(drawn, axis=0, return_counts=True)
    found = [savings(active.iloc[:, one].mean(axis=1), random.iloc[:, one].mean(axis=1)) for one in sets]
    intervals = {}
    for kind in ("best", "end"):
        low, high = np.repeat(np.array([saving[kind].limits for saving in found]), repeats, axis=0).T
        intervals[kind] = (
            float(np.quantile(low, 0.025, method="lower")),
            float(np.quantile(high, 0.975, method="higher")),
        )
    return intervals


def label_savings(metrics: pd.DataFrame) -> pd.DataFrame:
    """Label savings of each strategy over random, for each seed and for the mean over seeds, raw and smoothed.

    Returns
    -------
    Columns question, strategy, smoothing ('raw', 'lowess'), seed (as text, or 'mean'), kind ('best', 'end'), those of
    `Saving`, and the bootstrap interval low, high of the means (null with one seed). No rows for a question without
    random or with nothing but random.
    """
    rows = []
    for (question, strategy), _ in metrics[metrics.strategy != BASELINE].groupby(["question", "strategy"]):
        if not ((metrics.question == question) & (metrics.strategy == BASELINE)).any():
            continue
        raw = [curves(metrics, question, name) for name in (strategy, BASELINE)]
        if list(raw[0].columns) != list(raw[1].columns):
            raise InputError(
                f"question {question!r}: {strategy!r} ran with seeds {list(raw[0].columns)}, {BASELINE!r} with "
                f"{list(raw[1].columns)}; they are compared seed by seed and must be the same"
            )
        smoothed = [frame.apply(lambda curve: lowess(curve.index, curve)) for frame in raw]
        for smoothing, (active, random) in {"raw": raw, "lowess": smoothed}.items():
            found = {str(seed): savings(active[seed], random[seed]) for seed in active}
            found["mean"] = savings(active.mean(axis=1), random.mean(axis=1))
            intervals = {}
            if active.shape[1] > 1:
                intervals["mean"] = bootstrap(active, random, ("label savings", question, strategy))
            for seed, by_kind in found.items():
                for kind, saving in by_kind.items():
                    low, high = intervals.get(seed, {}).get(kind, (np.nan, np.nan))
                    names = (question, strategy, smoothing, seed, kind)
                    rows.append((*names, *saving, low, high))
    columns = ["question", "strategy", "smoothing", "seed", "kind", *Saving._fields, "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    text = ["question", "strategy", "smoothing", "seed", "kind", "bound"]
    return table.astype(dict.fromkeys(text, "str") | dict.fromkeys(set(columns) - set(text), "float64"))


def percent(saving: float, bound: str | None = None) -> str:
    """A saving in words: '42 % fewer', '8 % more', 'as many'; with a lower bound 'at least 42 % fewer'."""
    if bound == "lower":
        if round(100 * saving) == 0:
            return "at most as many"
        return f"at least {100 * saving:.0f} % fewer" if saving >= 0 else f"at most {-100 * saving:.0f} % more"
    if round(100 * saving) == 0:
        return "as many"
    return f"{abs(100 * saving):.0f} % {'more' if saving < 0 else 'fewer'}"
