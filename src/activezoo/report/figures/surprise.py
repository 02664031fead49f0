"""What drives the surprise (paper Fig. 6)."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from activezoo.report.figures.style import GREY, MIXTURE_COLOUR, PAGE, STYLE, legend_of, number_of_galaxies, present

GROUP_COLOURS = {"morphology": MIXTURE_COLOUR, "other": GREY}


def surprise(importance: pd.DataFrame, galaxies: int, question: str) -> Figure:
    """What drives the model's surprise (Fig. 6).

    Parameters
    ----------
    importance
        From `surprise.importance`: feature, group, importance, low, high (nats).
    galaxies
        Number of galaxies that the importance was found from.
    """
    rows = importance.sort_values("importance", ignore_index=True)
    with rc_context(STYLE):
        figure = Figure(figsize=(0.75 * PAGE, 0.9 + 0.19 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for group in present(GROUP_COLOURS, rows.group):
            chosen = rows[rows.group == group]
            axes.barh(chosen.index, chosen.importance, color=GROUP_COLOURS[group], height=0.7, label=group)
        axes.hlines(rows.index, rows.low, rows.high, color="black", linewidth=0.9)
        axes.set(xlabel="Mean absolute contribution to the surprise (nats)", xlim=(0, None))
        axes.set_yticks(rows.index, rows.feature)
        legend_of(figure, axes, title=f"{question}, {number_of_galaxies(galaxies)}")
    return figure
