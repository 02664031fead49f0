"""How good a live survey is, what more votes would buy, and when it stops asking."""

import numpy as np
import pandas as pd
import pytest

import stopping
from activezoo.report import progress
from activezoo.report.progress import Curve

VOTES = 640 * np.arange(1, 13)


def power_law(models=12, scale=1.0, power=0.3, galaxies=50):
    """A curve without any noise."""
    votes_M = VOTES[:models].astype(float)
    return Curve(votes_M, (scale * votes_M**-power) ** 2, np.zeros((models, galaxies)))


def test_the_noise_of_votes_is_taken_out():
    rng = np.random.default_rng(1)
    rho_MG = rng.random((3, 40))
    responses_G = rng.integers(1, 9, 40)
    k_G = rng.binomial(responses_G, rng.random(40))
    learnt = progress.curve([10, 20, 30], rho_MG, k_G, responses_G)
    # Pairs of votes tell ρ² without bias: k (k − 1) of N (N − 1) pairs are both positive.
    some = responses_G > 1
    k_G, n_G, rho_MG = k_G[some], responses_G[some], rho_MG[:, some]
    square_MG = rho_MG**2 - 2 * rho_MG * k_G / n_G + k_G * (k_G - 1) / (n_G * (n_G - 1))
    np.testing.assert_allclose(learnt.mean_square_M, square_MG.mean(axis=1))
    np.testing.assert_allclose(
        (learnt.influence_MG @ learnt.influence_MG.T), np.cov(square_MG, bias=True) / square_MG.shape[1]
    )


def test_galaxies_of_one_vote_alone_tell_nothing():
    learnt = progress.curve([10], np.full((1, 3), 0.5), np.array([1, 0, 1]), np.ones(3, int))
    assert np.isnan(learnt.mean_square_M).all()
    expected = progress.forecast(learnt, 10, 0.1, 0.01)
    assert expected.stop is None


def test_a_power_law_is_found_and_followed():
    expected = progress.forecast(power_law(), 640, 0.05, None)
    np.testing.assert_allclose(expected.now, [7680**-0.3] * 3)
    np.testing.assert_allclose(expected.after, [8320**-0.3] * 3)
    np.testing.assert_allclose(expected.gain, [7680**-0.3 - 8320**-0.3] * 3, atol=1e-9)
    np.testing.assert_allclose(expected.votes_for_target, [0.05 ** (-1 / 0.3)] * 3)
    assert (expected.votes, expected.next_votes, expected.stop) == (7680, 640, None)


@pytest.mark.parametrize(
    ("target", "least", "models", "stops"),
    [
        (0.0684, None, 12, "RMSE 0.068 has reached live.target_rmse 0.0684"),
        (0.0682, None, 12, None),
        (None, 0.0017, 12, "the next 640 votes would lower RMSE 0.068 by 0.0016, less than live.min_gain 0.0017"),
        (None, 0.0016, 12, None),
        (None, 1, 3, None),
        (None, None, 12, None),
    ],
)
def test_asking_stops_when_it_is_good_enough_or_gains_too_little(target, least, models, stops):
    stop = progress.forecast(power_law(models), 640, target, least).stop
    assert (stop or "").startswith(stops or "")
    assert (stop is None) == (stops is None)


def test_few_test_galaxies_are_no_reason_to_stop():
    """That the noise of their votes is more than all that there is does not mean that RMSE is 0."""
    learnt = Curve(VOTES[:2].astype(float), np.array([-0.01, 0.002]), np.full((2, 4), 0.02) * [1, -1, 1, -1])
    for models in (1, 2):
        first = Curve(learnt.votes_M[:models], learnt.mean_square_M[:models], learnt.influence_MG[:models])
        assert progress.forecast(first, 640, 0.1, None).stop is None
        assert progress.forecast(first, 640, 1.0, None).stop  # which it cannot exceed


def test_a_curve_that_does_not_fall_reaches_no_target():
    expected = progress.forecast(power_law(power=-0.1), 640, 0.01, None)
    assert np.isinf(expected.votes_for_target.value)


def test_intervals_hold_the_truth():
    survey = stopping.Survey(2_560, floor=0.0)
    held = []
    for seed in range(40):
        made = stopping.simulate(survey, seed)
        now = made.forecast(15).now
        held.append(now.low <= made.rmse_M[15] <= now.high)
    assert np.mean(held) >= 0.85


def test_asking_stops_about_when_it_should():
    """Of as many simulated surveys as docs/live.md has, a smaller number."""
    found = np.array([stopping.experiment(stopping.Survey(10_240), seed) for seed in range(8)])
    target, gain = found[:, :, 0].T
    assert 0.85 <= np.median(target) <= 1.2
    assert (target >= 0.6).all()
    assert 0.95 <= np.median(gain) <= 1.1
    assert ((gain >= 0.8) & (gain <= 1.2)).all()


def test_a_curve_that_bends_is_followed_where_it_ends():
    floored = Curve(VOTES.astype(float), (0.05 + VOTES**-0.35) ** 2, np.zeros((12, 50)))
    straight = np.polyfit(*np.log([VOTES, floored.rmse_M]), 1)
    gain = progress.forecast(floored, 640, None, None).gain.value
    true = VOTES[-1] ** -0.35 - (VOTES[-1] + 640) ** -0.35
    of_line = -np.diff(np.exp(np.polyval(straight, np.log([VOTES[-1], VOTES[-1] + 640]))))[0]
    assert abs(gain - true) < 0.3 * abs(of_line - true)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "smooth: after 7,680 votes, RMSE is 0.068 ± 0.000. The next 640 votes: RMSE 0.068 → 0.067 ± 0.000."),
        ({"now": 0.0}, "RMSE cannot be told yet: the test galaxies are too few."),
        ({"stop": "it is enough"}, "Nothing more is asked: it is enough."),
        ({"gain": np.nan}, "What more votes would buy is told after the next ask."),
        ({"gain": -0.1}, "The curve does not fall yet"),
    ],
)
def test_the_forecast_in_words(changes, said):
    row = progress.row("smooth", progress.forecast(power_law(), 640, 0.05, None)).iloc[0]
    assert said in progress.sentences(pd.Series(row.to_dict() | changes), 0.05)
