"""Show the test galaxies that would inform a model most and least."""

from pathlib import Path

from activezoo.report.figures import style
from activezoo.report.figures.galleries import informative_galaxies
from activezoo.report.galleries import describe, most_and_least_informative

GALAXIES = 16
"""Of each kind."""


def run(*, metrics: Path, index: Path, png: Path) -> None:
    most, least = most_and_least_informative(metrics.parent, index, GALAXIES)
    title = f"Test galaxies by mutual information ({describe(metrics.parent)})"
    style.save(informative_galaxies(most, least, title), png)
