"""Write what the networks say about each galaxy, in a row."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.model.predictions import stream_predictions
from activezoo.posteriors.catalogue import summarise


def run(
    *,
    predictions: list[Path],
    model: Path,
    responses: int | None = None,
    quantiles: int | None = None,
    catalogue: Path,
) -> None:
    expected = responses or description.read(model).expected_responses
    batches = (batch for path in predictions for batch in stream_predictions(path))
    tables.write_stream((summarise(batch, expected, quantiles) for batch in batches), catalogue)
    logging.info("posteriors of %d responses", expected)
