"""Compare the posteriors of the test set, by each variant, with its votes."""

from pathlib import Path

import numpy as np

from activezoo import tables
from activezoo.model import description
from activezoo.model.predictions import read_variants
from activezoo.posteriors import calibration, classification
from activezoo.posteriors import conformal as conformal_intervals
from activezoo.posteriors.catalogue import interval_coverage, summarise
from activezoo.survey import oracle
from activezoo.survey.truth import vote_probability


def run(
    *,
    predictions: list[Path],
    votes: Path,
    question: str,
    model: Path,
    conformal: Path | None = None,
    truth: Path | None = None,
    test: Path,
) -> None:
    variants = read_variants(predictions)
    final = list(variants.values())[-1]
    k, responses = oracle.retrieve_votes(votes, final.ids)
    summary = summarise(final, responses, calibration=conformal_intervals.read(conformal) if conformal else None)
    tables.write(summary.append_column("k", [k]), test)
    rho = None
    if truth:
        of_galaxies = tables.read(truth).to_pandas().set_index("id").loc[final.ids]
        rho = vote_probability(description.read(model).of_question(question).answers, of_galaxies)
    for name, table in {
        "calibration": calibration.coverage(variants, k, responses),
        "calibration_curve": calibration.coverage(variants, k, responses, np.arange(1, 101) / 200),
        "scores": calibration.scores(variants, k, responses),
        "interval_coverage": interval_coverage(summary.to_pandas(), rho, k),
        "classification": classification.metrics(final.rho_GT @ final.weights_T, k, responses),
    }.items():
        tables.write_with_csv(table, test.parent / name)
