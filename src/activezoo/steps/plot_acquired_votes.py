"""Plot the vote fractions of the acquired galaxies, in total and by iteration."""

from pathlib import Path

from activezoo.report.acquired import acquired
from activezoo.report.figures import style
from activezoo.report.figures.acquired import acquired_votes


def run(*, labelled: list[Path], png: Path) -> None:
    style.save(acquired_votes(acquired(path.parent for path in labelled)), png)
