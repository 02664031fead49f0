"""The page of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import baseline_last, label
from activezoo.report.headline import headline
from activezoo.report.markdown import markdown_figure, markdown_table
from activezoo.report.savings import ALL_SEEDS, CURRENCIES

AT_BEST = (
    "The paper states the saving at best: of votes beyond the first model's, on the mean curves as they are, at the "
    "RMSE where it is largest. It picks what noise favours. So it has no interval, and stands beside what it would be "
    "if the two did not differ: with the curves of the two swapped within seeds."
)


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
        "Votes and galaxies are all that a model learnt from, the first model's included. A saving compares two "
        "learning curves of a seed that start from the same first model. Both are made monotone. At ten levels of "
        "RMSE, evenly between the first model's and the end, the votes that each needs are read off. The saving is 1 − "
        "(votes / votes of random), by the geometric mean over levels and seeds. Its interval is for other seeds and "
        "other test galaxies.",
        *([f"How far single predictions can be trusted: [posteriors]({posteriors})."] if posteriors else []),
    ]
    for question in metrics.question.unique():
        found = savings[savings.question == question]
        parts += [f"## {question}", _metrics_table(metrics[metrics.question == question])]
        if len(found):
            together, single = found[found.seed == ALL_SEEDS], found[found.seed != ALL_SEEDS]
            parts += ["### Savings", _savings_table(together), "Of each seed:", _seeds_table(single)]
            parts += ["### At best", AT_BEST, _best_table(together)]
        parts.append(f"All numbers: [metrics]({question}/metrics.csv), [savings]({question}/savings.csv).")
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
        if np.isnan(row.saving):
            cells = ("", "", "", "not defined", "")
        else:
            interval = "" if np.isnan(row.low) else f"{100 * row.low:.0f} to {100 * row.high:.0f} %"
            levels = f"{row.rmse_from:.3f} to {row.rmse_to:.3f}"
            cells = (levels, f"{row.needed:,.0f}", f"{row.needed_baseline:,.0f}", f"{100 * row.saving:.0f} %", interval)
        rows.append(
            [label(row.strategy), label(row.baseline), row.currency, *(cell.replace("-", "−") for cell in cells)]
        )
    head = ("strategy", "against", "in", "RMSE", "needed", "against", "saving", "95 % interval")
    return markdown_table(head, rows)


def _seeds_table(savings: pd.DataFrame) -> str:
    table = savings.pivot_table(
        index=["strategy", "baseline", "currency"], columns="seed", values="saving", dropna=False, sort=False
    )
    rows = [
        (label(strategy), label(baseline), currency, *(_percent(saving) for saving in row))
        for (strategy, baseline, currency), row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return markdown_table(("strategy", "against", "in", *(f"seed {seed}" for seed in table.columns)), rows)


def _best_table(savings: pd.DataFrame) -> str:
    rows = [
        (
            *(label(row.strategy), label(row.baseline), row.currency, _percent(row.best)),
            *("" if np.isnan(row.best) else f"{row.best_rmse:.4f}", _percent(row.equal_median), _percent(row.equal_95)),
        )
        for row in savings.itertuples()
    ]
    head = ("strategy", "against", "in", "at best", "at RMSE", "if they were equal: median", "in 1 of 20 above")
    return markdown_table(head, rows)


def _percent(saving: float) -> str:
    return "" if np.isnan(saving) else f"{100 * saving:.0f} %".replace("-", "−")


def _metrics_table(metrics: pd.DataFrame) -> str:
    measures = {
        "training_loss": "training loss",
        "test_loss": "test loss",
        "rmse": "RMSE",
        "rmse_of_rho": "RMSE without the votes' noise",
        "rmse_mean_fraction": "RMSE of the mean k/N",
    }
    rows = []
    for strategy in baseline_last(metrics.strategy):
        chosen = metrics[metrics.strategy == strategy]
        for iteration in sorted({0, int(chosen.iteration.max())}):
            models = chosen[chosen.iteration == iteration]
            amounts = [f"{models[currency].mean():,.0f}" for currency in CURRENCIES]
            numbers = [f"{models[column].mean():.4f}" for column in measures]
            rows.append((label(strategy), str(iteration), *amounts, *numbers))
    return markdown_table(("strategy", "iteration", *CURRENCIES, *measures.values()), rows)
