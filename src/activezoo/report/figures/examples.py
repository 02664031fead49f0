"""Posteriors of single galaxies (paper Figs. 4-5)."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activezoo.model import votes
from activezoo.model.predictions import Predictions
from activezoo.report.figures.style import (
    GREY,
    MIXTURE_COLOUR,
    OBSERVED_COLOUR,
    PAGE,
    STYLE,
    legend_of,
    number_of_galaxies,
)


def posteriors(
    images: np.ndarray, predictions: Predictions, responses_R: np.ndarray, k_R: np.ndarray, question: str
) -> Figure:
    """Posteriors of some galaxies, a row each: its image, one network's posterior, the mixture (Figs. 4-5).

    Parameters
    ----------
    images
        Grey images as the first network saw them, shape (R, S, S).
    predictions
        Of R galaxies, by networks that weigh the same; the first one is the one shown alone.
    responses_R, k_R
        Votes of each galaxy.
    """
    rows, networks = predictions.rho_GT.shape
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.7 + 0.95 * rows), layout="constrained")
        panels = figure.subplots(rows, 3, squeeze=False, width_ratios=[1, 2.6, 2.6])
        for row, ((picture, *pair), image, responses, k) in enumerate(
            zip(panels, images, responses_R, k_R, strict=True)
        ):
            picture.imshow(image, cmap="gray")
            picture.set(xticks=[], yticks=[])
            picture.set_ylabel(f"k = {k}\nN = {responses}", rotation=0, ha="right", va="center")
            picture.spines[:].set_visible(False)
            concentration_T = None if predictions.concentration_GT is None else predictions.concentration_GT[row]
            pmf_TK = np.exp(votes.log_pmf(predictions.rho_GT[row], responses, concentration_T))
            pair[0].plot(pmf_TK[0], color="black", linewidth=1.3)
            pair[1].plot(pmf_TK.T, color=GREY, linewidth=0.4, alpha=0.6)
            pair[1].plot(pmf_TK.mean(axis=0), color=MIXTURE_COLOUR, linewidth=1.8)
            for axes in pair:
                axes.axvline(k, color=OBSERVED_COLOUR, linewidth=1.2)
                axes.set(xlim=(-0.8, responses_R.max() + 0.8), ylim=(0, 1.05 * pmf_TK.max()))
                axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
                axes.yaxis.set_major_locator(MaxNLocator(2))
                axes.tick_params(labelbottom=False)
            pair[0].set_ylabel("p(k)")
            pair[1].tick_params(labelleft=False)
        titles = ("as the network saw it", "one network", f"mixture of {networks} networks")
        for axes, title in zip(panels[0], titles, strict=True):
            axes.set_title(title)
        for axes in panels[-1, 1:]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(f"k of N volunteers, {question}")
        panels[0, 1].plot([], color="black", linewidth=1.3, label="one network")
        panels[0, 1].plot([], color=MIXTURE_COLOUR, linewidth=1.8, label="mixture")
        panels[0, 1].plot([], color=GREY, linewidth=0.4, label="each network of it")
        panels[0, 1].plot([], color=OBSERVED_COLOUR, linewidth=1.2, label="observed k")
        legend_of(figure, panels[0, 1], title=f"{question}, {number_of_galaxies(rows)}")
    return figure
