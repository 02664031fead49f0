"""Rescale what networks predict of some galaxies, as fitted to the votes of held-out galaxies."""

from pathlib import Path

from activezoo.model.predictions import stream_predictions, write_predictions
from activezoo.posteriors import rescaling as rescalings


def run(*, predictions: Path, rescaling: Path, rescaled: Path) -> None:
    fitted = rescalings.read(rescaling)
    write_predictions(map(fitted.apply, stream_predictions(predictions)), rescaled)
