"""Copy the catalogue of posteriors to FITS."""

from pathlib import Path

from activezoo.posteriors.published import write_fits


def run(*, catalogue: Path, fits: Path) -> None:
    write_fits(catalogue, fits)
