"""Split-conformal intervals: their promise, for any galaxies and any model, and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import conformal, counts
from activezoo.posteriors.counts import LEVELS
from made_up_posteriors import pmf_of, rhos, survey


def rows_of(predictions, rows):
    return Predictions([predictions.ids[row] for row in rows], predictions.rho_GT[rows], predictions.weights_T)


def found_by(calibration, predictions, responses):
    """Lowest and highest counts of galaxies, by level."""
    ends = np.empty((len(LEVELS), 2, len(responses)), int)
    for rows, _, pmf_RK in counts.posteriors(predictions, responses):
        ends[..., rows] = calibration.intervals(pmf_RK, calibration.group(rows_of(predictions, rows)))
    return dict(zip(LEVELS, ends, strict=True))


@st.composite
def galaxies(draw, least=2, most=24):
    """Any galaxies: any networks, any N, any votes."""
    number = draw(st.integers(least, most))
    rho_GT = np.array(draw(st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.5, 1.0]) | st.floats(0, 1), min_size=2,
                                             max_size=2), min_size=number, max_size=number)))  # fmt: skip
    responses = np.array(draw(st.lists(st.integers(1, 12), min_size=number, max_size=number)))
    k = np.array([draw(st.integers(0, n)) for n in responses])
    return Predictions([f"galaxy{row}" for row in range(number)], rho_GT, np.full(2, 0.5)), k, responses


@given(galaxies())
@settings(max_examples=40, deadline=None)
def test_of_any_galaxies_each_in_turn_being_new_enough_are_held(made_up):
    """The promise itself, without chance: exchangeable means that each is as likely to be the new one."""
    predictions, k, responses = made_up
    held = dict.fromkeys(LEVELS, 0)
    for new in range(len(k)):
        others = np.delete(np.arange(len(k)), new)
        calibration = conformal.calibrate(rows_of(predictions, others), k[others], responses[others])
        found = found_by(calibration, rows_of(predictions, [new]), responses[[new]])
        for level, (low, high) in found.items():
            assert 0 <= low[0] <= high[0] <= responses[new]
            held[level] += low[0] <= k[new] <= high[0]
    for level in LEVELS:
        assert held[level] >= level * len(k) - 1e-9


@pytest.mark.parametrize("model", ["sure and wrong", "not sure", "knows nothing", "good"])
def test_held_as_often_as_said_and_hardly_more_whatever_the_model(model):
    rng = np.random.default_rng(3)
    good, k, responses = survey(galaxies=6000, seed=1)
    rho_GT = {
        "sure and wrong": 1 - good.rho_GT,
        "not sure": rng.beta(0.5, 0.5, good.rho_GT.shape),
        "knows nothing": np.full(good.rho_GT.shape, 0.5),
        "good": good.rho_GT,
    }[model]
    predictions = good._replace(rho_GT=rho_GT)
    calibration = conformal.calibrate(rows_of(predictions, range(3000)), k[:3000], responses[:3000])
    new = np.arange(3000, 6000)
    for level, (low, high) in found_by(calibration, rows_of(predictions, new), responses[new]).items():
        held = np.mean((low <= k[new]) & (k[new] <= high))
        scatter = 4 * math.sqrt(2 * level * (1 - level) / 3000)
        assert level - scatter < held
        # A model that gives all galaxies of one N the same posterior has steps of probability; others have hardly any.
        assert model == "knows nothing" or held < level + scatter


def test_groups_are_each_held_where_one_for_all_fails():
    """A model that is right about one kind of galaxy, and too sure of another."""
    rng = np.random.default_rng(5)
    rho = np.repeat([0.2, 0.7], 3000)
    responses = np.full(6000, 40)
    k = rng.binomial(40, np.where(rho < 0.5, rho, rng.beta(7, 3, 6000)))
    predictions = Predictions([str(row) for row in range(6000)], rho[:, None], np.ones(1))
    calibrating, new = np.arange(0, 6000, 2), np.arange(1, 6000, 2)
    held = {}
    for edges in ((), (0.5,)):
        calibration = conformal.calibrate(
            rows_of(predictions, calibrating), k[calibrating], responses[calibrating], edges
        )
        low, high = found_by(calibration, rows_of(predictions, new), responses[new])[0.95]
        inside = (low <= k[new]) & (k[new] <= high)
        held[edges] = [inside[rho[new] < 0.5].mean(), inside[rho[new] > 0.5].mean()]
    assert min(held[()]) < 0.93
    assert min(held[(0.5,)]) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 750)


@given(st.lists(rhos.filter(lambda rho: len(rho) == 2), min_size=1, max_size=25), st.integers(1, 20), st.data())
@settings(max_examples=40, deadline=None)
def test_tails_ranks_and_intervals_by_brute_force(rho, n, data):
    weights = [0.3, 0.7]
    predictions = Predictions([str(row) for row in range(len(rho))], np.array(rho), np.array(weights))
    k = np.array([data.draw(st.integers(0, n)) for _ in rho])
    responses = np.full(len(k), n)
    pmfs = [pmf_of(rho_T, n, weights) for rho_T in rho]

    def tail(pmf, count):
        return min(math.fsum(pmf[: count + 1]), math.fsum(pmf[count:]))

    tails = sorted(tail(pmf, count) for pmf, count in zip(pmfs, k, strict=True))
    calibration = conformal.calibrate(predictions, k, responses)
    found = found_by(calibration, predictions, responses)
    for level, percent in ((0.68, 68), (0.95, 95)):
        rank = (len(k) + 1) * (100 - percent) // 100
        allowed = min(tails[rank - 1], 0.5) if rank else 0
        assert calibration.tails[0, LEVELS.index(level)] == pytest.approx(allowed, abs=1e-12)
        for pmf, low, high in zip(pmfs, *found[level], strict=True):
            inside = [count for count in range(n + 1) if tail(pmf, count) >= allowed]
            near = [count for count in range(n + 1) if abs(tail(pmf, count) - allowed) < 1e-8]
            assert low in (inside[0], *near)
            assert high in (inside[-1], *near)


@pytest.mark.parametrize(("galaxies", "level", "rank"), [(19, 0.95, 1), (18, 0.95, 0), (24, 0.68, 8), (99, 0.68, 32)])
def test_the_rank_of_the_allowed_tail(galaxies, level, rank):
    tails = np.random.default_rng(1).permutation(np.arange(1, galaxies + 1)) / 1000
    assert conformal.allowed_tail(tails, level) == rank / 1000


def test_too_few_galaxies_hold_all_counts_and_are_named():
    predictions, k, responses = survey(galaxies=18)
    calibration = conformal.calibrate(predictions, k, responses)
    low, high = found_by(calibration, predictions, responses)[0.95]
    assert (low == 0).all()
    assert (high == responses).all()
    (said,) = calibration.too_few()
    assert said.startswith("of predicted ρ from 0 to 1, intervals of 95 % hold all counts: 18 held-out galaxies")


def test_intervals_of_a_level_lie_within_those_of_a_higher_one():
    predictions, k, responses = survey(galaxies=200)
    calibration = conformal.calibrate(predictions, k, responses, [0.3, 0.6])
    (low, high), (lower, higher) = found_by(calibration, predictions, responses).values()
    assert (lower <= low).all()
    assert (high <= higher).all()


def test_an_edge_belongs_to_the_group_above_and_no_galaxy_is_in_two():
    predictions = Predictions(["a", "b", "c", "d"], np.array([[0.2], [0.3], [0.5], [1.0]]), np.ones(1))
    calibration = conformal.calibrate(predictions, np.ones(4, int), np.full(4, 2), [0.3, 0.6])
    assert calibration.group(predictions).tolist() == [0, 1, 1, 2]
    assert calibration.galaxies == (1, 2, 1)


def test_a_calibration_comes_back_from_its_file(tmp_path):
    predictions, k, responses = survey(galaxies=60)
    for edges in ((), (0.2, 0.7)):
        calibration = conformal.calibrate(predictions, k, responses, edges)
        tables.write_with_csv(calibration.table(), tmp_path / "conformal")
        back = conformal.read(tmp_path / "conformal.parquet")
        assert back[:2] == calibration[:2]
        np.testing.assert_array_equal(back.tails, calibration.tails)


def test_other_files_are_refused(tmp_path):
    tables.write({"group": [1]}, tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet: no column 'rho_from'"):
        conformal.read(tmp_path / "other.parquet")
    predictions, k, responses = survey(galaxies=60)
    table = conformal.calibrate(predictions, k, responses).table()
    tables.write_with_csv(table[:1], tmp_path / "half")
    with pytest.raises(InputError, match=r"half\.parquet: not a row for each group"):
        conformal.read(tmp_path / "half.parquet")
