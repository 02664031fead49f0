"""The page of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import baseline_last, label
from activezoo.report.headline import headline
from activezoo.report.markdown import markdown_figure, markdown_table
from activezoo.report.planning import table as cost_table
from activezoo.report.savings import ALL_SEEDS


def page(
    survey: str,
    metrics: pd.DataFrame,
    savings: pd.DataFrame,
    planned: pd.DataFrame,
    explanation: str,
    figures: Iterable[Path],
    folder: Path,
    posteriors: str | None = None,
    made_with: Sequence[tuple[str, str]] = (),
) -> str:
    """The page of results in Markdown.

    Parameters
    ----------
    planned, explanation
        What surveys would cost, from `planning`, and what the numbers are.
    figures
        Image files, each in a folder named for its question.
    folder
        Where the page will be; links start from there.
    posteriors
        Page about posteriors, to link to.
    made_with
        What the run was made with: names and values.
    """
    figures = [Path(figure) for figure in figures]
    parts = [
        f"# Active learning on {survey}",
        *headline(metrics, savings),
        "A saving is 1 − (needed by the strategy) / (needed by the other) for the same RMSE on the test galaxies: the "
        "geometric mean over ten levels of RMSE that both learning curves reach, once they are made monotone. "
        "Intervals are over seeds and test galaxies. *At best* is the paper's: the largest saving at the RMSE of any "
        "model. It flatters: *if equal* is what it gives if the strategies' curves are swapped at random within seeds, "
        "the median and, in brackets, what one in twenty exceeds.",
        *([f"How far single predictions can be trusted: [posteriors]({posteriors})."] if posteriors else []),
    ]
    for question in metrics.question.unique():
        of_question = savings[savings.question == question]
        parts += [f"## {question}", _metrics_table(metrics[metrics.question == question])]
        if len(of_question):
            parts += [_savings_table(of_question[of_question.seed == ALL_SEEDS])]
        if len(metrics.seed.unique()) > 1 and len(of_question):
            parts += ["Savings by seed:", _seeds_table(of_question[of_question.seed != ALL_SEEDS])]
        parts.append(f"All numbers: [metrics]({question}/metrics.csv), [savings]({question}/savings.csv).")
        parts += ["### What a survey would cost", explanation, cost_table(planned[planned.question == question])]
        for figure in figures:
            if figure.parent.name == question:
                title = figure.stem.replace("_", " ").capitalize()
                parts += [f"### {title}", markdown_figure(title, figure, folder)]
    if made_with:
        text = "All of it, with the whole configuration, is in [provenance](provenance), one record a run."
        parts += ["## How this was made", markdown_table(("", "newest run"), made_with), text]
    return "\n\n".join(parts) + "\n"


def _percent(saving: float) -> str:
    return "not defined" if np.isnan(saving) else f"{100 * saving:,.0f} %".replace("-", "−").replace("−0 ", "0 ")


def _savings_table(savings: pd.DataFrame) -> str:
    rows = []
    for row in savings.itertuples():
        interval = "" if np.isnan(row.low) else f"{_percent(row.low).removesuffix(' %')} to {_percent(row.high)}"
        defined = not np.isnan(row.saving)
        numbers = (
            f"{row.rmse_from:.4f} to {row.rmse_to:.4f}" if defined else "",
            f"{row.needed:,.0f}" if defined else "",
            f"{row.needed_baseline:,.0f}" if defined else "",
        )
        at_best = f"{_percent(row.best)} at {row.best_rmse:.4f}" if not np.isnan(row.best) else "not defined"
        equal = (
            f"{_percent(row.best_equal_median)} ({_percent(row.best_equal_95)})"
            if not np.isnan(row.best_equal_95)
            else ""
        )
        names = (label(row.strategy), label(row.baseline), row.currency)
        rows.append((*names, _percent(row.saving), interval, *numbers, at_best, equal))
    head = (
        "strategy",
        "than",
        "of",
        "saving",
        "95 % interval",
        "RMSE",
        "needed",
        "by other",
        "at best",
        "if equal",
    )
    return markdown_table(head, rows)


def _seeds_table(savings: pd.DataFrame) -> str:
    """A row for each pair of strategies and currency, a column for each seed."""
    seeds = list(dict.fromkeys(savings.seed))
    rows = [
        (label(strategy), label(baseline), currency, *(_percent(of[seed]) for seed in seeds))
        for (strategy, baseline, currency), group in savings.groupby(["strategy", "baseline", "currency"], sort=False)
        for of in [group.set_index("seed").saving]
    ]
    return markdown_table(("strategy", "than", "of", *(f"seed {seed}" for seed in seeds)), rows)


def _metrics_table(metrics: pd.DataFrame) -> str:
    columns = ("training_loss", "test_loss", "rmse", "rmse_of_rho", "rmse_mean_fraction")
    rows = []
    for strategy in baseline_last(metrics.strategy):
        chosen = metrics[metrics.strategy == strategy]
        for iteration in sorted({0, int(chosen.iteration.max())}):
            means = chosen[chosen.iteration == iteration][["votes", "galaxies", *columns]].mean()
            known = (f"{means[column]:,.0f}" for column in ("votes", "galaxies"))
            numbers = (f"{means[column]:.4f}" for column in columns)
            rows.append((label(strategy), str(iteration), *known, *numbers))
    head = ("training loss", "test loss", "RMSE", "RMSE of ρ", "RMSE of the mean k/N")
    return markdown_table(("strategy", "iteration", "votes", "galaxies", *head), rows)
