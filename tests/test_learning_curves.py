"""Label savings on curves whose answer is known, and the tables they go to."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.nonparametric.smoothers_lowess import lowess

from activezoo import tables
from activezoo.errors import InputError
from activezoo.report import learning_curves
from activezoo.report.learning_curves import Saving


def curve(*rmse: float, batch: int = 100) -> pd.Series:
    return pd.Series(rmse, index=batch * np.arange(len(rmse)), dtype=float)


def metrics_of(runs: dict[tuple[str, int], tuple[float, ...]], question: str = "smooth") -> pd.DataFrame:
    """The table of metrics of some curves of RMSE, by strategy and seed."""
    rows = [
        (question, strategy, seed, i, 50 + 100 * i, 100 * i, 1.0, 1.0, rmse, 0.3)
        for (strategy, seed), values in runs.items()
        for i, rmse in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=list(learning_curves.COLUMNS))


@pytest.mark.parametrize(
    ("target", "expected"),
    [(0.4, 0), (0.3, 0), (0.25, 50), (0.2, 100), (0.19, 266.66666666666666), (0.1, 300), (0.05, np.inf)],
)
def test_labels_to_reach_is_the_first_crossing(target, expected):
    noisy = curve(0.3, 0.2, 0.37, 0.1)
    assert learning_curves.labels_to_reach(target, noisy.index, noisy.to_numpy()) == pytest.approx(expected)


def test_savings_of_the_paper():
    """RMSE of 0.117 with 256 against 640 new labels is a saving of 60 % (§3.6)."""
    random = curve(0.2, 0.17, 0.15, 0.14, 0.13, 0.117, 0.116, batch=128)
    active = curve(0.2, 0.15, 0.117, 0.1165, 0.1163, 0.1161, 0.116, batch=128)
    best = learning_curves.savings(active, random)["best"]
    assert best == Saving(pytest.approx(0.117), 256, 640, pytest.approx(0.6), None)


def test_best_and_end_by_hand():
    # Active models: 0.24 at 100, which random reaches at 200 (half); 0.22 at 200, random at 300 (a third); 0.18 at 300,
    # never. The lowest of random, 0.20 at 400, takes the active strategy 250: 37.5 %.
    found = learning_curves.savings(curve(0.3, 0.24, 0.22, 0.18, 0.17), curve(0.3, 0.27, 0.24, 0.22, 0.20))
    assert found["best"] == Saving(pytest.approx(0.24), 100, pytest.approx(200), pytest.approx(0.5), None)
    assert found["end"] == Saving(pytest.approx(0.20), pytest.approx(250), 400, pytest.approx(0.375), None)


def test_equal_curves_save_nothing():
    one = curve(0.3, 0.25, 0.28, 0.2)
    for saving in learning_curves.savings(one, one).values():
        assert saving.saving == 0
        assert saving.bound is None


def test_a_strategy_worse_than_random_has_negative_savings():
    # 0.27 at 100, random at 50; 0.24 at 200, random at 100: twice as many. 0.20 at 300, random at 180: 1 - 300/180.
    found = learning_curves.savings(curve(0.3, 0.27, 0.24, 0.20), curve(0.3, 0.24, 0.19, 0.15))
    assert found["best"] == Saving(pytest.approx(0.20), 300, pytest.approx(180), pytest.approx(1 - 300 / 180), None)
    assert found["end"] == Saving(0.15, 300, 300, 0, "upper")


def test_random_that_never_gets_there_makes_a_lower_bound():
    found = learning_curves.savings(curve(0.3, 0.2, 0.1), curve(0.3, 0.28, 0.25))
    # Past random's best with the first 100, less than which it cannot acquire: at least half of 200.
    assert found["best"] == Saving(0.2, 100, 200, 0.5, "lower")
    assert found["end"] == Saving(0.25, 100, 200, 0.5, "lower")


def test_exact_savings_go_before_larger_bounds():
    # At 0.25 exactly half; at 0.1 (200 against more than 200) only a bound.
    found = learning_curves.savings(curve(0.3, 0.25, 0.1), curve(0.3, 0.275, 0.25))
    assert found["best"] == Saving(0.25, 100, 200, 0.5, None)


def test_strategy_that_never_improves_has_an_upper_bound():
    found = learning_curves.savings(curve(0.3, 0.3, 0.31), curve(0.3, 0.25, 0.26))
    assert found["best"] == found["end"] == Saving(0.25, 200, 100, -1, "upper")


@pytest.mark.parametrize("active", [(0.3, 0.31, 0.32), (0.3, 0.3, 0.3)])
def test_no_saving_where_nothing_improves(active):
    found = learning_curves.savings(curve(*active), curve(0.3, 0.31, 0.30))
    assert np.isnan(found["best"].saving)
    assert np.isnan(found["end"].saving)


def test_models_that_tie_count_once_and_the_first_model_never():
    found = learning_curves.savings(curve(0.3, 0.25, 0.25, 0.2), curve(0.3, 0.28, 0.25, 0.2))
    assert found["best"] == Saving(0.25, 100, pytest.approx(200), pytest.approx(0.5), None)


curves_of_rmse = st.lists(st.integers(1, 60), min_size=2, max_size=8)


@given(later=curves_of_rmse, other=curves_of_rmse)
def test_best_is_no_less_than_an_exact_end(later, other):
    active, random = (curve(50, *values) for values in (later, other))
    found = learning_curves.savings(active, random)
    if found["end"].bound is None and not np.isnan(found["end"].saving):
        assert found["best"].saving >= found["end"].saving
    for saving in found.values():
        assert np.isnan(saving.saving) or saving.saving < 1
        assert np.isnan(saving.saving) or saving.new_labels >= 100


@given(rmse=st.lists(st.floats(0.01, 1), min_size=2, max_size=30, unique=True), at=st.floats(0, 1))
def test_the_curve_is_at_the_target_where_it_first_reaches_it(rmse, at):
    one = curve(*rmse)
    target = min(rmse) + at * (max(rmse) - min(rmse))
    labels = learning_curves.labels_to_reach(target, one.index, one.to_numpy())
    if rmse[0] > target:
        assert np.interp(labels, one.index, one) == pytest.approx(target)
    assert (one[one.index < labels] > target).all()


@pytest.mark.parametrize(("points", "fraction"), [(2, 1), (5, 1), (6, 5 / 6), (21, 1 / 3)])
def test_lowess_is_that_of_statsmodels(points, fraction):
    noisy = 0.1 + np.random.default_rng(1).exponential(0.02, points)
    labels = 32.0 * np.arange(points)
    expected = lowess(noisy, labels, frac=fraction, it=0, return_sorted=False)
    np.testing.assert_array_equal(learning_curves.lowess(labels, noisy), expected)


@pytest.mark.parametrize("points", range(1, 12))
def test_lowess_of_few_points_stays_near_them(points):
    falling = 0.1 + 0.1 * np.exp(-np.arange(points) / 2)
    smooth = learning_curves.lowess(32 * np.arange(points), falling)
    assert np.abs(smooth - falling).max() < 0.015


def test_lowess_of_the_mean_is_the_mean_of_lowess():
    curves = 0.1 + np.random.default_rng(2).exponential(0.02, (4, 21))
    labels = np.arange(21)
    mean_of_smooth = np.mean([learning_curves.lowess(labels, values) for values in curves], axis=0)
    np.testing.assert_allclose(learning_curves.lowess(labels, curves.mean(axis=0)), mean_of_smooth, rtol=1e-12)


SEEDS = {
    ("bald", 1): (0.30, 0.24, 0.22, 0.18),
    ("bald", 2): (0.32, 0.26, 0.21, 0.17),
    ("random", 1): (0.30, 0.27, 0.24, 0.20),
    ("random", 2): (0.32, 0.29, 0.26, 0.20),
}


def test_table_of_savings_has_each_seed_and_the_mean():
    table = learning_curves.label_savings(metrics_of(SEEDS))
    assert len(table) == 3 * 2 * 2
    rows = table[(table.smoothing == "raw") & (table.kind == "best")].set_index("seed")
    for seed in (1, 2):
        expected = learning_curves.savings(curve(*SEEDS["bald", seed]), curve(*SEEDS["random", seed]))["best"]
        row = rows.loc[str(seed)]
        assert (row.rmse, row.new_labels, row.new_labels_random, row.saving) == expected[:4]
        assert np.isnan(row.low)
    mean = [
        curve(*np.mean([SEEDS[strategy, seed] for seed in (1, 2)], axis=0).tolist()) for strategy in ("bald", "random")
    ]
    expected = learning_curves.savings(*mean)["best"]
    assert rows.loc["mean"].saving == pytest.approx(expected.saving)


def test_bootstrap_spans_the_seeds_and_repeats():
    # Of two seeds drawn twice, a quarter are (1, 1) and a quarter (2, 2): the 95 % interval spans both seeds.
    table = learning_curves.label_savings(metrics_of(SEEDS))
    rows = table[(table.smoothing == "raw") & (table.kind == "end")].set_index("seed").saving
    mean = table[(table.smoothing == "raw") & (table.kind == "end") & (table.seed == "mean")].iloc[0]
    assert mean.low == pytest.approx(min(rows))
    assert mean.high == pytest.approx(max(rows))
    pd.testing.assert_frame_equal(table, learning_curves.label_savings(metrics_of(SEEDS)))


def test_bootstrap_counts_bounds_at_their_limits():
    # Seed 2 of the active strategy never reaches random's best: its saving there may be anything below the bound.
    runs = SEEDS | {("bald", 2): (0.32, 0.31, 0.30, 0.30)}
    table = learning_curves.label_savings(metrics_of(runs))
    mean = table.query("smoothing == 'raw' and kind == 'end' and seed == 'mean'").iloc[0]
    assert mean.low == -np.inf
    assert mean.high < 1


@pytest.mark.parametrize("worse", [0.0, 0.05])
def test_bootstrap_takes_its_ends_from_the_resamples(worse):
    # Of three seeds drawn three times, each alone is 1 of 27 draws, more than 2.5 %: the ends are among the ten sets.
    fall = np.array([[0.9, 1.1, 1.3], [0.8, 0.7, 1.0]])
    active, random = (pd.DataFrame(0.2 + 0.1 * np.exp(-np.arange(6)[:, None] / 3 * rate)) for rate in fall)
    active[2] += worse  # then it does not reach random's best
    sets = [list(drawn) for drawn in combinations_with_replacement(range(3), 3)]
    intervals = learning_curves.bootstrap(active, random, ("key",))
    for kind, (low, high) in intervals.items():
        found = [learning_curves.savings(active[one].mean(axis=1), random[one].mean(axis=1))[kind] for one in sets]
        assert low == min(saving.limits[0] for saving in found)
        assert high == max(saving.limits[1] for saving in found)
    assert np.isfinite(intervals["end"]).tolist() == [worse == 0, True]


def test_one_seed_has_no_interval():
    table = learning_curves.label_savings(metrics_of({run: values for run, values in SEEDS.items() if run[1] == 1}))
    assert set(table.seed) == {"1", "mean"}
    assert table[["low", "high"]].isna().to_numpy().all()
    np.testing.assert_allclose(table[table.seed == "1"].saving, table[table.seed == "mean"].saving)


@pytest.mark.parametrize("strategy", ["bald", "random"])
def test_one_strategy_has_no_savings(strategy):
    table = learning_curves.label_savings(metrics_of({run: v for run, v in SEEDS.items() if run[0] == strategy}))
    assert table.empty
    assert "saving" in table


def test_any_strategy_is_compared_with_random():
    runs = SEEDS | {("entropy", seed): SEEDS["bald", seed] for seed in (1, 2)}
    table = learning_curves.label_savings(metrics_of(runs)).set_index(["smoothing", "seed", "kind"])
    pd.testing.assert_series_equal(table[table.strategy == "entropy"].saving, table[table.strategy == "bald"].saving)


def test_seeds_must_match():
    runs = {run: values for run, values in SEEDS.items() if run != ("random", 2)}
    with pytest.raises(InputError, match="compared seed by seed"):
        learning_curves.label_savings(metrics_of(runs))


def test_iterations_must_match():
    runs = SEEDS | {("bald", 2): SEEDS["bald", 2][:-1]}
    with pytest.raises(InputError, match="seed 2 has no model with 300"):
        learning_curves.label_savings(metrics_of(runs))


def test_unknown_question_is_named():
    with pytest.raises(InputError, match="no metrics of question 'spiral'"):
        learning_curves.curves(metrics_of(SEEDS), "spiral", "bald")


def write_metrics(path, strategy: str, iteration: int, seed: int = 1, rmse: float = 0.2) -> str:
    row = {
        "question": "smooth",
        "seed": seed,
        "strategy": strategy,
        "iteration": iteration,
        "labels": 50 + 100 * iteration,
    }
    row |= {"training_loss": 1.0, "test_loss": 2.0, "rmse": rmse, "rmse_mean_fraction": 0.3}
    tables.write({name: [value] for name, value in row.items()}, path)
    return path


def test_collect_gives_the_first_model_to_each_strategy(tmp_path):
    models = [("initial", 0), ("random", 1), ("bald", 1), ("bald", 2)]
    files = [write_metrics(tmp_path / f"{name}_{i}.parquet", name, i, rmse=0.3 - 0.1 * i) for name, i in models]
    metrics = learning_curves.collect(files)
    assert list(metrics.columns) == list(learning_curves.COLUMNS)
    assert metrics[["strategy", "iteration", "labels", "new_labels"]].to_numpy().tolist() == [
        ["bald", 0, 50, 0],
        ["bald", 1, 150, 100],
        ["bald", 2, 250, 200],
        ["random", 0, 50, 0],
        ["random", 1, 150, 100],
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


def test_tables_are_written_twice_and_alike(tmp_path):
    table = learning_curves.label_savings(metrics_of(SEEDS))
    tables.write_with_csv(table, tmp_path / "savings.parquet")
    text = {"seed": "str", "bound": "str"}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "savings.parquet"), table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "savings.csv", dtype=text), table)
