"""List the images of a survey without votes: each is a galaxy of its name."""

from pathlib import Path

from activezoo import tables
from activezoo.survey.catalogue import read_images


def run(*, images: Path, max_rejected: float, galaxies: Path, rejected: Path) -> None:
    for table, path in zip(read_images(images, max_rejected), (galaxies, rejected), strict=True):
        tables.write(table, path)
