"""Stop before any image is stored if a few at random show that too many cannot be used."""

import logging
from functools import partial
from pathlib import Path

from activezoo import tables
from activezoo.survey import samples
from activezoo.survey.decoding import Brightness
from activezoo.survey.fits_images import AsinhStretch


def run(
    *,
    galaxies: Path,
    stored_size: int,
    white: int | None = None,
    asinh: AsinhStretch,
    max_rejected: float,
    unusable: Path,
) -> None:
    number = tables.number_of_rows(galaxies)
    take = partial(tables.read_rows, galaxies, columns=["id", "image"])
    sample = samples.look_at(number, take, stored_size, Brightness(white, asinh))
    samples.refuse_unusable(sample, number, max_rejected)
    tables.write(sample.unusable.astype("str").to_dict("list"), unusable)
    logging.info("of %d images, %d cannot be used", sample.read, len(sample.unusable))
