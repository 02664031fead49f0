"""How far posteriors can be trusted (paper Figs. 7-8)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from activezoo.report.figures.style import (
    GREY,
    MIXTURE_COLOUR,
    OBSERVED_COLOUR,
    PAGE,
    REFERENCE,
    STYLE,
    VARIANT_COLOURS,
    VOTE_BINS,
    count_galaxies,
    diagonal,
    legend_of,
    number_of_galaxies,
    present,
)


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
        for variant in present(VARIANT_COLOURS, curve.variant):
            rows, colour = curve[curve.variant == variant], VARIANT_COLOURS[variant]
            error.plot(rows.epsilon, rows.coverage_error, color=colour, linewidth=1.3, label=variant)
            if variant in _main_variants(curve.variant):
                counts.plot(rows.epsilon, rows.expected, color=colour, linewidth=1.3)
                counts.plot(rows.epsilon, rows.actual, color=colour, linewidth=1.3, linestyle="--")
        error.axhline(0, **REFERENCE)
        error.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        count_galaxies(counts)
        counts.set_ylabel("Galaxies within ε")
        error.set(ylabel="Coverage error")
        for axes in (counts, error):
            axes.set(xlabel="Largest error ε of the vote fraction", xlim=(0, curve.epsilon.max()))
        error.plot([], color=GREY, linewidth=1.3, label="expected")
        error.plot([], color=GREY, linewidth=1.3, linestyle="--", label="actual")
        legend_of(figure, error, title=f"{question}, {number_of_galaxies(curve.galaxies.iloc[0])}")
    return figure


def _main_variants(variants: Iterable[str]) -> list[str]:
    """One network, the mixture and the last variant."""
    shown = present(VARIANT_COLOURS, variants)
    return present(dict.fromkeys(("one network", "mixture", shown[-1])), shown)


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
        diagonal(majority, label="calibrated")
        majority.set(xlabel="Predicted probability that most say yes", ylabel="Fraction where most say yes")
        galaxies = reliability["mixture"].galaxies.sum()
        legend_of(figure, majority, title=f"{question}, {number_of_galaxies(galaxies)}")
    return figure


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
            count_galaxies(axes)
        legend_of(figure, fractions, title=f"{question}, {number_of_galaxies(len(k))}")
    return figure
