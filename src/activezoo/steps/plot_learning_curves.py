"""Plot RMSE and losses against votes."""

from pathlib import Path

from activezoo import tables
from activezoo.report.figures import style
from activezoo.report.figures.learning_curves import learning_curves


def run(*, question: str, metrics: Path, savings: Path, png: Path) -> None:
    figure = learning_curves(tables.read(metrics).to_pandas(), tables.read(savings).to_pandas(), question)
    style.save(figure, png)
