"""Posteriors over counts against loops written from the definitions, with SciPy's binomial."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from activezoo.posteriors import counts
from made_up_posteriors import WEIGHTS, pmf_of, rhos, single, survey


@pytest.mark.parametrize("n", [9, 40, 59])
def test_of_equally_likely_counts_the_lowest_is_k_hat(n):
    # Bin(k; ρ, N) is greatest at both k and k − 1 if (N + 1) ρ = k.
    for k in range(1, n + 1):
        assert counts.estimate(*single([k / (n + 1)], n)) == k - 1
    assert counts.estimate(*single([0.2, 0.8], 10)) == 2


def test_estimates_of_k():
    predictions, _, responses = survey()
    pmfs = [pmf_of(rho_T, n, WEIGHTS) for rho_T, n in zip(predictions.rho_GT, responses, strict=True)]
    np.testing.assert_array_equal(counts.estimate(predictions, responses), [np.argmax(pmf) for pmf in pmfs])
    mean = counts.estimate(predictions, responses, "mean")
    np.testing.assert_allclose(mean, responses * (predictions.rho_GT @ WEIGHTS))
    with pytest.raises(ValueError, match="'median', not one of mode, mean"):
        counts.estimate(predictions, responses, "median")


@given(rhos, st.integers(1, 30))
@settings(deadline=None)
def test_majority_probability(rho, n):
    pmf = pmf_of(rho, n, [1 / len(rho)] * len(rho))
    expected = sum(p * (1 if 2 * j > n else 0.5 if 2 * j == n else 0) for j, p in enumerate(pmf))
    assert counts.majority_probability(*single(rho, n))[0] == pytest.approx(expected, abs=1e-9)


@given(rhos, st.integers(1, 30), st.data())
@settings(deadline=None)
def test_crps_and_surprise_by_hand(rho, n, data):
    k = data.draw(st.integers(0, n))
    predictions, responses = single(rho, n)
    pmf = pmf_of(rho, n, predictions.weights_T)
    expected = sum((sum(pmf[: j + 1]) - (k <= j)) ** 2 for j in range(n + 1)) / n
    assert counts.crps(predictions, np.array([k]), responses)[0] == pytest.approx(expected, abs=1e-9)
    if pmf[k] > 0:
        surprise = counts.surprise(predictions, np.array([k]), responses)[0]
        assert surprise == pytest.approx(-math.log(pmf[k]), abs=1e-6)


@given(rhos, st.integers(1, 30))
@settings(deadline=None)
def test_predictive_entropy_is_the_surprise_expected(rho, n):
    predictions, responses = single(rho, n)
    pmf = pmf_of(rho, n, predictions.weights_T)
    expected = -sum(p * math.log(p) for p in pmf if p > 0)
    assert counts.predictive_entropy(predictions, responses)[0] == pytest.approx(expected, abs=1e-9)


def test_predictive_entropies_stand_in_the_order_of_the_galaxies(monkeypatch):
    predictions, _, responses = survey()
    whole = counts.predictive_entropy(predictions, responses)
    pmfs = [pmf_of(rho_T, n, WEIGHTS) for rho_T, n in zip(predictions.rho_GT, responses, strict=True)]
    np.testing.assert_allclose(whole, [stats.entropy(pmf) for pmf in pmfs], atol=1e-9)
    monkeypatch.setattr(counts, "_CHUNK_VALUES", 1)  # one galaxy at a time
    np.testing.assert_allclose(counts.predictive_entropy(predictions, responses), whole, rtol=1e-12)


def test_crps_of_a_certain_prediction_is_its_absolute_error():
    predictions, responses = single([1.0], 20)
    assert counts.crps(predictions, np.array([13]), responses)[0] == pytest.approx(7 / 20)


def test_surprise_is_finite_where_the_pmf_underflows():
    predictions, responses = single([1e-7], 70)
    assert counts.surprise(predictions, np.array([70]), responses)[0] == pytest.approx(70 * math.log(1e7))
