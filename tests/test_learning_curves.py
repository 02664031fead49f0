"""One table of the metrics of all models, and the curves in it."""

import numpy as np
import pandas as pd
import pytest

from activezoo import tables
from activezoo.errors import InputError
from activezoo.report import learning_curves


def metrics_of(runs: dict[tuple[str, int], tuple[float, ...]]) -> pd.DataFrame:
    """The table of metrics of some curves of RMSE, by strategy and seed."""
    rows = [
        ("smooth", strategy, seed, i, 500 + 1000 * i + seed, 50 + 100 * i, 1.0, 1.0, rmse, rmse, 0.3)
        for (strategy, seed), values in runs.items()
        for i, rmse in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=list(learning_curves.COLUMNS))


SEEDS = {("bald", 1): (0.3, 0.2), ("random", 1): (0.3, 0.25), ("bald", 2): (0.28, 0.22), ("random", 2): (0.28, 0.24)}


def test_curves_are_columns_of_seeds_and_rows_of_iterations():
    rmse = learning_curves.curves(metrics_of(SEEDS).sample(frac=1, random_state=1), "smooth", "bald")
    assert rmse.to_dict() == {1: {0: 0.3, 1: 0.2}, 2: {0: 0.28, 1: 0.22}}
    votes = learning_curves.curves(metrics_of(SEEDS), "smooth", "bald", "votes")
    assert votes.to_dict() == {1: {0: 501, 1: 1501}, 2: {0: 502, 1: 1502}}


def test_seeds_must_run_the_same_iterations():
    metrics = metrics_of(SEEDS | {("bald", 1): (0.3, 0.2, 0.1)})
    with pytest.raises(InputError, match="seed 2 has no model of iteration 2"):
        learning_curves.curves(metrics, "smooth", "bald")


def test_unknown_question_is_named():
    with pytest.raises(InputError, match="no metrics of question 'spiral'"):
        learning_curves.curves(metrics_of(SEEDS), "spiral", "bald")


def write_metrics(path, strategy: str, iteration: int, seed: int = 1, rmse: float = 0.2) -> str:
    row = {
        "question": "smooth",
        "seed": seed,
        "strategy": strategy,
        "iteration": iteration,
        "votes": 500 + 1000 * iteration,
        "galaxies": 50 + 100 * iteration,
    }
    row |= {"training_loss": 1.0, "test_loss": 2.0, "rmse": rmse, "rmse_of_rho": rmse, "rmse_mean_fraction": 0.3}
    tables.write({name: [value] for name, value in row.items()}, path)
    return path


def test_collect_gives_the_first_model_to_each_strategy(tmp_path):
    models = [("initial", 0), ("random", 1), ("bald", 1), ("bald", 2)]
    files = [write_metrics(tmp_path / f"{name}_{i}.parquet", name, i, rmse=0.3 - 0.1 * i) for name, i in models]
    metrics = learning_curves.collect(files)
    assert list(metrics.columns) == list(learning_curves.COLUMNS)
    assert metrics[["strategy", "iteration", "votes", "galaxies"]].to_numpy().tolist() == [
        ["bald", 0, 500, 50],
        ["bald", 1, 1500, 150],
        ["bald", 2, 2500, 250],
        ["random", 0, 500, 50],
        ["random", 1, 1500, 150],
    ]
    assert metrics.rmse.tolist() == pytest.approx([0.3, 0.2, 0.1, 0.3, 0.2])


def test_collect_needs_the_first_model(tmp_path):
    files = [write_metrics(tmp_path / f"{seed}.parquet", "bald", 1, seed) for seed in (1, 2)]
    files.append(write_metrics(tmp_path / "initial.parquet", "initial", 0, seed=1))
    with pytest.raises(InputError, match="seed 2: no metrics of the first model"):
        learning_curves.collect(files)


def test_collect_refuses_diverged_training(tmp_path):
    file = write_metrics(tmp_path / "metrics.parquet", "initial", 0, rmse=np.nan)
    with pytest.raises(InputError, match="rmse is nan; the training diverged"):
        learning_curves.collect([file])


def test_one_vote_a_galaxy_does_not_stop_a_run(tmp_path):
    file = write_metrics(tmp_path / "metrics.parquet", "initial", 0)
    other = write_metrics(tmp_path / "later.parquet", "random", 1)
    for path in (file, other):
        tables.write({**tables.read(path).to_pydict(), "rmse_of_rho": [np.nan]}, path)
    assert learning_curves.collect([file, other]).rmse_of_rho.isna().all()
