"""Figures of posteriors and of how far they can be trusted (paper Figs. 4-10, A1-A4): functions of tables and arrays.

Suffixes name the axes of an array: R galaxies in rows, S pixels, T networks, G galaxies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from activezoo import classification as classes
from activezoo import votes
from activezoo.figures import BASELINE_COLOUR, COLOURS, COLUMN, GREY, PAGE, STYLE, VOTE_BINS

if TYPE_CHECKING:
    from activezoo.experts import Rescaling

OBSERVED_COLOUR, MIXTURE_COLOUR = COLOURS[0], COLOURS[1]
VARIANT_COLOURS = {
    "one network": "black",
    "mixture": MIXTURE_COLOUR,
    "ensemble": BASELINE_COLOUR,
    "tuned dropout": COLOURS[2],
    "rescaled": COLOURS[3],
}
GROUP_COLOURS = {"morphology": MIXTURE_COLOUR, "other": GREY}
PREDICTOR_COLOURS = {
    "plain CNN": COLOURS[0],
    "volunteers, rescaled": BASELINE_COLOUR,
    "Bayesian CNN, rescaled": MIXTURE_COLOUR,
}
REFERENCE = {"color": GREY, "linestyle": ":", "linewidth": 1}


def posteriors(
    images: np.ndarray, rho_RT: np.ndarray, responses_R: np.ndarray, k_R: np.ndarray, question: str
) -> Figure:
    """Posteriors of some galaxies, a row each: its image, one network's binomial, the mixture (Figs. 4-5).

    Parameters
    ----------
    images
        Grey images as the first network saw them, shape (R, S, S).
    rho_RT
        Vote probability by each network; the networks weigh the same, and the first one is the one shown alone.
    responses_R, k_R
        Votes of each galaxy.
    """
    rows, networks = rho_RT.shape
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.7 + 0.95 * rows), layout="constrained")
        panels = figure.subplots(rows, 3, squeeze=False, width_ratios=[1, 2.6, 2.6])
        for (picture, *pair), image, rho_T, responses, k in zip(panels, images, rho_RT, responses_R, k_R, strict=True):
            picture.imshow(image, cmap="gray")
            picture.set(xticks=[], yticks=[])
            picture.set_ylabel(f"k = {k}\nN = {responses}", rotation=0, ha="right", va="center")
            picture.spines[:].set_visible(False)
            pmf_TK = np.exp(votes.log_pmf(rho_T, responses))
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
        _legend(figure, panels[0, 1], title=f"{question}, {_galaxies(rows)}")
    return figure


def _legend(figure: Figure, axes: Axes, columns: int | None = None, **options) -> None:
    """Put the legend of some axes above all panels, where it can hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns or len(labels), **options)


def _galaxies(number: int) -> str:
    return "1 galaxy" if number == 1 else f"{number:,} galaxies"


def _number_of_galaxies(axes: Axes) -> None:
    """Let the vertical axis count galaxies: from 0, in whole numbers."""
    axes.set_ylim(0, None)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:,.0f}")


def calibration(curve: pd.DataFrame, question: str) -> Figure:
    """Expected and actual counts of galaxies within ε of the most likely fraction, and coverage error (Fig. 7).

    Parameters
    ----------
    curve
        From `calibration.coverage`, over many ε: variant, estimator, epsilon, galaxies, expected, actual,
        coverage_error. The estimator shown is the mode.

    Notes
    -----
    Coverage error is shown of every variant in `VARIANT_COLOURS`; counts, so that they can be told apart, of one
    network, the mixture and the last one.
    """
    curve = curve[curve.estimator == "mode"].sort_values("epsilon")
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.1), layout="constrained")
        counts, error = figure.subplots(1, 2)
        for variant in _present(VARIANT_COLOURS, curve.variant):
            rows, colour = curve[curve.variant == variant], VARIANT_COLOURS[variant]
            error.plot(rows.epsilon, rows.coverage_error, color=colour, linewidth=1.3, label=variant)
            if variant in _main_variants(curve.variant):
                counts.plot(rows.epsilon, rows.expected, color=colour, linewidth=1.3)
                counts.plot(rows.epsilon, rows.actual, color=colour, linewidth=1.3, linestyle="--")
        error.axhline(0, **REFERENCE)
        error.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        _number_of_galaxies(counts)
        counts.set_ylabel("Galaxies within ε")
        error.set(ylabel="Coverage error")
        for axes in (counts, error):
            axes.set(xlabel="Largest error ε of the vote fraction", xlim=(0, curve.epsilon.max()))
        error.plot([], color=GREY, linewidth=1.3, label="expected")
        error.plot([], color=GREY, linewidth=1.3, linestyle="--", label="actual")
        _legend(figure, error, title=f"{question}, {_galaxies(curve.galaxies.iloc[0])}")
    return figure


def _present(colours: dict[str, str], names: Iterable[str]) -> list[str]:
    """Those of some names that have a colour, once each, in the order of `colours`."""
    names = set(names)
    return [name for name in colours if name in names]


def _main_variants(variants: Iterable[str]) -> list[str]:
    """One network, the mixture and the last variant."""
    present = _present(VARIANT_COLOURS, variants)
    return _present(dict.fromkeys(("one network", "mixture", present[-1])), present)


def diagnostics(pit: dict[str, np.ndarray], reliability: dict[str, pd.DataFrame], question: str) -> Figure:
    """Histograms of the probability integral transform and reliability of the majority, by variant.

    Parameters
    ----------
    pit
        From `calibration.pit`: heights of equal bins between 0 and 1, one for each variant.
    reliability
        From `calibration.reliability`: galaxies, predicted, observed, low, high of each bin, for each variant.

    Notes
    -----
    Variants shown are one network, the mixture and the last one.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.1), layout="constrained")
        transform, majority = figure.subplots(1, 2)
        for variant in _main_variants(pit):
            heights, colour = pit[variant], VARIANT_COLOURS[variant]
            transform.stairs(heights, np.linspace(0, 1, len(heights) + 1), baseline=None, color=colour, linewidth=1.5)
            rows = reliability[variant]
            majority.plot(rows.predicted, rows.observed, "o-", color=colour, markersize=3, linewidth=1, label=variant)
            majority.vlines(rows.predicted, rows.low, rows.high, color=colour, linewidth=0.8)
        transform.axhline(1, **REFERENCE)
        transform.set(
            xlabel="Probability integral transform of k", ylabel="Density of galaxies", xlim=(0, 1), ylim=(0, None)
        )
        _diagonal(majority, label="calibrated")
        majority.set(xlabel="Predicted probability that most say yes", ylabel="Fraction where most say yes")
        galaxies = reliability["mixture"].galaxies.sum()
        _legend(figure, majority, title=f"{question}, {_galaxies(galaxies)}")
    return figure


def _diagonal(axes: Axes, **options) -> None:
    axes.plot([0, 1], [0, 1], **REFERENCE, **options)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def distributions(rho: np.ndarray, k_hat: np.ndarray, k: np.ndarray, responses: np.ndarray, question: str) -> Figure:
    """Distributions over galaxies of ρ̂ against k/N, and of k̂ against k (Fig. 8); all shapes (G,)."""
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
        fractions, counts = figure.subplots(1, 2)
        edges = np.linspace(0, 1, VOTE_BINS + 1)
        # Whole numbers decide the bin, so that k/N on an edge, which is common, falls on the same side everywhere.
        observed = np.bincount(np.minimum(VOTE_BINS * k // responses, VOTE_BINS - 1), minlength=VOTE_BINS)
        volunteers = {"color": OBSERVED_COLOUR, "linewidth": 1.3, "baseline": None}
        model = {"color": MIXTURE_COLOUR, "linewidth": 1.3, "baseline": None}
        fractions.stairs(observed, edges, label="volunteers (k/N, k)", **volunteers)
        fractions.stairs(np.histogram(rho, edges)[0], edges, label="model (ρ̂, k̂)", **model)
        fractions.set(xlabel=f"ρ̂ or k/N, {question}", xlim=(0, 1))
        edges = np.arange(responses.max() + 2) - 0.5
        counts.stairs(np.histogram(k, edges)[0], edges, **volunteers)
        counts.stairs(np.histogram(k_hat, edges)[0], edges, **model)
        counts.set(xlabel=f"k̂ or k, {question}", xlim=(-0.5, edges[-1]))
        for axes in (fractions, counts):
            axes.set_ylabel("Galaxies")
            _number_of_galaxies(axes)
        _legend(figure, fractions, title=f"{question}, {_galaxies(len(k))}")
    return figure


def classification(rho: np.ndarray, k: np.ndarray, responses: np.ndarray, question: str) -> Figure:
    """ROC curves, and confusion matrices with the majority of volunteers as truth (Figs. 9-10); all shapes (G,)."""
    is_positive, subsets = classes.majority(k, responses), classes.subsets(rho)
    high, percentage = classes.HIGH_CONFIDENCE, 100 * classes.MOST_CONFIDENT
    names = {
        "all": "all",
        "high confidence": f"ρ̂ < {1 - high:.1f} or > {high:.1f}",
        "most confident": f"most confident {percentage:.0f} %",
    }
    titles = {subset: f"{name}, {_galaxies(subsets[subset].sum())}" for subset, name in names.items()}
    styles = {"all": {"color": "black"}, "high confidence": {"color": MIXTURE_COLOUR, "linestyle": "--"}}
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.0), layout="constrained")
        curves, *matrices = figure.subplots(1, 3)
        for subset, style in styles.items():
            chosen = subsets[subset]
            area = _area(rho[chosen], is_positive[chosen])
            _roc(curves, rho[chosen], is_positive[chosen], label=f"{titles[subset]}: {area}", **style)
        _diagonal(curves)
        curves.set_box_aspect(1)
        _legend(figure, curves, title=f"{question}, ROC curves")
        for axes, subset in zip(matrices, ("all", "most confident"), strict=True):
            chosen = subsets[subset]
            _confusion(axes, classes.confusion(rho[chosen], is_positive[chosen]), question)
            axes.set_title(titles[subset])
    return figure


def _area(score: np.ndarray, is_positive: np.ndarray) -> str:
    area = classes.area(score, is_positive)
    return "area not defined" if np.isnan(area) else f"area {area:.3f}"


def _roc(axes: Axes, score: np.ndarray, is_positive: np.ndarray, **style) -> None:
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
        for group in _present(GROUP_COLOURS, rows.group):
            chosen = rows[rows.group == group]
            axes.barh(chosen.index, chosen.importance, color=GROUP_COLOURS[group], height=0.7, label=group)
        axes.hlines(rows.index, rows.low, rows.high, color="black", linewidth=0.9)
        axes.set(xlabel="Mean absolute contribution to the surprise (nats)", xlim=(0, None))
        axes.set_yticks(rows.index, rows.feature)
        _legend(figure, axes, title=f"{question}, {_galaxies(galaxies)}")
    return figure


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
        title = f"{question}, {_galaxies(table.galaxies.iloc[0])} held out"
        _legend(figure, axes, columns=3, title=title)
    return figure


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
        for place, predictor in enumerate(_present(PREDICTOR_COLOURS, counts.predictor)):
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
            area = _area(probability, probabilities.is_positive)
            _roc(panels["roc"], probability, probabilities.is_positive, label=area, color=colour)
        actual = counts.actual.iloc[0]
        panels["counts"].axhline(actual, color="black", linestyle="--", linewidth=1, label=f"experts: {actual:,}")
        panels["counts"].set_xticks(range(len(names)), names)
        panels["counts"].set_ylabel(f"Galaxies with {question}")
        _number_of_galaxies(panels["counts"])
        _diagonal(panels["calibration"])
        panels["calibration"].set_ylabel(f"Fraction with {question}, by experts")
        panels["predictions"].set(xlabel=f"Predicted probability of {question}", ylabel="Galaxies", xlim=(-0.02, 1.02))
        _number_of_galaxies(panels["predictions"])
        fraction = np.linspace(0, 1, 201)
        panels["rescaling"].plot(fraction, rescaling.probability(fraction), color=BASELINE_COLOUR, linewidth=1.5)
        panels["rescaling"].set(xlim=(0, 1), ylim=(0, 1))
        panels["rescaling"].set(xlabel=f"Vote fraction for {question}", ylabel=f"p(experts say {question})")
        _diagonal(panels["roc"])
        panels["roc"].legend(loc="lower right")
        _legend(figure, panels["counts"], title=_galaxies(len(probabilities)))
    return figure
