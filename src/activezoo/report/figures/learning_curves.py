"""Learning curves (paper Figs. 11-12), against votes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from activezoo.acquisition.registry import BASELINE, baseline_last, label, load
from activezoo.report.figures.style import GREY, PAGE, STYLE, legend
from activezoo.report.headline import percent
from activezoo.report.learning_curves import curves
from activezoo.report.savings import ALL_SEEDS

PANELS = {
    "rmse": "Test RMSE of vote fraction",
    "test_loss": "Test loss (nats)",
    "training_loss": "Training loss (nats)",
}


def learning_curves(metrics: pd.DataFrame, savings: pd.DataFrame, question: str) -> Figure:
    """RMSE and losses against votes, with their mean and what the seeds say of it, and the savings over random.

    Parameters
    ----------
    metrics
        From `learning_curves.collect`.
    savings
        From `savings.savings`.
    """
    metrics = metrics[metrics.question == question]
    strategies = baseline_last(metrics.strategy)
    seeds = metrics.seed.nunique()
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.7), layout="constrained")
        large, *small = figure.subplot_mosaic(
            [["rmse", "test_loss"], ["rmse", "training_loss"]], width_ratios=[1.9, 1]
        ).values()
        for axes, (measure, axis_label) in zip((large, *small), PANELS.items(), strict=True):
            for strategy in strategies:
                _draw(axes, metrics, strategy, measure, load(strategy).colour)
            axes.set_xscale("log")
            axes.set(ylabel=axis_label, xlabel="Votes" if axes is not small[0] else "")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda votes, _: f"{votes:,.0f}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        for strategy in strategies:
            noiseless = curves(metrics, strategy, "rmse_of_rho").mean(axis=1)
            votes = curves(metrics, strategy, "votes").mean(axis=1)
            large.plot(votes, noiseless, "--", color=load(strategy).colour, linewidth=0.8)
        constant = metrics[metrics.iteration == 0].rmse_mean_fraction.mean()
        large.axhline(constant, color=GREY, linestyle=":", linewidth=1)
        large.set_title(_savings_in_words(savings[savings.question == question]), fontsize=7, loc="right")
        entries = {label(name): {"color": load(name).colour, "linewidth": 1.8} for name in strategies}
        if seeds > 1:
            entries["95 % interval of the mean"] = {"color": GREY, "linewidth": 6, "alpha": 0.25}
        entries["without the votes' own noise"] = {"color": GREY, "linestyle": "--", "linewidth": 0.8}
        entries["always the mean fraction"] = {"color": GREY, "linestyle": ":", "linewidth": 1}
        title = f"{question}, mean of {seeds} seeds" if seeds > 1 else f"{question}, one seed"
        legend(figure, entries, columns=3, title=title)
    return figure


def _draw(axes: Axes, metrics: pd.DataFrame, strategy: str, measure: str, colour: str) -> None:
    """Mean curve, and a t interval of the mean over seeds as a band."""
    from scipy.stats import t

    runs, votes = (curves(metrics, strategy, name) for name in (measure, "votes"))
    mean, amount, seeds = runs.mean(axis=1), votes.mean(axis=1), runs.shape[1]
    axes.plot(amount, mean, ".-", color=colour, linewidth=1.6, markersize=4)
    if seeds > 1:
        half = t.ppf(0.975, seeds - 1) * runs.std(axis=1, ddof=1) / np.sqrt(seeds)
        axes.fill_between(amount, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)


def _savings_in_words(savings: pd.DataFrame) -> str:
    """A line for each strategy: what it saves of random's votes."""
    rows = savings[(savings.baseline == BASELINE) & (savings.currency == "votes") & (savings.seed == ALL_SEEDS)]
    rows = rows.set_index("strategy").saving.dropna()
    return "\n".join(f"{label(name)}: {percent(rows[name])} votes than random" for name in baseline_last(rows.index))
