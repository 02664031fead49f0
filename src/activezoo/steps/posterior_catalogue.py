"""Write what the networks say about each galaxy, in a row."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.model.predictions import stream_predictions
from activezoo.posteriors import conformal as conformal_intervals
from activezoo.posteriors.catalogue import roles_of, summarise, with_roles
from activezoo.posteriors.published import fraction_column, published


def run(
    *,
    question: str,
    predictions: list[Path],
    model: Path,
    split: Path | None = None,
    labelled: Path | None = None,
    held_out: Path | None = None,
    conformal: Path | None = None,
    responses: int | None = None,
    quantiles: int | None = None,
    catalogue: Path,
) -> None:
    described = description.read(model).of_question(question)
    expected = responses or described.expected_responses
    fraction = fraction_column(described.answers, described.question)
    provenance = {
        "activezoo": described.version,
        "question": described.question,
        "positive answers": " + ".join(described.positive),
        "all answers": " + ".join(described.responses),
        "predictions": predictions[0].parent.name,
        "likelihood": described.architecture.likelihood,
        "galaxies trained on": described.galaxies,
        "votes trained on": described.votes,
    }
    roles = {} if split is None else roles_of(split, labelled, held_out)
    batches = (batch for path in predictions for batch in stream_predictions(path))
    calibration = conformal_intervals.read(conformal) if conformal else None
    summaries = (summarise(batch, expected, quantiles, calibration) for batch in batches)
    tables.write_stream(
        (published(with_roles(summary, roles), fraction, provenance) for summary in summaries), catalogue
    )
    logging.info("posteriors of %d responses", expected)
