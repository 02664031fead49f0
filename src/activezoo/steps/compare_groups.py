"""Find how often intervals hold the truth in groups of test galaxies that are alike."""

import logging
from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.model import description
from activezoo.posteriors.catalogue import coverage_by_group
from activezoo.survey.columns import read_features
from activezoo.survey.truth import vote_probability


def run(
    *,
    test: Path,
    catalogue: Path | None = None,
    galaxies: Path,
    encoding: str | None = None,
    columns: list[str],
    question: str,
    model: Path,
    truth: Path | None = None,
    by_group: Path,
) -> None:
    summary = tables.read(test).to_pandas()
    rho = None
    if truth:
        rho = vote_probability(
            description.read(model).of_question(question).answers,
            tables.read(truth).to_pandas().set_index("id").loc[summary.id],
        )
    known = pd.DataFrame({"predicted ρ": summary["mean"], "number of votes N": summary.N}).set_index(summary.id)
    features = known.join(read_features(catalogue, tables.read(galaxies), columns, encoding=encoding))
    found = coverage_by_group(summary, rho, summary.k.to_numpy(), features)
    tables.write_with_csv(found, by_group)
    logging.info("%d groups of %d galaxies", len(found.drop_duplicates(["feature", "lowest"])), len(summary))
