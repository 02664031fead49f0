"""Find how many fewer votes each strategy needs than random for the same RMSE."""

from pathlib import Path

from activezoo import tables
from activezoo.report.learning_curves import INITIAL, collect
from activezoo.report.savings import savings, squared_errors


def run(*, metrics: list[Path], by_galaxy: list[Path], parquet: Path) -> None:
    models = [tables.read(path, ["strategy", "seed", "iteration"]).to_pylist()[0] for path in metrics]
    table = collect(metrics)
    errors = {}
    for model, errors_G in zip(models, squared_errors(by_galaxy), strict=True):
        # The first model of a seed is that of all strategies.
        for strategy in table.strategy.unique() if model["strategy"] == INITIAL else [model["strategy"]]:
            errors[strategy, model["seed"], model["iteration"]] = errors_G
    tables.write_with_csv(savings(table, errors), parquet)
