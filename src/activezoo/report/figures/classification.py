"""Posteriors reduced to classes (paper Figs. 9-10)."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from activezoo.posteriors import classification as classes
from activezoo.report.figures.style import MIXTURE_COLOUR, PAGE, STYLE, diagonal, legend_of, number_of_galaxies


def classification(rho: np.ndarray, k: np.ndarray, responses: np.ndarray, question: str) -> Figure:
    """ROC curves, and confusion matrices with the majority of volunteers as truth (Figs. 9-10); all shapes (G,)."""
    is_positive, subsets = classes.majority(k, responses), classes.subsets(rho)
    high, percentage = classes.HIGH_CONFIDENCE, 100 * classes.MOST_CONFIDENT
    names = {
        "all": "all",
        "high confidence": f"ρ̂ < {1 - high:.1f} or > {high:.1f}",
        "most confident": f"most confident {percentage:.0f} %",
    }
    titles = {subset: f"{name}, {number_of_galaxies(subsets[subset].sum())}" for subset, name in names.items()}
    styles = {"all": {"color": "black"}, "high confidence": {"color": MIXTURE_COLOUR, "linestyle": "--"}}
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.0), layout="constrained")
        curves, *matrices = figure.subplots(1, 3)
        for subset, style in styles.items():
            chosen = subsets[subset]
            area = area_text(rho[chosen], is_positive[chosen])
            roc(curves, rho[chosen], is_positive[chosen], label=f"{titles[subset]}: {area}", **style)
        diagonal(curves)
        curves.set_box_aspect(1)
        legend_of(figure, curves, title=f"{question}, ROC curves")
        for axes, subset in zip(matrices, ("all", "most confident"), strict=True):
            chosen = subsets[subset]
            _confusion(axes, classes.confusion(rho[chosen], is_positive[chosen]), question)
            axes.set_title(titles[subset])
    return figure


def area_text(score: np.ndarray, is_positive: np.ndarray) -> str:
    area = classes.area(score, is_positive)
    return "area not defined" if np.isnan(area) else f"area {area:.3f}"


def roc(axes: Axes, score: np.ndarray, is_positive: np.ndarray, **style) -> None:
    curve = classes.roc(score, is_positive)
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, linewidth=1.3, **style)
    axes.set(xlabel="False positive rate", ylabel="True positive rate")


def _confusion(axes: Axes, table: np.ndarray, question: str) -> None:
    """Draw a confusion matrix: numbers of galaxies, and fractions of each row as shades."""
    totals = table.sum(axis=1, keepdims=True)
    fractions = table / np.maximum(totals, 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(table):
        fraction = fractions[row, column]
        label = f"{number:,}\n{100 * fraction:.1f} %" if totals[row, 0] else "0"
        axes.text(column, row, label, ha="center", va="center", color="white" if fraction > 0.5 else "black")
    names = [f"not {question}", question]
    axes.set(xticks=[0, 1], xticklabels=names, yticks=[0, 1], xlabel="Model", ylabel="Volunteers")
    axes.set_yticklabels(names, rotation=90, va="center")
    axes.tick_params(length=0)
