"""Write what the networks say about each galaxy, in a row."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.model.predictions import stream_predictions
from activezoo.posteriors import conformal as conformal_intervals
from activezoo.posteriors.catalogue import roles_of, summarise, with_roles


def run(
    *,
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
    expected = responses or description.read(model).expected_responses
    roles = {} if split is None else roles_of(split, labelled, held_out)
    batches = (batch for path in predictions for batch in stream_predictions(path))
    calibration = conformal_intervals.read(conformal) if conformal else None
    summaries = (summarise(batch, expected, quantiles, calibration) for batch in batches)
    tables.write_stream((with_roles(summary, roles) for summary in summaries), catalogue)
    logging.info("posteriors of %d responses", expected)
