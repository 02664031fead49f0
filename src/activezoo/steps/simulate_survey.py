"""Draw galaxies with known parameters, their images, and the votes of simulated volunteers and experts."""

import logging
from pathlib import Path

from activezoo.survey.simulation import simulate_survey


def run(*, galaxies: int, image_size: int, seed: int, over_dispersion: float, threads: int, catalogue: Path) -> None:
    simulate_survey(galaxies, image_size, seed, catalogue.parent, threads, over_dispersion)
    logging.info("%d galaxies of %d pixels", galaxies, image_size)
