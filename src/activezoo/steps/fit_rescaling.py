"""Fit a rescaling of predicted vote fractions, and of their spread, to the votes of held-out galaxies."""

import logging
from pathlib import Path

from activezoo.posteriors import rescaling as rescalings
from activezoo.posteriors.held_out import CORRECT, predicted_for


def run(*, predictions: Path, held_out: Path, rescaling: Path) -> None:
    predicted, k, responses = predicted_for(CORRECT, predictions, held_out)
    found = rescalings.fit(predicted, k, responses)
    rescalings.write(found, rescaling)
    coefficients = ", ".join(f"{name} {of:.3f}" for name, of in found._asdict().items() if of is not None)
    logging.info("%s by %d held-out galaxies", coefficients, len(k))
