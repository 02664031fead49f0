"""The galaxies that were acquired: their votes and redshifts (paper Figs. 13-14)."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activezoo.acquisition.registry import baseline_last, label, load
from activezoo.report.figures.style import (
    COLUMN,
    GREY,
    PAGE,
    STYLE,
    VOTE_BINS,
    legend,
    message,
)


def acquired_votes(acquired: pd.DataFrame) -> Figure:
    """Vote fractions of the acquired galaxies: in total, and by iteration (Figs. 13-14).

    Parameters
    ----------
    acquired
        A row for each galaxy and seed: question, strategy, seed, iteration (from 1), k, N (on record).
    """
    question = acquired.question.iloc[0]
    strategies = baseline_last(acquired.strategy)
    colours = {name: load(name).colour for name in strategies}
    acquired = acquired.assign(bin=_fraction_bin(acquired))
    edges = np.linspace(0, 1, VOTE_BINS + 1)
    iterations = int(acquired.iteration.max())
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
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
        entries = _entries(acquired, colours) | {"mean": {"color": GREY, "linestyle": "--", "linewidth": 0.9}}
        legend(figure, entries, columns=min(3, len(entries)))
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
            axes.set(xlabel="Iteration", title=fill(label(strategy), 12))
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
            axes.tick_params(labelleft=axes is panels[0])
        panels[0].set_ylabel(f"k/N, {question}")
        figure.colorbar(image, ax=panels, label="Fraction of the iteration", pad=0.02)
    return figure


def spent_votes(acquired: pd.DataFrame, survey: pd.DataFrame) -> Figure:
    """How each strategy spends votes: how many on a galaxy, and on galaxies of which vote fraction.

    Parameters
    ----------
    acquired
        A row for each galaxy and seed: question, strategy, votes (asked for), k, N (on record).
    survey
        k and N of all galaxies, shown for comparison.
    """
    question = acquired.question.iloc[0]
    strategies = baseline_last(acquired.strategy)
    colours = {name: load(name).colour for name in strategies}
    most = int(acquired.votes.max())
    width = max(1, -(-most // 40))  # at most 40 bars
    amounts, fractions = np.arange(0.5, most + 1.5 + width, width), np.linspace(0, 1, VOTE_BINS + 1)
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for strategy in strategies:
            chosen, line = acquired[acquired.strategy == strategy], {"color": colours[strategy], "linewidth": 1.5}
            left.stairs(np.histogram(chosen.votes, amounts)[0] / len(chosen), amounts, **line)
            spent = np.bincount(_fraction_bin(chosen), chosen.votes, VOTE_BINS)
            right.stairs(spent / spent.sum(), fractions, **line)
        everything = np.bincount(_fraction_bin(survey), minlength=VOTE_BINS)
        right.stairs(everything / everything.sum(), fractions, color=GREY, linestyle=":", linewidth=1.2)
        left.set(xlabel="Votes asked for on a galaxy", ylabel="Fraction of acquired galaxies", ylim=(0, None))
        right.set(xlabel=f"k/N of all votes, {question}", ylabel="Fraction of votes", xlim=(0, 1), ylim=(0, None))
        entries = _entries(acquired, colours) | {"all galaxies": {"color": GREY, "linestyle": ":", "linewidth": 1.2}}
        legend(figure, entries, columns=min(3, len(entries)))
    return figure


def _fraction_bin(galaxies: pd.DataFrame) -> pd.Series:
    """Bin of each k/N; whole numbers decide, so that one on an edge, which is common, falls on the same side always."""
    return np.minimum(VOTE_BINS * galaxies.k // galaxies.N, VOTE_BINS - 1)


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
    strategies = baseline_last(known.strategy)
    colours = {name: load(name).colour for name in strategies}
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.3 + 0.18 * len(strategies)), layout="constrained")
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
        legend(figure, entries, columns=1, title=known.question.iloc[0])
    return figure


def _entries(acquired: pd.DataFrame, colours: dict[str, str]) -> dict[str, dict]:
    """Legend entries of the strategies, with their numbers of galaxies."""
    numbers = acquired.strategy.value_counts()
    return {
        f"{label(strategy)}, {numbers[strategy]:,} galaxies": {"color": colours[strategy], "linewidth": 1.5}
        for strategy in baseline_last(acquired.strategy)
    }
