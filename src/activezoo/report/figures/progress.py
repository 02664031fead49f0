"""The learning curve of a live survey."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from activezoo.report.figures.style import BLUE, GREY, PAGE, REFERENCE, STYLE, VERMILION, legend


def progress(curve: pd.DataFrame, forecast: pd.Series, target_rmse: float | None) -> Figure:
    """RMSE without the votes' own noise against votes, with intervals, and where the power law leads."""
    with rc_context(STYLE):
        figure = Figure(figsize=(0.7 * PAGE, 3.2), layout="constrained")
        axes = figure.add_subplot()
        below, above = curve.rmse - curve.low, curve.high - curve.rmse
        axes.errorbar(curve.votes, curve.rmse, [below, above], fmt="o-", color=BLUE, markersize=3, linewidth=1.2)
        entries = {"RMSE of ρ̂, with its 95 % interval": {"color": BLUE, "marker": "o", "markersize": 3}}
        if not np.isnan(forecast.after):
            ahead = [forecast.votes, forecast.votes + forecast.next_votes]
            after = [forecast.now, forecast.after]
            half = 0 if np.isnan(forecast.gain_high) else forecast.gain_high - forecast.gain
            axes.errorbar(ahead, after, [0, half], fmt="--", color=VERMILION, linewidth=1.2)
            entries["what the next ask would buy"] = {"color": VERMILION, "linestyle": "--"}
        if target_rmse is not None:
            axes.axhline(target_rmse, **REFERENCE)
            entries["live.target_rmse"] = {"color": GREY, "linestyle": ":"}
        axes.set(xlabel="Votes, those of the test too", ylabel="RMSE of vote probability")
        axes.set_ylim(0, None)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        legend(figure, entries, columns=min(len(entries), 2), title=str(forecast.question))
    return figure
