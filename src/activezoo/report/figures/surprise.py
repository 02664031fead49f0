"""What drives the surprise (paper Fig. 6)."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from activezoo.posteriors.surprise import EXCESS, SURPRISE, VOTES_GROUP
from activezoo.report.figures.style import (
    BLUE,
    GREY,
    MIXTURE_COLOUR,
    PAGE,
    STYLE,
    legend_of,
    number_of_galaxies,
    present,
)

GROUP_COLOURS = {"morphology": MIXTURE_COLOUR, "other": GREY, VOTES_GROUP: BLUE}
TITLES = {EXCESS: "Excess surprise", SURPRISE: "Surprise itself (as in the paper)"}


def surprise(table: pd.DataFrame, question: str) -> Figure:
    """What drives the excess surprise, and beside it what drives the surprise itself (Fig. 6).

    Parameters
    ----------
    table
        From `surprise.explain`: target, galaxies, feature, group, importance, low, high (nats).
    """
    # A feature stands in the same row of both panels, in the order of the first.
    features = table[table.target == EXCESS].sort_values("importance").feature.tolist()
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.9 + 0.19 * len(features)), layout="constrained")
        panels = figure.subplots(1, len(TITLES), sharex=True, sharey=True)
        for axes, (target, title) in zip(panels, TITLES.items(), strict=True):
            rows = table[table.target == target]
            places = rows.feature.map(features.index)
            for group in present(GROUP_COLOURS, rows.group):
                chosen = rows.group == group
                colour = GROUP_COLOURS[group]
                axes.barh(places[chosen], rows.importance[chosen], color=colour, height=0.7, label=group)
            axes.hlines(places, rows.low, rows.high, color="black", linewidth=0.9)
            axes.set(title=title, xlabel="Mean absolute contribution (nats)")
            for place in set(range(len(features))) - set(places):
                axes.annotate("not among these features", (0, place), (3, 0), textcoords="offset points", va="center")
        panels[0].set_xlim(0, None)  # of both, when both are drawn
        panels[0].set_yticks(range(len(features)), features)
        galaxies = number_of_galaxies(table.galaxies.iloc[0])
        legend_of(figure, panels[0], title=f"{question}, {galaxies}")
    return figure
