"""The page of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import baseline_last, label
from activezoo.report.headline import headline
from activezoo.report.markdown import markdown_figure, markdown_table


def page(
    survey: str,
    metrics: pd.DataFrame,
    savings: pd.DataFrame,
    figures: Iterable[Path],
    folder: Path,
    posteriors: str | None = None,
    made_with: Sequence[tuple[str, str]] = (),
) -> str:
    """The page of results in Markdown.

    Parameters
    ----------
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
        "A saving is 1 − (new labels the strategy needs) / (new labels random needs) for the same RMSE on the test "
        "galaxies. New labels are those beyond the initial galaxies, counted to where a learning curve, its points "
        "joined by straight lines, first comes down to that RMSE. *best* is the largest saving at the RMSE of any "
        "model that both reach; it flatters noisy curves. *end* is the one at the lowest RMSE that random reaches. "
        "Intervals are bootstrapped over seeds.",
        *([f"How far single predictions can be trusted: [posteriors]({posteriors})."] if posteriors else []),
    ]
    for question in metrics.question.unique():
        means = savings[(savings.question == question) & (savings.seed == "mean")]
        seeds = savings[(savings.question == question) & (savings.seed != "mean")]
        parts += [f"## {question}", _metrics_table(metrics[metrics.question == question])]
        if len(means):
            parts += [_savings_table(means), "Of each seed:", _savings_table(seeds)]
        parts.append(f"All numbers: [metrics]({question}/metrics.csv), [label savings]({question}/label_savings.csv).")
        for figure in figures:
            if figure.parent.name == question:
                title = figure.stem.replace("_", " ").capitalize()
                parts += [f"### {title}", markdown_figure(title, figure, folder)]
    if made_with:
        text = "All of it, with the whole configuration, is in [provenance](provenance), one record a run."
        parts += ["## How this was made", markdown_table(("", "newest run"), made_with), text]
    return "\n\n".join(parts) + "\n"


def _savings_table(savings: pd.DataFrame) -> str:
    rows = []
    for row in savings.itertuples():
        sign = {"lower": "at least ", "upper": "at most "}.get(row.bound, "")
        number = "not defined" if np.isnan(row.saving) else f"{sign}{100 * row.saving:.0f} %"
        interval = "" if np.isnan(row.high) else f"{100 * row.low:.0f} to {100 * row.high:.0f} %"
        labels = ("", "") if np.isnan(row.saving) else (f"{row.new_labels:,.0f}", f"{row.new_labels_random:,.0f}")
        rmse = f"{row.rmse:.4f}"
        cells = (label(row.strategy), row.seed, row.smoothing, row.kind, rmse, *labels, number, interval)
        rows.append([cell.replace("-", "−").replace("inf", "∞") for cell in cells])
    head = ("strategy", "seed", "curve", "where", "RMSE", "new labels", "of random", "saving", "95 % interval")
    return markdown_table(head, rows)


def _metrics_table(metrics: pd.DataFrame) -> str:
    rows = []
    for strategy in baseline_last(metrics.strategy):
        chosen = metrics[metrics.strategy == strategy]
        for iteration in sorted({0, int(chosen.iteration.max())}):
            models = chosen[chosen.iteration == iteration]
            numbers = [
                f"{models[column].mean():.4f}"
                for column in ("training_loss", "test_loss", "rmse", "rmse_mean_fraction")
            ]
            rows.append((label(strategy), str(iteration), f"{models.labels.iloc[0]:,}", *numbers))
    head = ("strategy", "iteration", "labels", "training loss", "test loss", "RMSE", "RMSE of the mean k/N")
    return markdown_table(head, rows)
