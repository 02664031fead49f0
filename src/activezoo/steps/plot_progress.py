"""Plot the learning curve of a live survey, and what the next ask would buy."""

from pathlib import Path

from activezoo import tables
from activezoo.report.figures import style
from activezoo.report.figures.progress import progress


def run(*, curve: Path, forecast: Path, target_rmse: float | None = None, png: Path) -> None:
    expected = tables.read(forecast).to_pandas().iloc[0]
    style.save(progress(tables.read(curve).to_pandas(), expected, target_rmse), png)
