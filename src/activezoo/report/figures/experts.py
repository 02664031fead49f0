"""What experts would say (paper Figs. A1-A4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from activezoo.posteriors.experts import Rescaling
from activezoo.report.figures.classification import area_text, roc
from activezoo.report.figures.style import (
    BLUE,
    MIXTURE_COLOUR,
    PAGE,
    STYLE,
    VERMILION,
    count_galaxies,
    diagonal,
    legend_of,
    number_of_galaxies,
    present,
)

PREDICTOR_COLOURS = {
    "plain CNN": VERMILION,
    "volunteers, rescaled": BLUE,
    "Bayesian CNN, rescaled": MIXTURE_COLOUR,
}


def experts(
    counts: pd.DataFrame, curve: pd.DataFrame, probabilities: pd.DataFrame, rescaling: Rescaling, question: str
) -> Figure:
    """How well the classes given by experts are predicted (Figs. A1-A4).

    Parameters
    ----------
    counts, curve
        From `experts.compare`: predictor, predicted, low, high, actual; and predictor, galaxies, predicted, observed,
        low, high of each bin.
    probabilities
        A row a galaxy: is_positive, and a column for each predictor of `PREDICTOR_COLOURS`.
    rescaling
        From vote fractions to probabilities.
    """
    layout = [["counts", "calibration"], ["counts", "predictions"], ["rescaling", "roc"]]
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 6.6), layout="constrained")
        panels = figure.subplot_mosaic(layout, height_ratios=[2, 0.9, 2.7])
        names = []
        for place, predictor in enumerate(present(PREDICTOR_COLOURS, counts.predictor)):
            colour, probability = PREDICTOR_COLOURS[predictor], probabilities[predictor]
            total = counts[counts.predictor == predictor].iloc[0]
            names.append(predictor.replace(", ", ",\n") + f"\n{total.predicted:,.0f}")
            panels["counts"].bar(place, total.predicted, color=colour, width=0.65, label=predictor)
            panels["counts"].vlines(place, total.low, total.high, color="black", linewidth=0.9)
            rows = curve[curve.predictor == predictor]
            panels["calibration"].plot(rows.predicted, rows.observed, "o-", color=colour, markersize=3, linewidth=1.2)
            panels["calibration"].vlines(rows.predicted, rows.low, rows.high, color=colour, linewidth=0.8)
            heights, edges = np.histogram(probability, bins=20, range=(0, 1))
            panels["predictions"].stairs(heights, edges, baseline=None, color=colour, linewidth=1.2)
            area = area_text(probability, probabilities.is_positive)
            roc(panels["roc"], probability, probabilities.is_positive, label=area, color=colour)
        actual = counts.actual.iloc[0]
        panels["counts"].axhline(actual, color="black", linestyle="--", linewidth=1, label=f"experts: {actual:,}")
        panels["counts"].set_xticks(range(len(names)), names)
        panels["counts"].set_ylabel(f"Galaxies with {question}")
        count_galaxies(panels["counts"])
        diagonal(panels["calibration"])
        panels["calibration"].set_ylabel(f"Fraction with {question}, by experts")
        panels["predictions"].set(xlabel=f"Predicted probability of {question}", ylabel="Galaxies", xlim=(-0.02, 1.02))
        count_galaxies(panels["predictions"])
        fraction = np.linspace(0, 1, 201)
        panels["rescaling"].plot(fraction, rescaling.probability(fraction), color=BLUE, linewidth=1.5)
        panels["rescaling"].set(xlim=(0, 1), ylim=(0, 1))
        panels["rescaling"].set(xlabel=f"Vote fraction for {question}", ylabel=f"p(experts say {question})")
        diagonal(panels["roc"])
        panels["roc"].legend(loc="lower right")
        legend_of(figure, panels["counts"], title=number_of_galaxies(len(probabilities)))
    return figure
