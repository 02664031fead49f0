"""The table of metrics, and the curves in it."""

import numpy as np
import pandas as pd
import pytest

from activezoo import tables
from activezoo.errors import InputError
from activezoo.report import learning_curves


def write_metrics(path, strategy: str, iteration: int, seed: int = 1, rmse: float = 0.2, rmse_of_rho=0.1) -> str:
    row = {"question": "smooth", "seed": seed, "strategy": strategy, "iteration": iteration}
    row |= {"votes": 400 + 800 * iteration, "galaxies": 50 + 100 * iteration, "training_loss": 1.0, "test_loss": 2.0}
    row |= {"rmse": rmse, "rmse_of_rho": rmse_of_rho, "rmse_mean_fraction": 0.3}
    tables.write({name: [value] for name, value in row.items()}, path)
    return path


def test_collect_gives_the_first_model_to_each_strategy(tmp_path):
    models = [("initial", 0), ("random", 1), ("bald", 1), ("bald", 2)]
    files = [write_metrics(tmp_path / f"{name}_{i}.parquet", name, i, rmse=0.3 - 0.1 * i) for name, i in models]
    metrics = learning_curves.collect(files)
    assert list(metrics.columns) == list(learning_curves.COLUMNS)
    assert metrics[["strategy", "iteration", "votes", "galaxies"]].to_numpy().tolist() == [
        ["bald", 0, 400, 50],
        ["bald", 1, 1200, 150],
        ["bald", 2, 2000, 250],
        ["random", 0, 400, 50],
        ["random", 1, 1200, 150],
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


def test_test_galaxies_with_one_vote_each_do_not_look_like_diverged_training(tmp_path):
    files = [write_metrics(tmp_path / f"{name}.parquet", name, i, rmse_of_rho=np.nan) for i, name in enumerate(NAMES)]
    assert learning_curves.collect(files).rmse_of_rho.isna().all()


NAMES = ("initial", "bald")


def table(missing=()) -> pd.DataFrame:
    rows = [(seed, i, 0.3 - 0.1 * i + 0.01 * seed) for seed in (1, 2) for i in range(3) if (seed, i) not in missing]
    frame = pd.DataFrame(rows, columns=["seed", "iteration", "rmse"])
    return frame.assign(question="smooth", strategy="bald")


def test_curves_have_a_row_for_each_iteration_and_a_column_for_each_seed():
    found = learning_curves.curves(table(), "bald", "rmse")
    np.testing.assert_allclose(found, [[0.31, 0.32], [0.21, 0.22], [0.11, 0.12]])


def test_seeds_must_have_the_same_iterations():
    with pytest.raises(InputError, match="strategy 'bald': seed 2 has no model of iteration 2, other seeds do"):
        learning_curves.curves(table(missing={(2, 2)}), "bald", "rmse")
