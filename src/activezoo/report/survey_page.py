"""The page about a survey, in Markdown: what can be used, what cannot and why, and what was assumed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from activezoo.report.markdown import markdown_figure, markdown_table
from activezoo.survey.samples import Sample

TITLES = {"votes": "Votes", "galaxies": "Some galaxies"}


class Question(NamedTuple):
    """The votes on a question."""

    votes: pd.DataFrame
    """id, k, N of the galaxies that are usable."""
    rejected: pd.DataFrame
    """Those that are not, with the reason; see `rejection.REJECTED`."""


@contextmanager
def assumptions() -> Iterator[list[str]]:
    """Collect what the readers of a survey say that they assume."""
    said: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("activezoo.survey")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def page(
    survey: str,
    galaxies: pa.Table,
    rejected: pd.DataFrame,
    questions: Mapping[str, Question],
    sample: Sample,
    assumed: Sequence[str],
    figures: Mapping[str, Path],
    folder: Path,
) -> str:
    """The page.

    Parameters
    ----------
    survey
        Its name.
    galaxies, rejected
        Of the catalogue step.
    questions
        By name.
    sample
        Images that were looked at.
    assumed
        What readers of files said.
    figures
        Files of figures, by their names in `TITLES`.
    folder
        Of the page.
    """
    wanted = galaxies.num_rows + rejected.loc[rejected["defect"], "row"].nunique()
    parts = [
        f"# Survey {survey}",
        f"{galaxies.num_rows:,} of {wanted:,} galaxies have an id and an image. Of {sample.read} images at random, "
        f"{sample.read - len(sample.unusable)} can be used.",
    ]
    if questions:
        head = ("question", "usable galaxies", "votes each, median", "mean fraction", "not usable")
        parts += ["## Questions", markdown_table(head, [_row(name, of) for name, of in questions.items()])]
    if not rejected.empty:
        parts += ["## Rows that are left out", markdown_table(("reason", "rows", "the first"), _reasons(rejected))]
    if not sample.unusable.empty:
        rows = [(f"`{row.id}`", f"`{row.image}`", row.reason) for row in sample.unusable.itertuples()]
        parts += ["## Images that cannot be used", markdown_table(("galaxy", "image", "reason"), rows)]
    parts += ["## What was assumed", "\n".join(f"- {line}" for line in assumed) or "Nothing."]
    for name, figure in figures.items():
        parts += [f"## {TITLES[name]}", markdown_figure(TITLES[name], figure, folder)]
    return "\n\n".join(parts) + "\n"


def _row(name: str, question: Question) -> tuple[str, ...]:
    votes = question.votes
    each = f"{votes.N.median():,.0f} ({votes.N.min():,} to {votes.N.max():,})"
    why = question.rejected.groupby("reason").size().sort_values(ascending=False)
    return (
        name,
        f"{len(votes):,}",
        each,
        f"{(votes.k / votes.N).mean():.2f}",
        "; ".join(f"{number:,} {reason}" for reason, number in why.items()) or "none",
    )


def _reasons(rejected: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    for reason, rows in rejected.groupby("reason"):
        first = rows.iloc[0]
        value = "" if pd.isna(first["value"]) else f": `{first['value']}`"
        yield reason, f"{rows['row'].nunique():,}", f"row {first['row']}{value}"
