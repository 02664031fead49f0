"""Write the page on how far a live survey has come, and its headline."""

from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.report import progress


def run(
    *,
    survey: str,
    curves: list[Path],
    forecasts: list[Path],
    calibrations: list[Path],
    figures: list[Path],
    target_rmse: float | None = None,
    headline: Path,
    page: Path,
) -> None:
    expected = pd.concat([tables.read(path).to_pandas() for path in forecasts], ignore_index=True)
    paragraphs = [progress.sentences(row, target_rmse) for _, row in expected.iterrows()]
    parts = [f"# How far {survey} has come", *paragraphs, progress.EXPLANATION]
    for question, curve, calibration, figure in zip(expected.question, curves, calibrations, figures, strict=True):
        tables_of = (tables.read(path).to_pandas() for path in (curve, calibration))
        parts += progress.section(question, *tables_of, figure, page.parent)
    with tables.whole_file(headline) as partial:
        partial.write_text("\n".join(paragraphs) + "\n", encoding="utf-8")
    with tables.whole_file(page) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
