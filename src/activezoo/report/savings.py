"""How many fewer votes, or galaxies, a strategy needs than another for the same RMSE on the test galaxies.

A saving is measured seed by seed, on two learning curves that start from the same first model. Each curve is made
monotone by isotonic regression, for noise makes it go up and down. Levels of RMSE are fixed by rule, evenly over the
range that both curves cover. At each, the votes that a curve needs are read off, by straight lines in log votes. The
saving is 1 − exp(mean over levels of log(votes / votes of the other)). Of several seeds, the log ratios are averaged.

The paper's saving "at best" (§3.6), the largest at the RMSE of any model, stands beside it. It picks the level where
noise helps most, so that equal curves have one too; `best_of_equals` says how large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo import randomness, tables
from activezoo.acquisition.registry import baseline_last, baselines
from activezoo.errors import InputError
from activezoo.report.acquired import metrics_of
from activezoo.report.learning_curves import INITIAL, curves

LEVELS = np.linspace(0.1, 0.9, 10)
"""Of RMSE, as fractions of the range; the outer tenths, where curves start alike or end flat, are left out."""
CURRENCIES = ("votes", "galaxies")
ALL_SEEDS = "all"
MOST_SWAPS = 1024


class Curve(NamedTuple):
    """A learning curve, the first model first; or several, of the same number of models, in leading axes."""

    amount: np.ndarray
    """Votes, or galaxies, that each model learnt from, shape (…, M)."""
    rmse: np.ndarray
    """Shape (…, M)."""


def monotone(rmse: np.ndarray) -> np.ndarray:
    """The falling curve that is closest to a curve by least squares (isotonic regression); of each, shape (…, M)."""
    from scipy.optimize import isotonic_regression

    rmse = np.asarray(rmse, float)
    falling = [isotonic_regression(one, increasing=False).x for one in rmse.reshape(-1, rmse.shape[-1])]
    return np.reshape(falling, rmse.shape)


def amount_needed(levels: np.ndarray, curve: Curve) -> np.ndarray:
    """Where a falling curve first comes down to some levels, by straight lines in log amount.

    Parameters
    ----------
    levels
        RMSE, shape (…, L), at least that of the last model.

    Returns
    -------
    Shape (…, L). At levels above the first model's RMSE, the amount of the first model.
    """
    log_amount, rmse = (np.broadcast_to(part, curve.rmse.shape) for part in (np.log(curve.amount), curve.rmse))
    after = np.argmax(rmse[..., None, :] <= levels[..., None], axis=-1)
    before = np.maximum(after - 1, 0)
    (high, low), (start, end) = (
        [np.take_along_axis(part, at, -1) for at in (before, after)] for part in (rmse, log_amount)
    )
    fraction = np.divide(high - levels, high - low, out=np.ones_like(levels), where=high > low)
    return np.exp(start + fraction * (end - start))


class Comparison(NamedTuple):
    """What two curves of one seed say, or pairs of curves in arrays of leading axes; nan without a common range."""

    log_ratio: np.ndarray
    """Mean over levels of log(amount / amount of the baseline)."""
    rmse_from: np.ndarray
    rmse_to: np.ndarray
    """Highest and lowest level."""
    needed: np.ndarray
    needed_baseline: np.ndarray
    """Geometric means over levels."""


def compare(strategy: Curve, baseline: Curve) -> Comparison:
    """Compare falling curves.

    The range of levels ends where the higher of the two curves ends, whichever that is. So both curves reach each level
    and, if they are equal but for noise, neither is favoured. An end fixed by one of them would favour the other: where
    it went far down by luck, the other would seem late, or would not come there at all.
    """
    # One first model, but each curve may join it with models after it.
    top = (strategy.rmse[..., :1] + baseline.rmse[..., :1]) / 2
    bottom = np.maximum(strategy.rmse[..., -1:], baseline.rmse[..., -1:])
    levels = top - LEVELS * (top - bottom)
    logs = [np.log(amount_needed(levels, curve)).mean(axis=-1) for curve in (strategy, baseline)]
    found = Comparison(logs[0] - logs[1], levels[..., 0], levels[..., -1], np.exp(logs[0]), np.exp(logs[1]))
    # Ends that differ by less than rounding are no range.
    has_range = (top - bottom)[..., 0] > 1e-9 * top[..., 0]
    return Comparison(*(np.where(has_range, part, np.nan) for part in found))


def sensitivity(strategy: Curve, baseline: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the log ratio of one pair of raw curves by the RMSE of each model of the two, shapes (M,).

    Isotonic regression replaces the models of a block by their mean. So blocks are moved, and each model has its share.
    """
    falling = [curve._replace(rmse=monotone(curve.rmse)) for curve in (strategy, baseline)]
    derivatives = []
    for place, curve in enumerate(falling):
        block_M = np.cumsum(np.diff(curve.rmse, prepend=curve.rmse[0]) != 0)
        is_in_KM = block_M == np.arange(block_M[-1] + 1)[:, None]
        step = 1e-7 * curve.rmse[0]
        moved = [one._replace(rmse=np.tile(one.rmse, (len(is_in_KM) + 1, 1))) for one in falling]
        moved[place].rmse[1:] += step * is_in_KM
        log_ratio = compare(*moved).log_ratio
        derivatives.append(((log_ratio[1:] - log_ratio[0]) / step / is_in_KM.sum(axis=1))[block_M])
    return tuple(derivatives)


def influence(pair: tuple[Curve, Curve], squared_errors: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """By how much each test galaxy moves the log ratio of one seed, to first order, shape (G,); their mean is 0.

    Parameters
    ----------
    pair
        Raw curves of the strategy and of the baseline.
    squared_errors
        Of the models of each on each test galaxy, shapes (M, G).

    Notes
    -----
    It is the infinitesimal jackknife (Jaeckel 1972; Efron 1982, doi:10.1137/1.9781611970319): the mean square of it, by
    the number of galaxies, is the variance that a bootstrap of the galaxies finds, at a hundredth of its cost.
    """
    moved = 0.0
    for derivative, curve, squares in zip(sensitivity(*pair), pair, squared_errors, strict=True):
        centred = squares - squares.mean(axis=1, keepdims=True)
        moved = moved + (derivative / (2 * curve.rmse)) @ centred
    return moved


def interval(log_ratio_S: np.ndarray, influence_SG: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean log ratio, over other seeds and other test galaxies; nan with one seed.

    Parameters
    ----------
    log_ratio_S, influence_SG
        Of each seed: its log ratio, and how each test galaxy moves that.

    Notes
    -----
    All seeds are tested on the same galaxies. What these do to all seeds alike does not show in the scatter of the
    seeds; what they do to each seed by itself does. So the variance of the mean is that of the scatter, with a t
    distribution, and beside it the mean *covariance* of the seeds through the galaxies. The whole variance through the
    galaxies would count a part twice. Half widths are added as squares (Graybill & Wang 1980,
    doi:10.1080/01621459.1980.10477565). docs/strategies.md says how often the interval holds the truth.
    """
    from scipy.special import ndtri, stdtrit

    seeds, galaxies = influence_SG.shape
    if seeds == 1:
        return np.nan, np.nan
    of_seeds = stdtrit(seeds - 1, 0.975) * np.std(log_ratio_S, ddof=1) / np.sqrt(seeds)
    covariances = influence_SG @ influence_SG.T / galaxies**2
    shared = (covariances.sum() - np.trace(covariances)) / (seeds * (seeds - 1))
    half = np.hypot(of_seeds, ndtri(0.975) * np.sqrt(max(0.0, shared)))
    return np.mean(log_ratio_S) - half, np.mean(log_ratio_S) + half


def best(strategy: Curve, baseline: Curve) -> tuple[float, float]:
    """The paper's saving "at best", and the RMSE of it; nan if there is none.

    Parameters
    ----------
    strategy, baseline
        Mean curves over seeds as they are, not made monotone.

    Notes
    -----
    It is the largest at the RMSE of any model of the strategy that improves on all before it, or at the lowest of the
    baseline. As in the paper, amounts are those beyond the first model, to where a curve, joined by straight lines,
    first comes down to the level; none are less than a first acquisition.
    """
    improves = strategy.rmse[1:] < np.minimum.accumulate(strategy.rmse)[:-1]
    levels = np.append(strategy.rmse[1:][improves], baseline.rmse.min())
    levels = levels[levels < baseline.rmse[0]]
    needed, needed_baseline = (first_crossing(levels, curve) - curve.amount[0] for curve in (strategy, baseline))
    needed = np.maximum(needed, strategy.amount[1] - strategy.amount[0])
    reached = np.isfinite(needed + needed_baseline)
    if not reached.any():
        return np.nan, np.nan
    found = 1 - needed[reached] / needed_baseline[reached]
    return float(found.max()), float(levels[reached][found.argmax()])


def first_crossing(levels: np.ndarray, curve: Curve) -> np.ndarray:
    """Amounts at which a curve, joined by straight lines, first comes down to levels below its start; inf if never."""
    reached = curve.rmse <= levels[:, None]
    after = np.maximum(reached.argmax(axis=1), 1)
    high, low = curve.rmse[after - 1], curve.rmse[after]
    with np.errstate(divide="ignore", invalid="ignore"):  # of those that are not reached
        fraction = (high - levels) / (high - low)
    amount = curve.amount[after - 1] + fraction * (curve.amount[after] - curve.amount[after - 1])
    return np.where(reached.any(axis=1), amount, np.inf)


def best_of_equals(strategy: Curve, baseline: Curve, key: tuple) -> np.ndarray:
    """Savings "at best" if the two did not differ: their curves swapped within seeds, in all ways, or 1,024 by key.

    Parameters
    ----------
    strategy, baseline
        Raw curves of S seeds, in the same order, shapes (S, M).
    """
    seeds = len(strategy.rmse)
    if 2**seeds <= MOST_SWAPS:
        swaps = np.array(list(product([False, True], repeat=seeds)))
    else:
        swaps = randomness.generator(*key).random((MOST_SWAPS, seeds)) < 0.5
    found = []
    for swap in swaps[..., None]:
        swapped = [
            Curve(*(np.where(swap, there, here).mean(axis=0) for here, there in zip(one, other, strict=True)))
            for one, other in ((strategy, baseline), (baseline, strategy))
        ]
        found.append(best(*swapped)[0])
    return np.array(found)


class Reach(NamedTuple):
    """The lowest RMSE that both mean curves, made monotone, reach, and what they need for it."""

    reach_rmse: float
    reach: float
    reach_baseline: float


def reach(strategy: Curve, baseline: Curve) -> Reach:
    """What two mean curves need for the lowest RMSE that both reach."""
    falling = [curve._replace(rmse=monotone(curve.rmse)) for curve in (strategy, baseline)]
    lowest = max(curve.rmse[-1] for curve in falling)
    return Reach(float(lowest), *(float(amount_needed(np.array([lowest]), curve)[0]) for curve in falling))


def squared_errors(evaluations: Iterable[str | Path]) -> dict[tuple[str, int, int], np.ndarray]:
    """Squared deviation of ρ from k/N of each test galaxy, shape (G,), by strategy, seed and iteration.

    Parameters
    ----------
    evaluations
        A file of each model of a question, with its `metrics.parquet` beside it, which says which model it is.

    Raises
    ------
    InputError
        The models were not tested on the same galaxies.
    """
    found, first = {}, None
    for path in map(Path, evaluations):
        table = tables.read(path, ["id", "k", "N", "rho"])
        first = first or (path, table["id"])
        if table["id"] != first[1]:
            raise InputError(
                f"{path}: its galaxies are not those of {first[0]}, but all models of a question are tested on the "
                "same; delete the folder of the older one and run again"
            )
        model = metrics_of(path.parent)
        errors = table["rho"].to_numpy() - table["k"].to_numpy() / table["N"].to_numpy()
        found[model.strategy, int(model.seed), int(model.iteration)] = errors**2
    return found


COLUMNS = (
    *("question", "strategy", "baseline", "currency", "seed", "saving", "low", "high", *Comparison._fields[1:]),
    *(*Reach._fields, "best", "best_rmse", "best_equal_median", "best_equal_95"),
)


def savings(metrics: pd.DataFrame, errors: Mapping[tuple[str, int, int], np.ndarray]) -> pd.DataFrame:
    """Savings of each strategy over each that does not choose by a model.

    Parameters
    ----------
    metrics
        From `learning_curves.collect`, of one question.
    errors
        From `squared_errors`.

    Returns
    -------
    Columns question, strategy, baseline, currency ('votes' or 'galaxies') and seed (as text, or 'all'); saving; those
    of `Comparison`, but for the log ratio (of all seeds: means of RMSE, geometric means of amounts). Of all seeds
    alone, else null: low, high, the 95 % interval of the saving, null with one seed too; those of `Reach`; best and
    best_rmse, the saving "at best" of the mean curve; best_equal_median and best_equal_95, median and 95th percentile
    of it for equal curves. A saving that is not defined, as the curves have no range of RMSE in common in some seed, is
    null.

    Raises
    ------
    InputError
        Two strategies ran with other seeds or iterations, or a model has no errors.
    """
    strategies = baseline_last(metrics.strategy)
    compared_with = baselines(strategies)
    rows = []
    for place, baseline in enumerate(compared_with):
        # Of two that do not choose by a model, the second is compared with the first alone.
        for strategy in (name for name in strategies if name not in compared_with[: place + 1]):
            rows += _rows(metrics, errors, strategy, baseline)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(COLUMNS[:5], "str") | dict.fromkeys(COLUMNS[5:], "float64"))


def _rows(metrics: pd.DataFrame, errors: Mapping, strategy: str, baseline: str) -> list[tuple]:
    """Rows of one strategy and one baseline."""
    question = metrics.question.iloc[0]
    rmse = [curves(metrics, question, name) for name in (strategy, baseline)]
    if not rmse[0].columns.equals(rmse[1].columns) or not rmse[0].index.equals(rmse[1].index):
        ran = [f"seeds {list(frame.columns)} to iteration {frame.index[-1]}" for frame in rmse]
        raise InputError(
            f"question {question!r}: {strategy!r} ran with {ran[0]}, {baseline!r} with {ran[1]}; they are compared "
            "seed by seed and must have run alike"
        )
    seeds, iterations = rmse[0].columns, rmse[0].index
    errors_SMG = [
        [
            np.array([errors[name if iteration else INITIAL, seed, iteration] for iteration in iterations])
            for seed in seeds
        ]
        for name in (strategy, baseline)
    ]
    rows = []
    for currency in CURRENCIES:
        amounts = [curves(metrics, question, name, currency) for name in (strategy, baseline)]
        pair = [
            Curve(amount.to_numpy(float).T, frame.to_numpy(float).T)
            for amount, frame in zip(amounts, rmse, strict=True)
        ]
        of_seeds = compare(*(curve._replace(rmse=monotone(curve.rmse)) for curve in pair))
        means = [Curve(*(part.mean(axis=0) for part in curve)) for curve in pair]
        low, high = np.nan, np.nan
        if np.isfinite(of_seeds.log_ratio).all():
            moved_SG = [
                influence([Curve(*(part[place] for part in curve)) for curve in pair], [of[place] for of in errors_SMG])
                for place in range(len(seeds))
            ]
            low, high = interval(of_seeds.log_ratio, np.array(moved_SG))
        equals = best_of_equals(*pair, ("best of equals", question, strategy, baseline, currency))
        quantiles = np.nanquantile(equals, [0.5, 0.95]) if np.isfinite(equals).any() else (np.nan, np.nan)
        for seed, one in zip(seeds, zip(*of_seeds, strict=True), strict=True):
            names = (question, strategy, baseline, currency, str(seed))
            rows.append((*names, 1 - np.exp(one[0]), np.nan, np.nan, *one[1:], *[np.nan] * 7))
        # The larger the ratio, the smaller the saving: the ends of the interval change places.
        total = 1 - np.exp([of_seeds.log_ratio.mean(), high, low])
        levels = (of_seeds.rmse_from.mean(), of_seeds.rmse_to.mean())
        needed = np.exp(np.log(of_seeds[3:]).mean(axis=1))
        at_best = best(*means)
        names = (question, strategy, baseline, currency, ALL_SEEDS)
        rows.append((*names, *total, *levels, *needed, *reach(*means), *at_best, *quantiles))
    return rows
