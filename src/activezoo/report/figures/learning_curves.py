"""Learning curves (paper Figs. 11-12)."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activezoo.acquisition.registry import baseline_last, label, load
from activezoo.report.figures.style import GREY, PAGE, STYLE, legend
from activezoo.report.learning_curves import curves, lowess, percent


def learning_curves(metrics: pd.DataFrame, savings: pd.DataFrame, question: str) -> Figure:
    """Losses and RMSE against labelled galaxies, with the best saving of the smoothed mean marked (Figs. 11-12)."""
    metrics = metrics[metrics.question == question]
    strategies = baseline_last(metrics.strategy)
    colours = {name: load(name).colour for name in strategies}
    seeds = metrics.seed.nunique()
    axis_labels = {
        "training_loss": "Training loss (nats per galaxy)",
        "test_loss": "Test loss (nats per galaxy)",
        "rmse": "Test RMSE of vote fraction",
    }
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
        for axes, (measure, axis_label) in zip(figure.subplots(1, 3), axis_labels.items(), strict=True):
            for strategy in strategies:
                runs = curves(metrics, question, strategy, measure, "labels")
                mean, colour = runs.mean(axis=1), colours[strategy]
                if seeds > 1:
                    axes.plot(runs, color=colour, linewidth=0.5, alpha=0.5)
                axes.plot(mean, ".-", color=colour, linewidth=1.8, markersize=5)
                axes.plot(mean.index, lowess(mean.index, mean), "--", color="black", linewidth=0.8, zorder=3)
            axes.set(xlabel="Labelled galaxies", ylabel=axis_label)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        constant = metrics[metrics.iteration == 0].rmse_mean_fraction.mean()
        axes.axhline(constant, color=GREY, linestyle=":", linewidth=1)
        _mark_saving(axes, savings[savings.question == question], metrics)
        entries = {
            label(strategy): {"color": colours[strategy], "marker": ".", "linewidth": 1.8} for strategy in strategies
        }
        if seeds > 1:
            entries["each seed"] = {"color": GREY, "linewidth": 0.5}
        entries["LOWESS"] = {"color": "black", "linestyle": "--", "linewidth": 0.8}
        entries["always the mean fraction"] = {"color": GREY, "linestyle": ":", "linewidth": 1}
        legend(figure, entries, title=f"{question}, mean of {seeds} seeds" if seeds > 1 else f"{question}, one seed")
    return figure


def _mark_saving(axes: Axes, savings: pd.DataFrame, metrics: pd.DataFrame) -> None:
    """Arrow from the labels that random needs to those of the active strategy, where the smoothed means save most."""
    means = savings[(savings.smoothing == "lowess") & (savings.seed == "mean") & (savings.kind == "best")]
    means = means[means.saving.notna() & means.bound.isna()]
    if means.empty:
        return
    best = means.loc[means.saving.idxmax()]
    initial = (metrics.labels - metrics.new_labels).iloc[0]
    start, end = best.new_labels_random + initial, best.new_labels + initial
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end, best.rmse), (start, best.rmse), arrowprops=arrow, zorder=4)
    # From the upper right, a straight line to a point of a falling convex curve crosses nothing.
    axes.annotate(
        f"{percent(best.saving)} new labels\n({best.new_labels:,.0f}, not {best.new_labels_random:,.0f})",
        (max(start, end), best.rmse),
        xytext=(0.98, 0.86),
        textcoords="axes fraction",
        ha="right",
        va="top",
        fontsize=7,
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkB": 0},
    )
