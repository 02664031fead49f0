"""The dropout rate of prediction (paper §4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from activezoo.report.figures.style import COLUMN, REFERENCE, STYLE, legend_of, number_of_galaxies


def tuning(table: pd.DataFrame, question: str) -> Figure:
    """Surprise and coverage error on held-out galaxies against the dropout rate of prediction, with the rate chosen.

    Parameters
    ----------
    table
        From `dropout_tuning.surprise_by_rate`: dropout, epsilon, galaxies, surprise, standard_error (of its difference
        from that of the chosen rate), coverage_error, chosen.
    """
    table = table.sort_values("dropout")
    epsilons = sorted(table.epsilon.unique())
    colours = colormaps["viridis"](np.linspace(0, 0.85, len(epsilons)))
    chosen = table.dropout[table.chosen].iloc[0]
    by_rate = table.drop_duplicates("dropout")
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 4.2), layout="constrained")
        score, calibration = figure.subplots(2, 1, sharex=True)
        bars = {"yerr": by_rate.standard_error, "elinewidth": 0.9}
        score.errorbar(by_rate.dropout, by_rate.surprise, **bars, color="black", marker="o", markersize=3)
        for epsilon, colour, marker in zip(epsilons, colours, "os^D" * len(epsilons), strict=False):
            rows = table[table.epsilon == epsilon]
            label = f"ε = {epsilon:.2f}"
            calibration.plot(rows.dropout, rows.coverage_error, color=colour, marker=marker, markersize=3, label=label)
        calibration.axhline(0, **REFERENCE)
        for axes in (score, calibration):
            axes.axvline(chosen, color="black", linestyle="--", linewidth=1, label=f"chosen: {chosen:.2f}")
        calibration.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        score.set(ylabel="Mean surprise (nats)")
        calibration.set(xlabel="Dropout rate of prediction", ylabel="Coverage error")
        title = f"{question}, {number_of_galaxies(table.galaxies.iloc[0])} held out"
        legend_of(figure, calibration, columns=3, title=title)
    return figure
