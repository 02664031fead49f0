"""Plot the vote fractions of the acquired galaxies, in total and by iteration."""

from pathlib import Path

from activezoo.report.acquired import acquired, with_recorded_votes
from activezoo.report.figures import style
from activezoo.report.figures.acquired import acquired_votes


def run(*, labelled: list[Path], votes: Path, png: Path) -> None:
    galaxies = acquired(path.parent for path in labelled)
    style.save(acquired_votes(with_recorded_votes(galaxies, votes)), png)
