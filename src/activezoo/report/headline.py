"""The answer in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import BASELINE, baseline_last, label, load
from activezoo.report.planning import round_off
from activezoo.report.savings import ALL_SEEDS


def headline(metrics: pd.DataFrame, savings: pd.DataFrame) -> list[str]:
    """How many fewer votes and galaxies were needed, whatever came out: some sentences for each question and strategy.

    The recommended strategy comes first, and with it what it means for a survey.
    """
    paragraphs = []
    for question, of_question in metrics.groupby("question"):
        strategies = baseline_last(of_question.strategy)
        rows = savings[(savings.question == question) & (savings.seed == ALL_SEEDS)]
        if rows.empty:
            ran = ", ".join(map(label, strategies))
            paragraphs.append(
                f"{question}: only {ran} ran; a saving compares a strategy with one that chooses without a model, such "
                f"as {BASELINE}."
            )
        seeds = of_question.seed.nunique()
        for strategy in sorted(strategies, key=lambda name: not load(name).recommended):
            sentences = [
                _comparison(pair.set_index("currency"), strategy, baseline, seeds)
                for baseline, pair in rows[rows.strategy == strategy].groupby("baseline", sort=False)
            ]
            if sentences:
                paragraphs.append(f"{question}: {' '.join(sentences)}")
    return paragraphs


def _comparison(rows: pd.DataFrame, strategy: str, baseline: str, seeds: int) -> str:
    """What is to be said of one strategy and one baseline; `rows` by currency."""
    votes, galaxies = rows.loc["votes"], rows.loc["galaxies"]
    names = label(strategy), label(baseline)
    if np.isnan(votes.saving):
        return (
            f"no saving of {names[0]} over {names[1]} can be stated, as in some seed they have no RMSE below that of "
            "the first model in common."
        )
    of_votes, of_galaxies = interval(votes), interval(galaxies)
    of_seeds = f"95 % interval {of_votes}; {seeds} seeds" if of_votes else "one seed: a taste, without an interval"
    than = "as" if percent(votes.saving) == "as many" else "than"
    found = (
        f"for the same RMSE, {names[0]} needed {percent(votes.saving)} votes {than} {names[1]} ({of_seeds}) and "
        f"{percent(galaxies.saving)} galaxies{f' ({of_galaxies})' if of_galaxies else ''}."
    )
    if votes.low <= 0 <= votes.high:
        return f"{names[0]} and {names[1]} cannot be told apart: {found}"
    return f"{found} {_for_a_survey(votes)}" if votes.saving > 0 else found


def _for_a_survey(votes) -> str:
    needed, instead = round_off(votes.reach), round_off(votes.reach_baseline)
    return f"A survey of this kind reaches RMSE {votes.reach_rmse:.3f} with about {needed} votes instead of {instead}."


def percent(saving: float) -> str:
    """A saving in words: '42 % fewer', '8 % more', 'as many'."""
    if round(100 * saving) == 0:
        return "as many"
    return f"{abs(100 * saving):,.0f} % {'more' if saving < 0 else 'fewer'}"


def interval(row) -> str:
    """The interval of a saving, in the direction of the saving's word; empty where there is none."""
    if np.isnan(row.low):
        return ""
    if round(100 * row.low) < 0 < round(100 * row.high) or percent(row.saving) == "as many":
        return f"{percent(row.low)} to {percent(row.high)}"
    ends = (row.low, row.high) if row.saving > 0 else (-row.high, -row.low)
    return " to ".join(f"{round(100 * end):,}" for end in ends) + " %"
