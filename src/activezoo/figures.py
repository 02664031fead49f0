"""The figures of the active-learning simulation (paper Figs. 11-16): functions of tables and arrays.

Colours are those of Okabe & Ito, told apart by every kind of colour vision. Sizes are inches on a journal's page.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from activezoo import tables
from activezoo.learning_curves import BASELINE, curves, lowess

COLUMN, PAGE = 3.4, 7.1
GREY = "#595959"
COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
BASELINE_COLOUR = "#0072B2"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}
VOTE_BINS = 10
# Galleries: side of a galaxy and the gap to the next, pixels; height of the line below, inches.
TILE, GAP, CAPTION = 128, 5, 0.13


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure twice, with the suffixes .png and .pdf; the same bytes each time."""
    # The PDF writer reports each glyph of its fonts.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    with rc_context(STYLE):
        for suffix, metadata in {".png": None, ".pdf": {"CreationDate": None}}.items():
            with tables.whole_file(Path(path).with_suffix(suffix)) as partial:
                figure.savefig(partial, metadata=metadata)


def name(strategy: str) -> str:
    """A strategy as it is written in text: acronyms in capitals."""
    return "BALD" if strategy == "bald" else strategy


def by_baseline(strategies: Sequence[str]) -> list[str]:
    """Strategies in the order of legends: active ones first, the baseline last."""
    return sorted(set(strategies), key=lambda strategy: (strategy == BASELINE, strategy))


def _colours(strategies: Sequence[str]) -> dict[str, str]:
    return dict(zip(by_baseline(set(strategies) - {BASELINE}), COLOURS, strict=False)) | {BASELINE: BASELINE_COLOUR}


def percent(saving: float, bound: str | None = None) -> str:
    """A saving in words: '42 % fewer', '8 % more', 'as many'; with a lower bound 'at least 42 % fewer'."""
    if bound == "lower":
        if round(100 * saving) == 0:
            return "at most as many"
        return f"at least {100 * saving:.0f} % fewer" if saving >= 0 else f"at most {-100 * saving:.0f} % more"
    if round(100 * saving) == 0:
        return "as many"
    return f"{abs(100 * saving):.0f} % {'more' if saving < 0 else 'fewer'}"


def learning_curves(metrics: pd.DataFrame, savings: pd.DataFrame, question: str) -> Figure:
    """Losses and RMSE against labelled galaxies, with the best saving of the smoothed mean marked (Figs. 11-12)."""
    metrics = metrics[metrics.question == question]
    strategies = by_baseline(metrics.strategy)
    colours = _colours(strategies)
    seeds = metrics.seed.nunique()
    labels = {
        "training_loss": "Training loss (nats per galaxy)",
        "test_loss": "Test loss (nats per galaxy)",
        "rmse": "Test RMSE of vote fraction",
    }
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
        for axes, (measure, label) in zip(figure.subplots(1, 3), labels.items(), strict=True):
            for strategy in strategies:
                runs = curves(metrics, question, strategy, measure, "labels")
                mean, colour = runs.mean(axis=1), colours[strategy]
                if seeds > 1:
                    axes.plot(runs, color=colour, linewidth=0.5, alpha=0.5)
                axes.plot(mean, ".-", color=colour, linewidth=1.8, markersize=5)
                axes.plot(mean.index, lowess(mean.index, mean), "--", color="black", linewidth=0.8, zorder=3)
            axes.set(xlabel="Labelled galaxies", ylabel=label)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        constant = metrics[metrics.iteration == 0].rmse_mean_fraction.mean()
        axes.axhline(constant, color=GREY, linestyle=":", linewidth=1)
        _mark_saving(axes, savings[savings.question == question], metrics)
        entries = {
            name(strategy): {"color": colours[strategy], "marker": ".", "linewidth": 1.8} for strategy in strategies
        }
        if seeds > 1:
            entries["each seed"] = {"color": GREY, "linewidth": 0.5}
        entries["LOWESS"] = {"color": "black", "linestyle": "--", "linewidth": 0.8}
        entries["always the mean fraction"] = {"color": GREY, "linestyle": ":", "linewidth": 1}
        _legend(figure, entries, title=f"{question}, mean of {seeds} seeds" if seeds > 1 else f"{question}, one seed")
    return figure


def _legend(figure: Figure, entries: dict[str, dict], columns: int | None = None, **options) -> None:
    """A legend above all panels, where it can hide nothing; `entries` are the line properties of each label."""
    handles = [Line2D([], [], **properties) for properties in entries.values()]
    figure.legend(handles, list(entries), loc="outside upper center", ncols=columns or len(entries), **options)


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


def acquired_votes(acquired: pd.DataFrame) -> Figure:
    """Vote fractions of the acquired galaxies: in total, and by iteration (Figs. 13-14).

    Parameters
    ----------
    acquired
        A row for each galaxy and seed: question, strategy, seed, iteration (from 1), k, N.
    """
    question = acquired.question.iloc[0]
    strategies = by_baseline(acquired.strategy)
    colours = _colours(strategies)
    # Whole numbers decide the bin, so that k/N on an edge, which is common, falls on the same side everywhere.
    acquired = acquired.assign(bin=np.minimum(VOTE_BINS * acquired.k // acquired.N, VOTE_BINS - 1))
    edges = np.linspace(0, 1, VOTE_BINS + 1)
    iterations = int(acquired.iteration.max())
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
        total, *panels = figure.subplots(1, 1 + len(strategies), width_ratios=[1.15] + [1] * len(strategies))
        heat_BI = {}
        for strategy in strategies:
            chosen = acquired[acquired.strategy == strategy]
            counts = np.bincount(chosen.bin, minlength=VOTE_BINS)
            mean = (chosen.k / chosen.N).mean()
            total.stairs(counts / len(chosen), edges, color=colours[strategy], linewidth=1.5)
            total.axvline(mean, color=colours[strategy], linestyle="--", linewidth=0.9)
            table = np.zeros((VOTE_BINS, iterations))
            np.add.at(table, (chosen.bin, chosen.iteration - 1), 1)
            heat_BI[strategy] = table / table.sum(axis=0)
        total.set(xlabel=f"k/N, {question}", ylabel="Fraction of acquired galaxies", xlim=(0, 1), ylim=(0, None))
        _legend(figure, _entries(acquired, colours) | {"mean": {"color": GREY, "linestyle": "--", "linewidth": 0.9}})
        top = max(np.nanmax(heat) for heat in heat_BI.values())
        for axes, strategy in zip(panels, strategies, strict=True):
            image = axes.pcolormesh(
                np.arange(iterations + 1) + 0.5,
                edges,
                heat_BI[strategy],
                cmap="cividis",
                vmin=0,
                vmax=top,
                edgecolors="face",
                linewidth=0.1,
            )
            chosen = acquired[acquired.strategy == strategy]
            means = (chosen.k / chosen.N).groupby(chosen.iteration).mean()
            axes.plot(means, "o-", color="white", markeredgecolor="black", markersize=3, linewidth=1)
            axes.set(xlabel="Iteration", ylabel=f"k/N, {question}", title=f"{name(strategy)}, by iteration")
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        figure.colorbar(image, ax=panels, label="Fraction of the iteration", pad=0.02)
    return figure


def acquired_redshift(acquired: pd.DataFrame) -> Figure:
    """Redshifts of the acquired galaxies (Fig. 14, lower).

    Parameters
    ----------
    acquired
        A row for each galaxy and seed: question, strategy, redshift (nan where not known: left out).
    """
    known = acquired[np.isfinite(acquired.redshift)]
    if known.empty:
        return message("The catalogue has no redshifts of the acquired galaxies.")
    strategies = by_baseline(known.strategy)
    colours = _colours(strategies)
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.8), layout="constrained")
        axes = figure.subplots()
        edges = np.histogram_bin_edges(known.redshift, bins=25)
        for strategy in strategies:
            redshifts = known.redshift[known.strategy == strategy]
            axes.stairs(
                np.histogram(redshifts, edges)[0] / len(redshifts), edges, color=colours[strategy], linewidth=1.5
            )
            axes.axvline(redshifts.median(), color=colours[strategy], linestyle="--", linewidth=0.9)
        axes.set(xlabel="Redshift", ylabel="Fraction of acquired galaxies", ylim=(0, None))
        entries = _entries(known, colours) | {"median": {"color": GREY, "linestyle": "--", "linewidth": 0.9}}
        _legend(figure, entries, columns=2, title=known.question.iloc[0])
    return figure


def _entries(acquired: pd.DataFrame, colours: dict[str, str]) -> dict[str, dict]:
    """Legend entries of the strategies, with their numbers of galaxies."""
    numbers = acquired.strategy.value_counts()
    return {
        f"{name(strategy)}, {numbers[strategy]:,} galaxies": {"color": colours[strategy], "linewidth": 1.5}
        for strategy in by_baseline(acquired.strategy)
    }


class Gallery(NamedTuple):
    """Galaxies to show: `pixels` (G, P, P, 3) uint8, a caption for each, and what they are."""

    title: str
    pixels: np.ndarray
    captions: Sequence[str]


def informative_galaxies(most: Gallery, least: Gallery, title: str, columns: int = 4) -> Figure:
    """The most and the least informative test galaxies, side by side (Figs. 15-16)."""
    rows = max(-(-len(gallery.captions) // columns) for gallery in (most, least))
    pitch = (PAGE - 0.2) / (2 * columns)
    head = 0.45
    height = head + rows * (pitch + CAPTION)
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, height))
        figure.suptitle(title, y=1 - 0.04 / height, va="top")
        for left, gallery in ((0, most), (0.5 + 0.1 / PAGE, least)):
            axes = figure.add_axes((left, 0, 0.5 - 0.1 / PAGE, 1 - head / height))
            _mosaic(axes, gallery, columns, rows, pitch)
            axes.set_title(gallery.title, pad=3)
    return figure


def acquired_galaxies(iterations: dict[int, Gallery], title: str, columns: int = 10) -> Figure:
    """The first galaxies acquired in each iteration, a row each; `columns` is the most there are in a row."""
    margin, head = 0.35, 0.35
    pitch = (PAGE - margin) / columns
    height = head + len(iterations) * (pitch + CAPTION)
    size = max(gallery.pixels.shape[1] for gallery in iterations.values())
    pixels = np.full((len(iterations), columns, size, size, 3), 255, np.uint8)
    captions = []
    for row, gallery in enumerate(iterations.values()):
        pixels[row, : len(gallery.captions)] = gallery.pixels[:columns]
        captions += [*gallery.captions[:columns], *[""] * (columns - len(gallery.captions))]
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, height))
        figure.suptitle(title, y=1 - 0.04 / height, va="top")
        axes = figure.add_axes((margin / PAGE, 0, 1 - margin / PAGE, 1 - head / height))
        _mosaic(axes, Gallery("", pixels.reshape(-1, size, size, 3), captions), columns, len(iterations), pitch)
        for row, iteration in enumerate(iterations):
            axes.text(-0.06, row + 0.5 * pitch / (pitch + CAPTION), str(iteration), ha="right", va="center")
        axes.text(-0.06, -0.03, "iter.", ha="right", va="bottom", fontsize=7)
    return figure


def _mosaic(axes: Axes, gallery: Gallery, columns: int, rows: int, pitch: float) -> None:
    """Draw galaxies row by row, `pitch` inches a column, with their captions below; axes in units of the pitch."""
    from PIL import Image

    # One image for all: a hundred images of their own take seconds to draw.
    strip = round((TILE + GAP) * CAPTION / pitch)
    canvas = np.full((rows, TILE + GAP + strip, columns, TILE + GAP, 3), 255, np.uint8)
    for place, (pixels, caption) in enumerate(zip(gallery.pixels, gallery.captions, strict=True)):
        row, column = divmod(place, columns)
        canvas[row, :TILE, column, :TILE] = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.LANCZOS)
        middle, below = column + 0.5 * TILE / (TILE + GAP), row + (TILE + 2) / (TILE + GAP + strip)
        axes.text(middle, below, caption, ha="center", va="top", fontsize=6)
    everything = canvas.reshape(rows * canvas.shape[1], columns * canvas.shape[3], 3)
    axes.imshow(everything, extent=(0, columns, rows, 0), aspect="auto")
    axes.set_axis_off()


def message(text: str) -> Figure:
    """A figure that says why there is nothing to show."""
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 0.6))
        figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure
