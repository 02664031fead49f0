"""Plot the redshifts of the acquired galaxies."""

from pathlib import Path

from activezoo import tables
from activezoo.report.acquired import acquired
from activezoo.report.figures import style
from activezoo.report.figures.acquired import acquired_redshift
from activezoo.survey.columns import read_features


def run(
    *,
    labelled: list[Path],
    catalogue: Path,
    galaxies: Path,
    redshift: str,
    encoding: str | None = None,
    png: Path,
) -> None:
    chosen = acquired(path.parent for path in labelled)
    features = read_features(catalogue, tables.read(galaxies), [redshift], encoding=encoding)
    redshifts = features.reindex(columns=[redshift])[redshift]
    style.save(acquired_redshift(chosen.assign(redshift=chosen["id"].map(redshifts))), png)
