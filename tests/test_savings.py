"""Savings of curves whose answer is known, and how often their intervals hold it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from activezoo import tables
from activezoo.errors import InputError
from activezoo.report import learning_curves, savings
from activezoo.report.savings import Curve

VOTES = 640.0 * np.arange(1, 22)


def curve(*rmse: float, first: float = 100, step: float = 100) -> Curve:
    return Curve(first + step * np.arange(len(rmse)), np.array(rmse, float))


def power_law(exponent: float) -> Curve:
    """A curve that starts at the same model whatever the exponent, which is that of votes."""
    return Curve(VOTES, 0.19 * (VOTES / VOTES[0]) ** -exponent)


def test_the_closest_falling_curve_by_hand():
    np.testing.assert_allclose(savings.monotone([0.3, 0.1, 0.2, 0.05]), [0.3, 0.15, 0.15, 0.05])


def test_amounts_are_read_off_by_straight_lines_in_log_amount():
    falling = Curve(np.array([100.0, 400.0, 1600.0]), np.array([0.3, 0.2, 0.2]))
    found = savings.amount_needed(np.array([0.3, 0.25, 0.2]), falling)
    np.testing.assert_allclose(found, [100, 200, 400])


def test_a_saving_by_hand():
    """Both fall linearly in log votes from 0.3, one twice as fast: it needs the square root of the other's factor."""
    slow = Curve(np.array([1.0, 4.0, 16.0]), np.array([0.3, 0.2, 0.1]))
    fast = Curve(np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.2, 0.1]))
    found = savings.saving(fast, slow)
    assert (found.rmse_from, found.rmse_to) == pytest.approx((0.28, 0.12))
    # At the fraction f of the range the slow one needs 16^f, and the fast one 4^f.
    assert found.log_ratio == pytest.approx(-np.log(4) * 0.5)
    assert (found.needed, found.needed_baseline) == pytest.approx((2, 4))


CURVES = st.lists(st.floats(0.05, 0.5), min_size=6, max_size=6)


@given(CURVES, CURVES, st.floats(0.1, 10))
def test_savings_are_symmetric_and_the_same_in_any_unit(one, other, unit):
    curves = [curve(*savings.monotone([0.6, *values])) for values in (one, other)]
    found, back = savings.saving(*curves), savings.saving(*curves[::-1])
    np.testing.assert_allclose(found.log_ratio, -back.log_ratio, atol=1e-12)
    scaled = savings.saving(*(each._replace(amount=unit * each.amount) for each in curves))
    np.testing.assert_allclose(scaled.log_ratio, found.log_ratio, atol=1e-9)
    np.testing.assert_allclose(scaled.needed, unit * found.needed)


def test_equal_curves_save_nothing_and_flat_ones_nothing_that_is_defined():
    assert savings.saving(power_law(0.1), power_law(0.1)).log_ratio == 0
    assert np.isnan(savings.saving(curve(0.2, 0.2), curve(0.2, 0.1)).log_ratio)


def test_best_of_the_paper():
    """RMSE of 0.117 with 256 against 640 new labels is a saving of 60 % (§3.6)."""
    random = curve(0.2, 0.17, 0.15, 0.14, 0.13, 0.117, 0.116, first=256, step=128)
    active = curve(0.2, 0.15, 0.117, 0.1165, 0.1163, 0.1161, 0.116, first=256, step=128)
    assert savings.best(active, random) == (pytest.approx(0.6), 0.117)


def test_there_is_no_best_above_the_first_model_or_below_what_the_other_reaches():
    assert np.isnan(savings.best(curve(0.2, 0.3), curve(0.2, 0.1))[0])
    assert np.isnan(savings.best(curve(0.2, 0.1), curve(0.2, 0.15))[0])


def test_if_curves_are_equal_best_is_that_of_all_swaps():
    rng = np.random.default_rng(1)
    one, other = ([curve(0.3, *rng.uniform(0.1, 0.3, 5)) for _ in range(2)] for _ in range(2))
    expected = []
    for first, second in ((0, 0), (0, 1), (1, 0), (1, 1)):
        pairs = [((one, other)[side][seed], (other, one)[side][seed]) for seed, side in enumerate((first, second))]
        expected.append(savings.best(*(savings.mean_curve(side) for side in zip(*pairs, strict=True)))[0])
    np.testing.assert_allclose(savings.equal_best(one, other, ("key",)), expected)
    many = [curve(0.3, *rng.uniform(0.1, 0.3, 3)) for _ in range(12)]
    assert len(savings.equal_best(many, many, ("key",))) == 1024


def experiment(
    rng, exponent: float, seeds: int, galaxies: int = 200, resamples: int = 25
) -> tuple[float, float, float]:
    """Mean log ratio of one simulated experiment, and its interval.

    Test galaxies are more or less hard for all models; on some a strategy is better in each seed, on others a seed in
    both strategies. Models scatter by 3 % about their curve, seeds by 4 %, and a strategy has luck in a seed.
    """
    hard = rng.lognormal(0, 0.8, galaxies)
    shared, of_strategy = rng.normal(size=galaxies), rng.normal(size=(2, galaxies))
    weights_GR = rng.multinomial(galaxies, np.full(galaxies, 1 / galaxies), resamples).T / galaxies
    log_ratios, resampled = [], []
    for _ in range(seeds):
        of_seed, level, curves = rng.normal(size=galaxies), np.exp(rng.normal(0, 0.04)), []
        first = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.normal(size=galaxies)
        for side, steepness in enumerate((exponent, 0.16)):
            own = rng.normal(size=(len(VOTES), galaxies))
            errors = np.sqrt(0.4) * shared + np.sqrt(0.15) * of_seed + np.sqrt(0.1) * of_strategy[side]
            errors = errors + np.sqrt(0.35) * own
            luck = np.exp(rng.normal(0, 0.03) * np.linspace(0, 1, len(VOTES)) + rng.normal(0, 0.03, len(VOTES)))
            luck[0], errors[0] = 1, first
            squared = hard * (errors * (level * luck * power_law(steepness).rmse)[:, None]) ** 2
            rmse = np.concatenate([squared.mean(axis=1)[:, None], squared @ weights_GR], axis=1) ** 0.5
            curves.append([Curve(VOTES, savings.monotone(each)) for each in rmse.T])
        found = [savings.saving(*pair).log_ratio for pair in zip(*curves, strict=True)]
        log_ratios.append(found[0])
        resampled.append(found[1:])
    return np.mean(log_ratios), *savings.interval(np.array(log_ratios), np.array(resampled))


@pytest.mark.parametrize("exponent", [0.16, 0.32], ids=["equal curves", "a saving of half"])
def test_the_interval_holds_the_truth_in_95_of_100_experiments(exponent):
    """Of 250 experiments: an interval that held it in 88 % would hardly ever pass."""
    truth = savings.saving(power_law(exponent), power_law(0.16)).log_ratio
    assert 1 - np.exp(truth) == pytest.approx(0 if exponent == 0.16 else 0.5, abs=0.01)
    rng = np.random.default_rng(1)
    found = np.array([experiment(rng, exponent, seeds=4) for _ in range(250)])
    held = ((found[:, 1] <= truth) & (truth <= found[:, 2])).sum()
    assert binom.cdf(held, 250, 0.95) > 0.0005
    assert binom.sf(held - 1, 250, 0.95) > 0.0005
    # Noise draws the ends of monotone curves apart, where a saving may be another: it reads a little larger than it is.
    assert found[:, 0].mean() == pytest.approx(truth, abs=0.06)


def test_what_test_galaxies_do_to_all_seeds_alike_widens_the_interval_and_what_they_do_to_one_does_not():
    rng = np.random.default_rng(2)
    log_ratio_S = np.array([-0.5, -0.4, -0.6, -0.5])
    apart = rng.normal(0, 0.1, (4, 4000))
    low, high = savings.interval(log_ratio_S, apart)
    assert high - low == pytest.approx(2 * 3.182 * log_ratio_S.std(ddof=1) / 2, rel=0.05)
    wide = np.subtract(*savings.interval(log_ratio_S, apart + rng.normal(0, 0.2, 4000))[::-1])
    assert wide == pytest.approx(2 * np.hypot((high - low) / 2, 1.96 * 0.2), rel=0.05)
    assert np.isnan(savings.interval(log_ratio_S[:1], apart[:1])).all()


def made_up(strategies=("bald", "random"), seeds=(1, 2, 3), iterations=5, galaxies=50):
    """Metrics, and squared errors of all models: the first of each seed shared, BALD better than random."""
    rng = np.random.default_rng(3)
    rows, errors = [], {}
    hard = rng.lognormal(size=galaxies)
    for seed in seeds:
        for strategy in strategies:
            for iteration in range(iterations + 1):
                scale = 0.3 * (1 + iteration) ** (-0.4 if strategy == "bald" else -0.2)
                squared = scale**2 * hard * rng.uniform(0.9, 1.1, galaxies)
                if not iteration:
                    squared = errors.get((strategies[0], seed, 0), squared)
                errors[strategy, seed, iteration] = squared
                size = 10 + 8 * iteration
                numbers = ("smooth", strategy, seed, iteration, 40 * size, size)
                rows.append((*numbers, 1.0, 1.0, np.sqrt(squared.mean()), 0.1, 0.3))
    return pd.DataFrame(rows, columns=list(learning_curves.COLUMNS)), errors


def test_the_table_has_each_seed_and_all_in_both_currencies():
    metrics, errors = made_up()
    table = savings.savings(metrics, errors)
    assert list(table.columns) == list(savings.COLUMNS)
    assert table.seed.tolist() == ["1", "2", "3", "all"] * 2
    for currency, rows in table.groupby("currency"):
        of_seed, together = rows[rows.seed != "all"], rows[rows.seed == "all"].iloc[0]
        assert 1 - together.saving == pytest.approx(np.exp(np.log(1 - of_seed.saving).mean()))
        assert together.low < together.saving < together.high < 1
        for seed in (1, 2, 3):
            curves = []
            for name in ("bald", "random"):
                run = metrics[(metrics.strategy == name) & (metrics.seed == seed)]
                curves.append(Curve(run[currency].to_numpy(float), savings.monotone(run.rmse)))
            expected = savings.saving(*curves)
            row = of_seed[of_seed.seed == str(seed)].iloc[0]
            assert 1 - row.saving == pytest.approx(np.exp(expected.log_ratio))
            assert row.needed / row.needed_baseline == pytest.approx(1 - row.saving)
    pd.testing.assert_frame_equal(table, savings.savings(metrics, errors))


def test_every_strategy_is_compared_with_those_that_choose_by_no_model():
    metrics, errors = made_up(("bald", "random", "random_few"))
    pairs = savings.savings(metrics, errors)[["strategy", "baseline"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["bald", "random"], ["random_few", "random"], ["bald", "random_few"], ["random", "random_few"]]


@pytest.mark.parametrize("strategies", [("bald",), ("random",)])
def test_with_one_strategy_there_is_nothing_to_compare(strategies):
    table = savings.savings(*made_up(strategies))
    assert table.empty
    assert list(table.columns) == list(savings.COLUMNS)


def test_one_seed_has_no_interval():
    table = savings.savings(*made_up(seeds=(7,)))
    assert table[["low", "high"]].isna().all(axis=None)
    assert table.saving.notna().all()


def test_seeds_must_match():
    metrics, errors = made_up()
    metrics = metrics[(metrics.strategy == "bald") | (metrics.seed < 3)]
    with pytest.raises(InputError, match=r"'bald' ran with seeds \[1, 2, 3\], 'random' with \[1, 2\]"):
        savings.savings(metrics, errors)


def test_the_table_is_written_twice_and_alike(tmp_path):
    table = savings.savings(*made_up())
    tables.write_with_csv(table, tmp_path / "savings.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "savings.parquet"), table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "savings.csv", dtype={"seed": "str"}), table)


def test_models_must_be_tested_on_the_same_galaxies(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "ab"]
    tables.write({"id": ["a", "b"], "k": [1, 2], "N": [4, 4], "rho": [0.5, 0.5]}, paths[0])
    tables.write({"id": ["a", "c"], "k": [1, 2], "N": [4, 4], "rho": [0.5, 0.5]}, paths[1])
    np.testing.assert_allclose(savings.squared_errors(paths[:1]), [[0.0625, 0]])
    with pytest.raises(InputError, match=r"b\.parquet: other test galaxies than those of the other models"):
        savings.squared_errors(paths)
