"""Likelihood and entropies against SciPy and against sums written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from activezoo.model import votes

# SciPy overflows at the smallest floats.
probability = st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1 - 1e-9)
rhos = st.lists(probability, min_size=1, max_size=6)


@given(rhos, st.integers(1, 60))
def test_pmf_is_binomial(rho, n):
    expected = stats.binom.pmf(np.arange(n + 1), n, np.array(rho)[:, None])
    np.testing.assert_allclose(np.exp(votes.log_pmf(np.array(rho), n)), expected, atol=1e-12)


@given(st.floats(0.001, 0.999), st.integers(1, 60), st.data())
def test_loss_is_the_log_likelihood_without_its_constant(rho, n, data):
    k = data.draw(st.integers(0, n))
    expected = -(stats.binom.logpmf(k, n, rho) - math.log(math.comb(n, k)))
    assert votes.binomial_loss(rho, k, n) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_loss_at_certain_answers():
    assert votes.binomial_loss(0.0, 0, 40) == 0
    assert votes.binomial_loss(1.0, 40, 40) == 0
    assert votes.binomial_loss(0.0, 1, 40) > 100


@given(probability, st.integers(1, 60))
def test_entropy_is_that_of_scipy(rho, n):
    pmf = stats.binom.pmf(np.arange(n + 1), n, rho)
    assert votes.entropy(pmf) == pytest.approx(stats.entropy(pmf), abs=1e-9)


def information_written_out(rhos, weights, n):
    """Paper Eq. 24, term by term."""
    mixture = [sum(w * stats.binom.pmf(k, n, rho) for rho, w in zip(rhos, weights, strict=True)) for k in range(n + 1)]
    predictive = -sum(p * math.log(p) for p in mixture if p > 0)
    expected = sum(
        w * stats.entropy(stats.binom.pmf(range(n + 1), n, rho)) for rho, w in zip(rhos, weights, strict=True)
    )
    return predictive - expected


@given(rhos, st.integers(1, 30), st.data())
def test_mutual_information_and_mixture_by_brute_force(rho, n, data):
    raw = data.draw(st.lists(st.floats(0.1, 1), min_size=len(rho), max_size=len(rho)))
    weights = np.array(raw) / sum(raw)
    information = votes.mutual_information(np.array([rho]), n, weights)[0]
    assert information == pytest.approx(information_written_out(rho, weights, n), abs=1e-9)
    assert 0 <= information <= math.log(n + 1)
    mixture = weights @ stats.binom.pmf(np.arange(n + 1), n, np.array(rho)[:, None])
    np.testing.assert_allclose(votes.mixture_pmf(np.array([rho]), n, weights)[0], mixture, atol=1e-12)


def test_networks_that_agree_leave_nothing_to_learn():
    assert votes.mutual_information(np.full((3, 5), 0.3), 40) == pytest.approx(0, abs=1e-12)


def test_certain_opposite_networks_leave_one_bit():
    assert votes.mutual_information(np.array([[0.0, 1.0]]), 40)[0] == pytest.approx(math.log(2))


def test_chunks_do_not_show(monkeypatch):
    rho_GT = np.random.default_rng(1).random((50, 7))
    whole = votes.mutual_information(rho_GT, 40)
    monkeypatch.setattr(votes, "_CHUNK_VALUES", 1000)
    np.testing.assert_array_equal(votes.mutual_information(rho_GT, 40), whole)
