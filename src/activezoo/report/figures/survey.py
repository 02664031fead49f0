"""What volunteers have said in a survey, before any model is trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activezoo.report.figures import style

HEIGHT = 1.7
BINS = 40


def votes_given(votes: Mapping[str, pd.DataFrame]) -> Figure:
    """Number of votes and fraction of positive answers, a row for each question; columns k and N."""
    with rc_context(style.STYLE):
        figure = Figure(figsize=(style.PAGE, HEIGHT * len(votes)), layout="constrained")
        panels = figure.subplots(len(votes), 2, squeeze=False)
        for (number, fraction), (name, given) in zip(panels, votes.items(), strict=True):
            number.hist(given.N, bins=_whole_bins(int(given.N.min()), int(given.N.max())), color=style.BLUE)
            number.set(xlabel="votes on a galaxy", ylabel="galaxies", title=name)
            number.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            fraction.hist(given.k / given.N, bins=np.linspace(0, 1, 21), color=style.BLUE)
            fraction.set(xlabel="fraction of positive answers", xlim=(0, 1), title=name)
            for axes in (number, fraction):
                style.count_galaxies(axes)
    return figure


def _whole_bins(least: int, most: int) -> np.ndarray:
    """Edges of at most some `BINS` bins, as many whole numbers in each."""
    width = -(-(most - least + 1) // BINS)
    return np.arange(least, most + 1 + width, width) - 0.5
