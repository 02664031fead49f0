"""How all figures look, and how they are saved.

Colours are those of Okabe & Ito, told apart by every kind of colour vision. Sizes are inches on a journal's page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from activezoo import tables

COLUMN, PAGE = 3.4, 7.1
GREY = "#595959"
VERMILION, GREEN, PURPLE, ORANGE, BLUE = "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#0072B2"
OBSERVED_COLOUR, MIXTURE_COLOUR = VERMILION, GREEN
VARIANT_COLOURS = {
    "one network": "black",
    "mixture": MIXTURE_COLOUR,
    "ensemble": BLUE,
    "tuned dropout": PURPLE,
    "rescaled": ORANGE,
}
REFERENCE = {"color": GREY, "linestyle": ":", "linewidth": 1}
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


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure twice, with the suffixes .png and .pdf; the same bytes each time."""
    # The PDF writer reports each glyph of its fonts.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    with rc_context(STYLE):
        for suffix, metadata in {".png": None, ".pdf": {"CreationDate": None}}.items():
            with tables.whole_file(Path(path).with_suffix(suffix)) as partial:
                figure.savefig(partial, metadata=metadata)


def message(text: str) -> Figure:
    """A figure that says why there is nothing to show."""
    with rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 0.6))
        figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure


def legend(figure: Figure, entries: dict[str, dict], columns: int | None = None, **options) -> None:
    """A legend above all panels, where it can hide nothing; `entries` are the line properties of each label."""
    handles = [Line2D([], [], **properties) for properties in entries.values()]
    figure.legend(handles, list(entries), loc="outside upper center", ncols=columns or len(entries), **options)


def number_of_galaxies(number: int) -> str:
    """So many galaxies, in words."""
    return "1 galaxy" if number == 1 else f"{number:,} galaxies"


def count_galaxies(axes: Axes) -> None:
    """Let the vertical axis count galaxies: from 0, in whole numbers."""
    axes.set_ylim(0, None)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:,.0f}")


def diagonal(axes: Axes, **options) -> None:
    """Draw the line on which two probabilities are equal."""
    axes.plot([0, 1], [0, 1], **REFERENCE, **options)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def present(colours: dict[str, str], names: Iterable[str]) -> list[str]:
    """Those of some names that have a colour, once each, in the order of `colours`."""
    names = set(names)
    return [name for name in colours if name in names]


def legend_of(figure: Figure, axes: Axes, columns: int | None = None, **options) -> None:
    """The legend of some axes above all panels, where it can hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns or len(labels), **options)
