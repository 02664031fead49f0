"""Plot how calibration depends on the dropout rate."""

from pathlib import Path

from activezoo import tables
from activezoo.posteriors import dropout_tuning
from activezoo.report.figures import style
from activezoo.report.figures.tuning import tuning as plot


def run(*, tuning: Path, question: str, png: Path) -> None:
    style.save(plot(tables.read(tuning).to_pandas(), dropout_tuning.read(tuning), question), png)
