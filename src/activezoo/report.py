"""What the simulation found: data for the figures, the headline in words and the page of results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo import images, tables
from activezoo.errors import InputError
from activezoo.figures import Gallery, by_baseline, name, percent
from activezoo.learning_curves import BASELINE


def _model(folder: Path) -> pd.Series:
    return tables.read(folder / "metrics.parquet").to_pandas().iloc[0]


def describe(folder: str | Path) -> str:
    """The run of a model in words, for titles."""
    model = _model(Path(folder))
    return f"{model.question}, {name(model.strategy)}, seed {model.seed}"


def acquired(models: Iterable[str | Path]) -> pd.DataFrame:
    """The galaxies that were acquired up to each of some models, given by their folders.

    Returns
    -------
    Columns question, strategy, seed, id, k, N, iteration; no initial galaxies.
    """
    frames = []
    for folder in map(Path, models):
        labelled = tables.read(folder / "labelled.parquet", ["id", "k", "N", "iteration"]).to_pandas()
        frames.append(labelled[labelled.iteration > 0].assign(**_model(folder)[["question", "strategy", "seed"]]))
    return pd.concat(frames, ignore_index=True)


def with_redshift(acquired: pd.DataFrame, galaxies: str | Path, column: str) -> pd.DataFrame:
    """Add redshifts, from a column of the catalogue; nan where there is none."""
    catalogue = tables.read(galaxies).to_pandas().set_index("id")
    return acquired.assign(redshift=acquired.id.map(catalogue[column]) if column in catalogue else np.nan)


def read_pixels(ids: Sequence[str], folder: str | Path) -> np.ndarray:
    """Stored images of some galaxies, shape (G, P, P, 3) uint8, in the order of their ids."""
    index = tables.read(Path(folder) / "index.parquet")
    rows = pd.Index(index["id"].to_pandas()).get_indexer(ids)
    if (rows < 0).any():
        raise InputError(f"{folder}/index.parquet: no image of galaxy {ids[int(np.argmax(rows < 0))]!r}")
    return images.read_pixels(index.take(rows), folder)


def most_and_least_informative(model: str | Path, folder: str | Path, number: int) -> tuple[Gallery, Gallery]:
    """The test galaxies whose votes would tell a model most, and least, by mutual information."""
    tested = tables.read(Path(model) / "evaluation.parquet").to_pandas().sort_values(["mutual_information", "id"])
    galleries = []
    for title, chosen in {
        "Most informative": tested.iloc[::-1].head(number),
        "Least informative": tested.head(number),
    }.items():
        captions = [f"{row.k}/{row.N}  ρ̂ = {row.rho:.2f}" for row in chosen.itertuples()]
        galleries.append(Gallery(title, read_pixels(list(chosen.id), folder), captions))
    return tuple(galleries)


def acquired_by_iteration(models: Iterable[str | Path], folder: str | Path, number: int) -> dict[int, Gallery]:
    """The first galaxies, by rank, that were acquired for each of some models of successive iterations."""
    chosen = []
    for model in map(Path, models):
        ranked = tables.read(model / "acquisition.parquet", ["id", "rank"]).to_pandas()
        labelled = tables.read(model / "labelled.parquet", ["id", "k", "N", "iteration"]).to_pandas()
        added = labelled[labelled.iteration == labelled.iteration.max()]
        chosen.append(added.merge(ranked, on="id").nsmallest(number, "rank"))
    everything = pd.concat(chosen)
    pixels_by_id = dict(zip(everything.id, read_pixels(list(everything.id), folder), strict=True))
    return {
        int(rows.iteration.iloc[0]): Gallery(
            "",
            np.stack([pixels_by_id[galaxy] for galaxy in rows.id]),
            [f"{row.k}/{row.N}" for row in rows.itertuples()],
        )
        for rows in chosen
    }


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


def headline(metrics: pd.DataFrame, savings: pd.DataFrame) -> list[str]:
    """How many fewer galaxies needed labels, whatever came out: a sentence or two for each question and strategy.

    The numbers are those of the mean over seeds, smoothed, as in the paper.
    """
    sentences = []
    means = savings[(savings.smoothing == "lowess") & (savings.seed == "mean")].set_index("kind")
    for question, of_question in metrics.groupby("question"):
        active = [strategy for strategy in by_baseline(of_question.strategy) if strategy != BASELINE]
        found = means[means.question == question]
        if found.empty:
            ran = ", ".join(name(strategy) for strategy in by_baseline(of_question.strategy))
            sentences.append(f"{question}: only {ran} ran; a label saving compares a strategy with {BASELINE}.")
        for strategy in active if len(found) else ():
            rows = found[found.strategy == strategy]
            seeds = of_question.seed.nunique()
            sentences.append(
                f"{question}: {_best(name(strategy), rows.loc['best'])} {_end(name(strategy), rows.loc['end'])} "
                f"({'Mean of ' if seeds > 1 else ''}{seeds} seed{'s' if seeds > 1 else ''}, smoothed by LOWESS.)"
            )
    return sentences


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


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_figure(title: str, figure: Path, folder: Path) -> str:
    """A figure in the Markdown of a page in `folder`."""
    return f"![{title}]({Path(os.path.relpath(figure, folder)).as_posix()})"


def _savings_table(savings: pd.DataFrame) -> str:
    rows = []
    for row in savings.itertuples():
        sign = {"lower": "at least ", "upper": "at most "}.get(row.bound, "")
        number = "not defined" if np.isnan(row.saving) else f"{sign}{100 * row.saving:.0f} %"
        interval = "" if np.isnan(row.high) else f"{100 * row.low:.0f} to {100 * row.high:.0f} %"
        labels = ("", "") if np.isnan(row.saving) else (f"{row.new_labels:,.0f}", f"{row.new_labels_random:,.0f}")
        rmse = f"{row.rmse:.4f}"
        cells = (name(row.strategy), row.seed, row.smoothing, row.kind, rmse, *labels, number, interval)
        rows.append([cell.replace("-", "−").replace("inf", "∞") for cell in cells])
    head = ("strategy", "seed", "curve", "where", "RMSE", "new labels", "of random", "saving", "95 % interval")
    return markdown_table(head, rows)


def _metrics_table(metrics: pd.DataFrame) -> str:
    rows = []
    for strategy in by_baseline(metrics.strategy):
        chosen = metrics[metrics.strategy == strategy]
        for iteration in sorted({0, int(chosen.iteration.max())}):
            models = chosen[chosen.iteration == iteration]
            numbers = [
                f"{models[column].mean():.4f}"
                for column in ("training_loss", "test_loss", "rmse", "rmse_mean_fraction")
            ]
            rows.append((name(strategy), str(iteration), f"{models.labels.iloc[0]:,}", *numbers))
    head = ("strategy", "iteration", "labels", "training loss", "test loss", "RMSE", "RMSE of the mean k/N")
    return markdown_table(head, rows)


def page(
    survey: str,
    metrics: pd.DataFrame,
    savings: pd.DataFrame,
    figures: Iterable[Path],
    folder: Path,
    posteriors: str | None = None,
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
    """
    figures = [Path(figure) for figure in figures]
    parts = [
        f"# Active learning on {survey}",
        *headline(metrics, savings),
        "A saving is 1 − (new labels the strategy needs) / (new labels random needs) for the same RMSE on the test "
        "galaxies. New labels are those beyond the initial galaxies, counted to where a learning curve, its points "
        "joined by straight lines, first comes down to that RMSE. *best* is the largest saving at the RMSE of any "
        "model that both reach; it flatters noisy curves. *end* is the one at the lowest RMSE that random reaches. "
        "Intervals are bootstrapped over seeds. All numbers: [metrics](tables/metrics.csv), "
        "[label savings](tables/label_savings.csv).",
        *([f"How far single predictions can be trusted: [posteriors]({posteriors})."] if posteriors else []),
    ]
    for question in metrics.question.unique():
        means = savings[(savings.question == question) & (savings.seed == "mean")]
        seeds = savings[(savings.question == question) & (savings.seed != "mean")]
        parts += [f"## {question}", _metrics_table(metrics[metrics.question == question])]
        if len(means):
            parts += [_savings_table(means), "Of each seed:", _savings_table(seeds)]
        for figure in figures:
            if figure.parent.name == question:
                title = figure.stem.replace("_", " ").capitalize()
                parts += [f"### {title}", markdown_figure(title, figure, folder)]
    return "\n\n".join(parts) + "\n"
