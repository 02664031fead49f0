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


concentrations = st.floats(0.05, 1e6)


def beta_binomial(n, rho, concentration):
    """SciPy's probabilities of every count."""
    return stats.betabinom.pmf(np.arange(n + 1), n, rho * concentration, (1 - rho) * concentration)


@given(st.lists(st.tuples(st.floats(0.001, 0.999), concentrations), min_size=1, max_size=5), st.integers(1, 60))
def test_pmf_of_a_concentration_is_beta_binomial(networks, n):
    rho, concentration = np.array(networks).T
    expected = [beta_binomial(n, *network) for network in networks]
    np.testing.assert_allclose(np.exp(votes.log_pmf(rho, n, concentration)), expected, rtol=1e-8, atol=1e-12)


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), concentrations), min_size=1, max_size=5), st.integers(1, 40), st.data()
)
def test_beta_binomial_information_mixture_and_entropies_by_brute_force(networks, n, data):
    raw = data.draw(st.lists(st.floats(0.1, 1), min_size=len(networks), max_size=len(networks)))
    weights = np.array(raw) / sum(raw)
    rho_GT, concentration_GT = np.array(networks).T[:, None]
    pmfs = [beta_binomial(n, *network) for network in networks]
    mixture = weights @ pmfs
    np.testing.assert_allclose(votes.mixture_pmf(rho_GT, n, weights, concentration_GT)[0], mixture, atol=1e-8)
    expected = stats.entropy(mixture) - weights @ [stats.entropy(pmf) for pmf in pmfs]
    information = votes.mutual_information(rho_GT, n, weights, concentration_GT)[0]
    assert information == pytest.approx(expected, abs=1e-8)
    assert 0 <= information <= math.log(n + 1)


@given(st.floats(0.001, 0.999), concentrations, st.integers(1, 60), st.data())
def test_beta_binomial_loss_is_the_log_likelihood_without_its_constant(rho, concentration, n, data):
    k = data.draw(st.integers(0, n))
    log_likelihood = stats.betabinom.logpmf(k, n, rho * concentration, (1 - rho) * concentration)
    expected = -(log_likelihood - math.log(math.comb(n, k)))
    assert votes.loss(rho, k, n, concentration) == pytest.approx(expected, rel=1e-8, abs=1e-7)


def test_losses_are_broadcast():
    rng = np.random.default_rng(1)
    rho_GT, concentration_GT = rng.random((5, 3)), rng.uniform(1, 100, (5, 3))
    responses = np.array([1, 4, 9, 16, 25])
    k = rng.binomial(responses, 0.4)
    found = votes.loss(rho_GT, k[:, None], responses[:, None], concentration_GT)
    for (galaxy, network), value in np.ndenumerate(found):
        one = votes.loss(rho_GT[galaxy, network], k[galaxy], responses[galaxy], concentration_GT[galaxy, network])
        assert value == pytest.approx(one, abs=1e-12)
    binomial = votes.loss(rho_GT, k[:, None], responses[:, None])
    np.testing.assert_array_equal(binomial, votes.binomial_loss(rho_GT, k[:, None], responses[:, None]))


@given(rhos, st.integers(1, 60), st.sampled_from([1e12, np.inf]))
def test_a_concentration_without_end_is_the_binomial(rho, n, concentration):
    rho_GT = np.array([rho])
    concentration_GT = np.full_like(rho_GT, concentration)
    pmf = votes.mixture_pmf(rho_GT, n)
    np.testing.assert_allclose(votes.mixture_pmf(rho_GT, n, concentration_GT=concentration_GT), pmf, atol=1e-8)
    information = votes.mutual_information(rho_GT, n, concentration_GT=concentration_GT)
    np.testing.assert_allclose(information, votes.mutual_information(rho_GT, n), atol=1e-8)
    k = np.arange(n + 1)
    losses = votes.loss(0.3, k, n, np.full(n + 1, concentration))
    np.testing.assert_allclose(losses, votes.binomial_loss(0.3, k, n), atol=1e-8)


@given(st.floats(0.05, 0.95), st.floats(0.1, 1e3), st.integers(2, 60))
def test_a_concentration_adds_the_scatter_that_it_says(rho, concentration, n):
    k = np.arange(n + 1)
    pmf = np.exp(votes.log_pmf(np.array(rho), n, np.array(concentration)))
    assert pmf @ k == pytest.approx(n * rho)
    variance = n * rho * (1 - rho) * (1 + (n - 1) / (concentration + 1))
    assert pmf @ (k - n * rho) ** 2 == pytest.approx(variance)


def test_a_concentration_near_zero_leaves_one_opinion():
    pmf = np.exp(votes.log_pmf(np.array(0.3), 10, np.array(1e-9)))
    np.testing.assert_allclose(pmf, [0.7, *[0] * 9, 0.3], atol=1e-6)
