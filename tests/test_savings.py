"""Savings on curves whose answer is known, and how often their interval holds it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

import made_up_curves
from activezoo import cli, tables
from activezoo.errors import InputError
from activezoo.report import learning_curves, savings
from activezoo.report.savings import Curve

noisy = st.lists(st.floats(0.05, 0.4), min_size=3, max_size=12).map(np.array)


def curve(*rmse: float, first: float = 100, batch: float = 100) -> Curve:
    return Curve(first + batch * np.arange(len(rmse)), np.array(rmse, float))


def compared(strategy: Curve, baseline: Curve) -> savings.Comparison:
    return savings.compare(*(one._replace(rmse=savings.monotone(one.rmse)) for one in (strategy, baseline)))


def test_monotone_replaces_what_rises_by_its_mean():
    assert savings.monotone([0.3, 0.2, 0.22, 0.1]).tolist() == pytest.approx([0.3, 0.21, 0.21, 0.1])
    # The mean of the last two is above the one before, which joins them.
    assert savings.monotone([0.3, 0.2, 0.18, 0.25]).tolist() == pytest.approx([0.3, 0.21, 0.21, 0.21])


@given(noisy)
def test_monotone_is_isotonic_regression(rmse):
    np.testing.assert_allclose(savings.monotone(rmse), isotonic_regression(rmse, increasing=False), rtol=1e-12)


@pytest.mark.parametrize(
    ("level", "needed"),
    [
        (0.4, 100),  # above the first model, which costs what it costs
        (0.3, 100),
        (0.25, 100 * 2**0.5),  # half way from 100 to 200, in logarithms
        (0.2, 200),  # where a level stretch begins
        (0.15, 300 * (4 / 3) ** 0.5),
        (0.1, 400),
    ],
)
def test_what_a_curve_needs_is_read_off_in_log_votes(level, needed):
    falling = curve(0.3, 0.2, 0.2, 0.1)
    assert savings.amount_needed(np.array([level]), falling)[0] == pytest.approx(needed)


def test_levels_end_where_the_higher_curve_ends_whichever_that_is():
    low, high = curve(0.3, 0.2, 0.1), curve(0.3, 0.25, 0.2)
    for pair in ((low, high), (high, low)):
        found = compared(*pair)
        assert (found.rmse_from, found.rmse_to) == pytest.approx((0.29, 0.21))


def test_half_the_votes_at_each_level_is_half():
    baseline = curve(0.3, 0.2, 0.15, 0.12)
    strategy = baseline._replace(amount=baseline.amount / 2)
    found = compared(strategy, baseline)
    assert found.log_ratio == pytest.approx(np.log(0.5))
    assert found.needed_baseline / found.needed == pytest.approx(2)


def test_a_saving_by_hand():
    """Straight in log votes: the one falls by 0.1 from 100 to 200 votes, the other from 100 to 400."""
    strategy = Curve(np.array([100, 200, 400]), np.array([0.3, 0.2, 0.1]))
    baseline = Curve(np.array([100, 400]), np.array([0.3, 0.2]))
    assert compared(strategy, baseline).log_ratio == pytest.approx(0.5 * (np.log(200 / 100) - np.log(400 / 100)))


@pytest.mark.parametrize("flat", [(0.3, 0.3, 0.3), (0.3, 0.31, 0.32)])
def test_curves_that_do_not_fall_have_no_saving(flat):
    assert np.isnan(compared(curve(*flat), curve(0.3, 0.2, 0.1))).all()


@given(noisy, noisy, st.floats(0.1, 100))
def test_a_unit_of_votes_does_not_matter(first, second, factor):
    pair = [curve(*rmse) for rmse in (first, second)]
    scaled = [one._replace(amount=factor * one.amount) for one in pair]
    np.testing.assert_allclose(compared(*scaled).log_ratio, compared(*pair).log_ratio, atol=1e-9)


@given(noisy, noisy)
def test_swapped_strategies_turn_the_sign(first, second):
    pair = [curve(*rmse) for rmse in (first, second)]
    np.testing.assert_allclose(compared(*pair).log_ratio, -compared(*pair[::-1]).log_ratio, atol=1e-12)


def test_several_curves_at_once_are_each_by_itself():
    rng = np.random.default_rng(1)
    (strategy, _), (baseline, _) = made_up_curves.experiment(rng, 0.3, seeds=3, galaxies=50)
    together = compared(strategy, baseline)
    for seed in range(3):
        one = compared(*(Curve(of.amount[seed], of.rmse[seed]) for of in (strategy, baseline)))
        np.testing.assert_allclose([part[seed] for part in together], one)


def test_influence_is_what_more_of_a_galaxy_does():
    rng = np.random.default_rng(2)
    made = made_up_curves.experiment(rng, 0.3, seeds=1, galaxies=80)
    log_ratio, moved = made_up_curves.measured(made)
    assert moved.mean() == pytest.approx(0, abs=1e-9)
    for galaxy in (0, 40, 79):
        weights = np.ones(80)
        weights[galaxy] += 1e-4
        weighted = compared(*(Curve(one.amount, np.sqrt(squares @ weights / weights.sum())) for one, squares in made))
        assert (weighted.log_ratio[0] - log_ratio[0]) / 1e-4 * 80 == pytest.approx(moved[0, galaxy], rel=0.02, abs=1e-3)


def test_influence_has_the_variance_of_a_bootstrap():
    rng = np.random.default_rng(3)
    made = made_up_curves.experiment(rng, 0.3, seeds=1, galaxies=600, noise=0.01)
    _, moved = made_up_curves.measured(made)
    drawn = []
    for weights in rng.multinomial(600, np.full(600, 1 / 600), 400):
        resampled = [Curve(one.amount, np.sqrt(squares @ weights / 600)) for one, squares in made]
        drawn.append(compared(*resampled).log_ratio[0])
    assert np.sqrt((moved**2).mean() / 600) == pytest.approx(np.std(drawn), rel=0.2)


def test_the_interval_by_hand():
    """Mean 0.3, standard error √(0.02/2)=0.1 of two seeds; galaxies that move both alike add, others do not."""
    log_ratio = np.array([0.2, 0.4])
    low, high = savings.interval(log_ratio, np.array([[1.0, -1.0, 0, 0], [0, 0, 1.0, -1.0]]))
    assert (low, high) == pytest.approx((0.3 - 12.7062 * 0.1, 0.3 + 12.7062 * 0.1), rel=1e-4)
    low, high = savings.interval(log_ratio, np.array([[1.0, -1.0, 0, 0], [1.0, -1.0, 0, 0]]))
    assert high - 0.3 == pytest.approx(np.hypot(12.7062 * 0.1, 1.95996 * np.sqrt(2 / 16)), rel=1e-4)
    assert np.isnan(savings.interval(log_ratio[:1], np.ones((1, 4)))).all()


@pytest.mark.parametrize(("saving", "seeds"), [(0.0, 4), (0.5, 4), (0.5, 2), (0.0, 10)])
def test_the_interval_holds_the_truth_in_19_of_20_experiments(saving, seeds):
    """Of 400 experiments: an interval of 95 % passes with a probability of 0.999, and so fails one of 85 or 99.9 %."""
    found = made_up_curves.coverage(400, saving, seeds)
    assert 363 / 400 <= found["coverage"] <= 397 / 400
    # The estimate has no bias to speak of beside its scatter.
    assert np.log((1 - found["found"]) / (1 - found["truth"])) == pytest.approx(0, abs=0.2 * found["scatter"])


def test_best_is_the_largest_saving_at_the_rmse_of_any_model():
    """RMSE of 0.117 with 256 against 640 new galaxies is a saving of 60 % (§3.6)."""
    strategy = Curve(np.array([256, 384, 512, 640]), np.array([0.17, 0.14, 0.117, 0.116]))
    baseline = Curve(np.array([256, 576, 896, 1216]), np.array([0.17, 0.13, 0.117, 0.117]))
    assert savings.best(strategy, baseline) == pytest.approx((0.6, 0.117))


@pytest.mark.parametrize(
    ("strategy", "baseline", "expected"),
    [
        ((0.3, 0.25, 0.2), (0.3, 0.25, 0.2), (0, 0.25)),
        ((0.3, 0.31, 0.32), (0.3, 0.25, 0.2), (np.nan, np.nan)),  # it improves nowhere
        ((0.3, 0.25, 0.2), (0.3, 0.31, 0.32), (np.nan, np.nan)),  # random reaches nothing
        ((0.3, 0.1, 0.05), (0.3, 0.28, 0.25), (0.5, 0.25)),  # a first acquisition is the least there is
        ((0.3, 0.28, 0.24), (0.3, 0.25, 0.2), (1 - 200 / 120, 0.24)),  # more than its 100 against 40 at 0.28
    ],
)
def test_best_by_hand(strategy, baseline, expected):
    assert savings.best(curve(*strategy), curve(*baseline)) == pytest.approx(expected, nan_ok=True)


def test_equal_curves_save_at_best_what_luck_gives():
    rng = np.random.default_rng(4)
    (strategy, _), (baseline, _) = made_up_curves.experiment(rng, 0.0, seeds=3, galaxies=50)
    found = savings.best_of_equals(strategy, baseline, ("key",))
    assert len(found) == 8
    means = [Curve(*(part.mean(axis=0) for part in one)) for one in (strategy, baseline)]
    assert found[0] == savings.best(*means)[0]  # nothing swapped
    assert found[-1] == savings.best(*means[::-1])[0]  # all swapped
    many = [Curve(*(np.tile(part, (4, 1)) for part in one)) for one in (strategy, baseline)]
    by_key = savings.best_of_equals(*many, ("key",))
    assert len(by_key) == savings.MOST_SWAPS
    np.testing.assert_array_equal(by_key, savings.best_of_equals(*many, ("key",)))


def metrics_of(made: dict[str, tuple[Curve, np.ndarray]]) -> tuple[pd.DataFrame, dict]:
    """The table of metrics, and the errors, of made-up curves by strategy; two votes a galaxy."""
    rows, errors = [], {}
    for strategy, (curves, squares) in made.items():
        for seed, iteration in np.ndindex(curves.rmse.shape):
            votes, rmse = int(curves.amount[seed, iteration]), curves.rmse[seed, iteration]
            rows.append(("smooth", strategy, seed, iteration, votes, votes // 2, 1.0, 1.0, rmse, rmse - 0.01, 0.3))
            errors[strategy if iteration else "initial", seed, iteration] = squares[seed, iteration]
    return pd.DataFrame(rows, columns=list(learning_curves.COLUMNS)), errors


@pytest.fixture(scope="module")
def run():
    made = made_up_curves.experiment(np.random.default_rng(5), 0.5, seeds=3, galaxies=60)
    return metrics_of(dict(zip(("bald", "random"), made, strict=True)))


def test_the_table_has_a_row_for_each_seed_and_one_for_all(run):
    table = savings.savings(*run)
    assert tuple(table.columns) == savings.COLUMNS
    assert table.seed.tolist() == ["0", "1", "2", "all"] * 2
    votes = table[table.currency == "votes"].set_index("seed")
    mean = 1 - np.exp(np.log(1 - votes.saving[["0", "1", "2"]]).mean())
    assert votes.saving["all"] == pytest.approx(mean)
    assert votes.low["all"] < mean < votes.high["all"]
    assert votes.low.drop("all").isna().all()
    assert 1 - votes.needed["all"] / votes.needed_baseline["all"] == pytest.approx(mean)
    assert votes.best_equal_median["all"] < votes.best_equal_95["all"]
    # Each galaxy has two votes, so that the saving is the same.
    galaxies = table[table.currency == "galaxies"].set_index("seed")
    pd.testing.assert_series_equal(galaxies.saving, votes.saving)
    pd.testing.assert_series_equal(2 * galaxies.reach, votes.reach)


def test_a_strategy_that_chooses_without_a_model_is_a_baseline_and_is_compared_itself():
    rng = np.random.default_rng(6)
    bald, random = made_up_curves.experiment(rng, 0.5, seeds=2, galaxies=40)
    table = savings.savings(*metrics_of({"bald": bald, "random": random, "random_few": random}))
    pairs = table[["strategy", "baseline"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["bald", "random"], ["random_few", "random"], ["bald", "random_few"]]
    same = table[(table.strategy == "random_few") & (table.seed == "all")]
    assert same.saving.tolist() == [0, 0]


def test_one_seed_has_no_interval_and_no_baseline_no_row(run):
    metrics, errors = run
    table = savings.savings(metrics[metrics.seed == 1], errors)
    assert table.saving.notna().all()
    assert table[["low", "high"]].isna().all(axis=None)
    assert savings.savings(metrics[metrics.strategy == "bald"], errors).empty


def test_a_seed_without_a_common_range_leaves_all_undefined(run):
    metrics, errors = run
    flat = (metrics.seed == 1) & (metrics.strategy == "bald") & (metrics.iteration > 0)
    table = savings.savings(metrics.assign(rmse=metrics.rmse.mask(flat, 0.5)), errors)
    table = table[table.currency == "votes"].set_index("seed")
    assert table.saving.isna().to_dict() == {"0": False, "1": True, "2": False, "all": True}
    assert np.isnan(table.low["all"])
    assert table.reach["all"] > 0


def test_strategies_must_have_run_alike(run):
    metrics, errors = run
    for part in (metrics.seed == 2, metrics.iteration == 20):
        with pytest.raises(InputError, match=r"'bald' ran with seeds .* 'random' with .*must have run alike"):
            savings.savings(metrics[~(part & (metrics.strategy == "bald"))], errors)


def test_the_step_reads_the_models_and_writes_twice_and_alike(run, tmp_path):
    metrics, _ = run
    folders, rng = [], np.random.default_rng(7)
    for row in metrics.itertuples():
        if row.iteration == 0 and row.strategy == "random":
            continue
        folders.append(tmp_path / f"{row.strategy}_{row.seed}_{row.iteration}")
        model = {**row._asdict(), "strategy": row.strategy if row.iteration else "initial"}
        del model["Index"]
        tables.write({name: [value] for name, value in model.items()}, folders[-1] / "metrics.parquet")
        tested = {"id": list("abcd"), "k": [1, 2, 3, 4], "N": [4] * 4, "rho": rng.random(4)}
        tables.write(tested, folders[-1] / "evaluation.parquet")
    tables.write_with_csv(metrics, tmp_path / "metrics.parquet")
    flags = [f"--evaluations={folder / 'evaluation.parquet'}" for folder in folders]
    flags += [f"--metrics={tmp_path / 'metrics.parquet'}", f"--parquet={tmp_path / 'savings.parquet'}"]
    assert cli.main(["savings", *flags]) == 0
    table = pd.read_parquet(tmp_path / "savings.parquet")
    assert len(table) == 8
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "savings.csv", dtype={"seed": "str"}), table)
    errors = savings.squared_errors([folders[0] / "evaluation.parquet"])
    tested = pd.read_parquet(folders[0] / "evaluation.parquet")
    np.testing.assert_allclose(errors["initial", 0, 0], (tested.rho - tested.k / tested.N) ** 2)


def test_other_test_galaxies_are_refused(tmp_path):
    for name, galaxies in (("a", ["1", "2"]), ("b", ["1", "3"])):
        tables.write({"strategy": ["bald"], "seed": [1], "iteration": [1]}, tmp_path / name / "metrics.parquet")
        tables.write(
            {"id": galaxies, "k": [1, 2], "N": [4, 4], "rho": [0.1, 0.2]}, tmp_path / name / "evaluation.parquet"
        )
    with pytest.raises(InputError, match=r"b/evaluation\.parquet: its galaxies are not those of .*a/evaluation"):
        savings.squared_errors([tmp_path / name / "evaluation.parquet" for name in "ab"])
