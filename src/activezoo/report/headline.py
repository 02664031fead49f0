"""The answer in words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import BASELINE, baseline_last, label, load
from activezoo.report.savings import ALL_SEEDS


def headline(metrics: pd.DataFrame, savings: pd.DataFrame) -> list[str]:
    """How many fewer votes each strategy needed than random, whatever came out: a few sentences for each of them."""
    sentences = []
    for question, of_question in metrics.groupby("question"):
        seeds = of_question.seed.nunique()
        found = savings[(savings.question == question) & (savings.baseline == BASELINE)]
        for strategy in recommended_first(found.strategy):
            rows = found[found.strategy == strategy].set_index(["currency", "seed"])
            votes, galaxies = (rows.loc[(currency, ALL_SEEDS)] for currency in ("votes", "galaxies"))
            sentences.append(f"{question}: {_compare(label(strategy), votes, galaxies, seeds)}")
        if found.empty:
            ran = ", ".join(label(strategy) for strategy in baseline_last(of_question.strategy))
            sentences.append(f"{question}: only {ran} ran; a saving compares a strategy with {BASELINE}.")
        if seeds == 1:
            sentences.append("This is a taste: with one seed, nobody can tell a saving from luck.")
    return sentences


def recommended_first(strategies: Iterable[str]) -> list[str]:
    """Strategies, each once: the recommended one first, then in the order of legends."""
    return sorted(baseline_last(strategies), key=lambda name: not load(name).recommended)


def _compare(strategy: str, votes: pd.Series, galaxies: pd.Series, seeds: int) -> str:
    """Some sentences on one strategy against random."""
    if np.isnan(votes.saving):
        return f"nothing can be said of {strategy}: it and random have no RMSE below that of the first model in common."
    number = f"{seeds} seed{'s' if seeds > 1 else ''}"
    sentences = [
        f"for the same RMSE, {strategy} needed {percent(votes.saving)} votes than random"
        f"{_interval(votes, f'; {number}')}, and {percent(galaxies.saving)} galaxies{_interval(galaxies)}."
    ]
    if votes.low <= 0 <= votes.high:
        sentences.append("By these runs the two cannot be told apart in votes.")
    sentences.append(
        f"A survey of this kind reaches RMSE {votes.reach_rmse:.3f} with about {rounded(votes.reach)} votes instead of "
        f"{rounded(votes.reach_baseline)}."
    )
    return " ".join(sentences)


def percent(saving: float) -> str:
    """A saving in words: '42 % fewer', '8 % more', 'as many'."""
    number = round(100 * saving)
    return f"{abs(number)} % {'fewer' if number > 0 else 'more'}" if number else "as many"


def _interval(row: pd.Series, more: str = "") -> str:
    if np.isnan(row.low):
        return f" ({more.removeprefix('; ')})" if more else ""
    return f" (95 % interval {100 * row.low:.0f} to {100 * row.high:.0f} %{more})".replace("-", "−")


def rounded(votes: float) -> str:
    """A number of votes with two digits that count."""
    return f"{float(f'{votes:.2g}'):,.0f}"
