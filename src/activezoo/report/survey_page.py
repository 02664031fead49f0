"""The page about a survey, in Markdown: what would stop a run, what can be used, what cannot, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from activezoo.report.markdown import markdown_code, markdown_figure, markdown_table, markdown_text
from activezoo.survey.checking import Survey, Votes

TITLES = {"votes": "Votes", "galaxies": "Some galaxies"}


def page(name: str, survey: Survey, figures: Mapping[str, Path], folder: Path) -> str:
    """The page.

    Parameters
    ----------
    name
        Of the survey.
    survey
        What was found.
    figures
        Files of figures, by their names in `TITLES`.
    folder
        Of the page.
    """
    sample, rejected = survey.sample, survey.rejected.to_pandas()
    wanted = survey.galaxies.num_rows + rejected.loc[rejected["defect"], "row"].nunique()
    parts = [f"# Survey {name}"]
    if wanted:
        parts.append(
            f"{survey.galaxies.num_rows:,} of {wanted:,} galaxies have an id and an image. Of {sample.read} images at "
            f"random, {sample.read - len(sample.unusable)} can be used."
        )
    parts += ["## What stops a run", _list(survey.stops) or "Nothing that was looked at."]
    if survey.questions:
        head = ("question", "usable galaxies", "votes each, median", "mean fraction", "not usable")
        rows = [_row(question, votes) for question, votes in survey.questions.items()]
        parts += ["## Questions", markdown_table(head, rows)]
    if not rejected.empty:
        parts += ["## Rows that are left out", markdown_table(("reason", "rows", "the first"), _reasons(rejected))]
    if not sample.unusable.empty:
        rows = [
            (markdown_code(row.id), markdown_code(row.image), markdown_text(row.reason))
            for row in sample.unusable.itertuples()
        ]
        parts += ["## Images that cannot be used", markdown_table(("galaxy", "image", "reason"), rows)]
    parts += ["## What was assumed", _list(survey.assumed) or "Nothing."]
    for title, figure in figures.items():
        parts += [f"## {TITLES[title]}", markdown_figure(TITLES[title], figure, folder)]
    return "\n\n".join(parts) + "\n"


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


def _row(name: str, question: Votes) -> tuple[str, ...]:
    votes, rejected = question.usable.to_pandas(), question.rejected.to_pandas()
    why = rejected.groupby("reason").size().sort_values(ascending=False)
    return (
        name,
        f"{len(votes):,}",
        f"{votes.N.median():,.10g} ({votes.N.min():,} to {votes.N.max():,})",
        f"{(votes.k / votes.N).mean():.2f}",
        markdown_text("; ".join(f"{reason}: {number:,}" for reason, number in why.items())) or "none",
    )


def _reasons(rejected: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    for reason, rows in rejected.groupby("reason"):
        first = rows.iloc[0]
        value = "" if pd.isna(first["value"]) else f": {markdown_code(first['value'])}"
        yield markdown_text(reason), f"{rows['row'].nunique():,}", f"row {first['row']}{value}"
