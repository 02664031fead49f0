"""Learning curves: how RMSE and losses fall with votes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from activezoo.acquisition.registry import BASELINE, baseline_last, label, load
from activezoo.report.figures.style import GREY, PAGE, STYLE, legend
from activezoo.report.headline import interval, percent
from activezoo.report.learning_curves import curves
from activezoo.report.savings import ALL_SEEDS

AXIS_LABELS = {
    "rmse": "Test RMSE of vote fraction",
    "test_loss": "Test loss (nats)",
    "training_loss": "Training loss (nats)",
}


def learning_curves(metrics: pd.DataFrame, savings: pd.DataFrame, question: str) -> Figure:
    """RMSE, large, and losses against votes; the legend says what each strategy saves (Figs. 11-12)."""
    metrics = metrics[metrics.question == question]
    strategies = baseline_last(metrics.strategy)
    colours = {name: load(name).colour for name in strategies}
    seeds = metrics.seed.nunique()
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.8), layout="constrained")
        panels = figure.subplot_mosaic([["rmse", "test_loss"], ["rmse", "training_loss"]], width_ratios=[2, 1])
        for measure, axes in panels.items():
            for strategy in strategies:
                votes = curves(metrics, question, strategy, "votes").mean(axis=1).to_numpy()
                runs = curves(metrics, question, strategy, measure).to_numpy()
                large = measure == "rmse"
                if seeds > 1:
                    axes.fill_between(votes, *band(runs), color=colours[strategy], alpha=0.13, linewidth=0)
                axes.plot(votes, runs.mean(axis=1), ".-" if large else "-", color=colours[strategy], linewidth=1.6)
                if large:
                    of_rho = curves(metrics, question, strategy, "rmse_of_rho").to_numpy()
                    axes.plot(votes, of_rho.mean(axis=1), "--", color=colours[strategy], linewidth=0.8)
            axes.set(xscale="log", ylabel=AXIS_LABELS[measure])
            _tick_votes(axes, 8 if measure == "rmse" else 3)
        for measure in ("rmse", "training_loss"):
            panels[measure].set_xlabel("Votes")
        panels["test_loss"].tick_params(labelbottom=False)
        found = savings[(savings.question == question) & (savings.seed == ALL_SEEDS) & (savings.currency == "votes")]
        entries = {
            _entry(strategy, found): {"color": colours[strategy], "marker": ".", "linewidth": 1.6}
            for strategy in strategies
        }
        if seeds > 1:
            what = "95 % interval of the mean" if seeds > 2 else "range of the seeds"
            entries[what] = {"color": GREY, "alpha": 0.3, "linewidth": 6}
        entries["RMSE without the votes' own noise"] = {"color": GREY, "linestyle": "--", "linewidth": 0.8}
        title = f"{question}, mean of {seeds} seeds" if seeds > 1 else f"{question}, one seed"
        legend(figure, entries, columns=2, title=title)
    return figure


def band(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % t interval of the mean over seeds, shape (models, seeds); of two seeds, their range."""
    from scipy.special import stdtrit

    seeds = runs.shape[1]
    if seeds < 3:
        return runs.min(axis=1), runs.max(axis=1)
    half = stdtrit(seeds - 1, 0.975) * runs.std(axis=1, ddof=1) / np.sqrt(seeds)
    return runs.mean(axis=1) - half, runs.mean(axis=1) + half


def _entry(strategy: str, savings: pd.DataFrame) -> str:
    """Name of a strategy, and what it saves over `BASELINE`."""
    found = savings[(savings.strategy == strategy) & (savings.baseline == BASELINE) & savings.saving.notna()]
    if found.empty:
        return label(strategy)
    row = found.iloc[0]
    ends = interval(row)
    return f"{label(strategy)}: {percent(row.saving)} votes{f' ({ends})' if ends else ''}"


def _tick_votes(axes: Axes, most: int) -> None:
    """Round numbers of votes on a logarithmic axis, that do not crowd."""
    low, high = axes.get_xlim()
    for locator in (
        *(LogLocator(subs=subs, numticks=50) for subs in ((1, 2, 3, 5), (1, 2, 5), (1, 3))),
        MaxNLocator(3),
    ):
        ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
        if 1 < len(ticks) <= most:
            break
    axes.minorticks_off()
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter("{x:,.0f}")
