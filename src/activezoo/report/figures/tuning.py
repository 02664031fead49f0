"""The dropout rate of prediction (paper §4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from activezoo.report.figures.style import COLUMN, REFERENCE, STYLE, legend_of, number_of_galaxies


def tuning(table: pd.DataFrame, chosen: float, question: str) -> Figure:
    """Coverage error on held-out galaxies against the dropout rate of prediction, with the chosen rate marked.

    Parameters
    ----------
    table
        A row for each rate and ε, of one estimator: dropout, epsilon, galaxies, coverage_error.
    """
    epsilons = sorted(table.epsilon.unique())
    colours = colormaps["viridis"](np.linspace(0, 0.85, len(epsilons)))
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.9), layout="constrained")
        axes = figure.subplots()
        for epsilon, colour, marker in zip(epsilons, colours, "os^D" * len(epsilons), strict=False):
            rows = table[table.epsilon == epsilon].sort_values("dropout")
            label = f"ε = {epsilon:.2f}"
            axes.plot(rows.dropout, rows.coverage_error, color=colour, marker=marker, markersize=3, label=label)
        axes.axhline(0, **REFERENCE)
        axes.axvline(chosen, color="black", linestyle="--", linewidth=1, label=f"chosen: {chosen:.2f}")
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.set(xlabel="Dropout rate of prediction", ylabel="Coverage error")
        title = f"{question}, {number_of_galaxies(table.galaxies.iloc[0])} held out"
        legend_of(figure, axes, columns=3, title=title)
    return figure
