"""Find out which galaxies of the survey have an id and an image."""

from pathlib import Path

from activezoo import tables
from activezoo.survey.catalogue import read_catalogue
from activezoo.survey.layout import Columns


def run(
    *,
    catalogue: Path,
    filename_map: Path | None = None,
    images: Path,
    columns: Columns,
    encoding: str | None = None,
    samples: list[str],
    max_rejected: float,
    galaxies: Path,
    rejected: Path,
) -> None:
    found = read_catalogue(
        catalogue,
        images,
        columns,
        filename_map=filename_map,
        encoding=encoding,
        samples=samples,
        max_rejected=max_rejected,
    )
    for table, path in zip(found, (galaxies, rejected), strict=True):
        tables.write(table, path)
