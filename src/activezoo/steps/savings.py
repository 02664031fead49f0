"""Find how many fewer votes each strategy needs than those that choose without a model, for the same RMSE."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.report import savings


# Which model an evaluation is of, the metrics beside it tell: two lists of files of a large run are more than the
# shell takes.
def run(*, metrics: Path, evaluations: list[Path], parquet: Path) -> None:
    found = savings.savings(tables.read(metrics).to_pandas(), savings.squared_errors(evaluations))
    tables.write_with_csv(found, parquet)
    logging.info("%d models compared", len(evaluations))
