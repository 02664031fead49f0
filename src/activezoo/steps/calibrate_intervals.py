"""Calibrate conformal intervals of k by held-out galaxies that nothing was fitted to."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.posteriors import conformal as conformal_intervals
from activezoo.posteriors.held_out import CONFORMAL, predicted_for


def run(*, predictions: Path, held_out: Path, edges: list[float], conformal: Path) -> None:
    found = conformal_intervals.calibrate(*predicted_for(CONFORMAL, predictions, held_out), edges)
    for said in found.too_few():
        logging.warning("%s", said)
    tables.write_with_csv(found.table(), conformal)
    logging.info("by %d held-out galaxies", sum(found.galaxies))
