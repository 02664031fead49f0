"""Plot how surprise and calibration depend on the dropout rate."""

from pathlib import Path

from activezoo import tables
from activezoo.report.figures import style
from activezoo.report.figures.tuning import tuning as plot


def run(*, tuning: Path, question: str, png: Path) -> None:
    style.save(plot(tables.read(tuning).to_pandas(), question), png)
