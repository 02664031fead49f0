"""The answer in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import BASELINE, baseline_last, label
from activezoo.report.learning_curves import percent


def headline(metrics: pd.DataFrame, savings: pd.DataFrame) -> list[str]:
    """How many fewer galaxies needed labels, whatever came out: a sentence or two for each question and strategy.

    The numbers are those of the mean over seeds, smoothed, as in the paper.
    """
    sentences = []
    means = savings[(savings.smoothing == "lowess") & (savings.seed == "mean")].set_index("kind")
    for question, of_question in metrics.groupby("question"):
        active = [strategy for strategy in baseline_last(of_question.strategy) if strategy != BASELINE]
        found = means[means.question == question]
        if found.empty:
            ran = ", ".join(label(strategy) for strategy in baseline_last(of_question.strategy))
            sentences.append(f"{question}: only {ran} ran; a label saving compares a strategy with {BASELINE}.")
        for strategy in active if len(found) else ():
            rows = found[found.strategy == strategy]
            seeds = of_question.seed.nunique()
            sentences.append(
                f"{question}: {_best(label(strategy), rows.loc['best'])} {_end(label(strategy), rows.loc['end'])} "
                f"({'Mean of ' if seeds > 1 else ''}{seeds} seed{'s' if seeds > 1 else ''}, smoothed by LOWESS.)"
            )
    return sentences


def _labels(saving) -> str:
    if saving.bound == "lower":
        return f"at most {saving.new_labels:,.0f} against at least {saving.new_labels_random:,.0f}"
    return f"{saving.new_labels:,.0f} against {saving.new_labels_random:,.0f}"


def _interval(saving) -> str:
    """The bootstrap interval in words; empty where there is none."""
    if np.isnan(saving.high):
        return ""
    low = "up to" if np.isinf(saving.low) else f"{100 * saving.low:.0f} to"
    return f"; 95 % interval of the saving {low} {100 * saving.high:.0f} %".replace("-", "−")


def _best(strategy: str, saving) -> str:
    same = "to reach the same RMSE as random,"
    if np.isnan(saving.saving):
        return (
            f"no saving can be stated, as {strategy} and random have no RMSE below that of the first model in common."
        )
    if saving.bound == "upper":
        return (
            f"{strategy} saved no labels: it came to no RMSE that improves on the first model and that random reached."
        )
    where = f"({_labels(saving)} at RMSE {saving.rmse:.3f}{_interval(saving)})"
    amount = percent(saving.saving, saving.bound)
    if saving.bound == "lower":
        return f"{same} {strategy} needed {amount} new labels {where}."
    if saving.saving <= 0:
        return f"{same} {strategy} saved no labels: at best it needed {amount} {where}."
    return f"{same} {strategy} needed at best {amount} new labels {where}."


def _end(strategy: str, saving) -> str:
    lowest = f"the lowest RMSE of random, {saving.rmse:.3f}"
    if np.isnan(saving.saving):
        return "Random did not improve on the first model."
    if saving.bound == "upper":
        return (
            f"{strategy} did not reach {lowest}, with {saving.new_labels:,.0f} new labels; random needed "
            f"{saving.new_labels_random:,.0f}{_interval(saving)}."
        )
    return f"At {lowest}, it needed {percent(saving.saving, saving.bound)} ({_labels(saving)}{_interval(saving)})."
