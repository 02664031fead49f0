"""Collect the metrics of all models of a question into one table."""

from pathlib import Path

from activezoo import tables
from activezoo.report.learning_curves import collect


def run(*, metrics: list[Path], parquet: Path) -> None:
    tables.write_with_csv(collect(metrics), parquet)
