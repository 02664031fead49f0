"""Show the galaxies acquired in each iteration."""

from pathlib import Path

from activezoo.report.figures import style
from activezoo.report.figures.galleries import acquired_galaxies
from activezoo.report.galleries import acquired_by_iteration, describe

GALAXIES = 10
"""Of each iteration."""


def run(*, metrics: list[Path], index: Path, png: Path) -> None:
    folders = [path.parent for path in metrics]
    galleries = acquired_by_iteration(folders, index, GALAXIES)
    title = f"First {GALAXIES} galaxies acquired in each iteration ({describe(folders[-1])})"
    style.save(acquired_galaxies(galleries, title, GALAXIES), png)
