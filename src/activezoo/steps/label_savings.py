"""Find how many fewer labels each strategy needs than random for the same RMSE."""

from pathlib import Path

from activezoo import tables
from activezoo.report.learning_curves import label_savings


def run(*, metrics: Path, parquet: Path) -> None:
    tables.write_with_csv(label_savings(tables.read(metrics).to_pandas()), parquet)
