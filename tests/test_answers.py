"""The likelihood of any number of answers against SciPy, against sums written out, and against that of two answers."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from activezoo.model import answers, votes

concentrations = st.floats(0.05, 1e6)


@st.composite
def networks_of(draw, least=1):
    """Probabilities of some answers by some networks, (T, A), concentrations (T,) and weights (T,)."""
    number, size = draw(st.integers(least, 4)), draw(st.integers(2, 4))
    raw = [draw(st.lists(st.floats(0.01, 1), min_size=size, max_size=size)) for _ in range(number)]
    weights = np.array(draw(st.lists(st.floats(0.1, 1), min_size=number, max_size=number)))
    concentration = np.array(draw(st.lists(concentrations, min_size=number, max_size=number)))
    return np.array([np.array(of) / sum(of) for of in raw]), concentration, weights / weights.sum()


def all_ways(n, size):
    """Counts that add up, among all that there are."""
    return [counts for counts in product(range(n + 1), repeat=size) if sum(counts) == n]


def multinomial(rho, n):
    return np.array([stats.multinomial.pmf(counts, n, rho) for counts in all_ways(n, len(rho))])


def dirichlet_multinomial(rho, n, concentration):
    """Products of rising factorials, each written out."""

    def rising(first, number):
        return math.prod(first + i for i in range(number))

    pmf = []
    for counts in all_ways(n, len(rho)):
        orders = math.factorial(n) / math.prod(math.factorial(count) for count in counts)
        of_answers = math.prod(rising(of * concentration, count) for of, count in zip(rho, counts, strict=True))
        pmf.append(orders * of_answers / rising(concentration, n))
    return np.array(pmf)


def expected(networks, n, *, with_concentration):
    """Mixture, and mutual information (paper Eq. 24), by sums over all ways."""
    rho_TA, concentration_T, weights_T = networks
    pmf_TK = np.array(
        [
            dirichlet_multinomial(rho, n, of) if with_concentration else multinomial(rho, n)
            for rho, of in zip(rho_TA, concentration_T, strict=True)
        ]
    )
    mixture = weights_T @ pmf_TK
    return mixture, stats.entropy(mixture) - weights_T @ [stats.entropy(pmf) for pmf in pmf_TK]


@given(st.integers(1, 6), st.integers(2, 4))
def test_ways_are_all_that_there_are_each_once(n, size):
    assert [tuple(counts) for counts in answers.ways(n, size)] == all_ways(n, size)


@pytest.mark.parametrize("with_concentration", [False, True])
@given(networks=networks_of(), n=st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_pmf_mixture_entropies_and_information_by_brute_force(networks, n, with_concentration):
    rho_TA, concentration_T, weights_T = networks
    concentration = concentration_T if with_concentration else None
    mixture, information = expected(networks, n, with_concentration=with_concentration)
    pmf = np.exp(answers.log_pmf(rho_TA, answers.ways(n, rho_TA.shape[1]), concentration))
    np.testing.assert_allclose(weights_T @ pmf, mixture, atol=1e-8)
    np.testing.assert_allclose(pmf.sum(axis=1), 1, atol=1e-8)
    of_galaxy = None if concentration is None else concentration[None]
    if rho_TA.shape[1] > 2:
        found = answers.mixture_pmf(rho_TA[None], n, weights_T, of_galaxy)[0]
        np.testing.assert_allclose(found, mixture, atol=1e-8)
        assert votes.entropy(found) == pytest.approx(stats.entropy(mixture), abs=1e-8)
    found = answers.mutual_information(rho_TA[None], n, weights_T, of_galaxy)[0]
    assert found == pytest.approx(information, abs=1e-8)


@pytest.mark.parametrize("with_concentration", [False, True])
@given(networks=networks_of(), n=st.integers(0, 5), data=st.data())
def test_loss_is_the_log_likelihood_without_its_constant(networks, n, with_concentration, data):
    rho_TA, concentration_T, _ = networks
    counts = np.array(data.draw(st.sampled_from(all_ways(n, rho_TA.shape[1]))))
    concentration = concentration_T if with_concentration else None
    orders = math.factorial(n) / math.prod(math.factorial(count) for count in counts)
    found = answers.loss(rho_TA, counts, concentration)
    for rho, of, value in zip(rho_TA, concentration_T, found, strict=True):
        pmf = dirichlet_multinomial(rho, n, of) if with_concentration else multinomial(rho, n)
        at_counts = pmf[all_ways(n, len(rho)).index(tuple(counts))]
        assert value == pytest.approx(-math.log(at_counts / orders), rel=1e-8, abs=1e-8)


@given(st.floats(0, 1), st.integers(1, 40), st.none() | concentrations, st.data())
def test_two_answers_are_k_of_n(rho, n, concentration, data):
    both, of = np.array([rho, 1 - rho]), None if concentration is None else np.array(concentration)
    counts_KA = answers.ways(n, 2)
    np.testing.assert_array_equal(counts_KA[:, 0], np.arange(n + 1))
    pmf = votes.log_pmf(np.array(rho), n, of)
    np.testing.assert_allclose(np.exp(answers.log_pmf(both, counts_KA, of)), np.exp(pmf), atol=1e-8)
    k = data.draw(st.integers(0, n))
    assert answers.loss(both, [k, n - k], of) == pytest.approx(votes.loss(rho, k, n, of), rel=1e-9, abs=1e-8)


def test_information_of_two_answers_has_the_bits_of_k_of_n():
    rho_GT = np.random.default_rng(1).random((20, 6))
    both_GTA = np.stack([rho_GT, 1 - rho_GT], axis=-1)
    for concentration_GT in (None, np.full((20, 6), 9.0)):
        found = answers.mutual_information(both_GTA, 40, None, concentration_GT)
        np.testing.assert_array_equal(found, votes.mutual_information(rho_GT, 40, None, concentration_GT))


@given(networks_of(), st.integers(1, 5), st.sampled_from([1e12, np.inf]))
def test_a_concentration_without_end_is_the_multinomial(networks, n, concentration):
    rho_TA, _, weights_T = networks
    counts_KA = answers.ways(n, rho_TA.shape[1])
    endless = np.full(len(rho_TA), concentration)
    pmf = np.exp(answers.log_pmf(rho_TA, counts_KA))
    np.testing.assert_allclose(np.exp(answers.log_pmf(rho_TA, counts_KA, endless)), pmf, atol=1e-8)
    np.testing.assert_allclose(answers.loss(rho_TA, counts_KA[0], endless), answers.loss(rho_TA, counts_KA[0]))
    information = answers.mutual_information(rho_TA[None], n, weights_T)
    found = answers.mutual_information(rho_TA[None], n, weights_T, endless[None])
    np.testing.assert_allclose(found, information, atol=1e-8)


@given(networks_of(), st.integers(1, 5), st.data())
def test_the_count_of_one_answer_is_beta_binomial_with_the_same_concentration(networks, n, data):
    rho_TA, concentration_T, _ = networks
    answer = data.draw(st.integers(0, rho_TA.shape[1] - 1))
    counts_KA = answers.ways(n, rho_TA.shape[1])
    pmf_TK = np.exp(answers.log_pmf(rho_TA, counts_KA, concentration_T))
    marginal = np.stack([pmf_TK[:, counts_KA[:, answer] == k].sum(axis=1) for k in range(n + 1)], axis=-1)
    np.testing.assert_allclose(marginal, np.exp(votes.log_pmf(rho_TA[:, answer], n, concentration_T)), atol=1e-8)


def test_votes_that_nobody_gave_add_nothing():
    rho = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(answers.loss(rho, [0, 0, 0]), 0)
    np.testing.assert_array_equal(answers.loss(rho, [0, 0, 0], np.array([4.0, 4.0])), 0)


def test_an_answer_that_a_network_excludes_costs_a_bounded_surprise_and_none_if_it_is_not_given():
    rho = np.array([1.0, 0.0, 0.0])
    assert answers.loss(rho, [40, 0, 0]) == 0
    assert 100 < answers.loss(rho, [39, 1, 0]) < 1000


@pytest.mark.parametrize("concentration", [None, 20.0])
def test_information_that_is_drawn_is_that_of_the_sum(concentration):
    rng = np.random.default_rng(1)
    rho_GTA = rng.dirichlet([1, 2, 3, 1], (12, 6))
    concentration_GT = None if concentration is None else np.full((12, 6), concentration)
    exact = answers.mutual_information(rho_GTA, 8, None, concentration_GT)
    drawn = answers.drawn_mutual_information(rho_GTA, 8, None, concentration_GT, draws=20_000)
    np.testing.assert_allclose(drawn, exact, atol=0.03)
    assert abs(np.mean(drawn - exact)) < 0.01


def test_information_of_many_ways_is_drawn_the_same_for_a_galaxy_wherever_it_stands():
    rho_GTA = np.random.default_rng(1).dirichlet(np.ones(6), (5, 4))
    found = answers.mutual_information(rho_GTA, 40)
    np.testing.assert_array_equal(answers.mutual_information(rho_GTA[3:], 40), found[3:])
    assert (found > 0).all()
    assert (found < math.log(4) + 0.1).all()  # no more can be told of four networks


def test_chunks_do_not_show(monkeypatch):
    rho_GTA = np.random.default_rng(1).dirichlet([1, 1, 1], (50, 7))
    whole = answers.mutual_information(rho_GTA, 8)
    monkeypatch.setattr(votes, "_CHUNK_VALUES", 1000)
    np.testing.assert_allclose(answers.mutual_information(rho_GTA, 8), whole, atol=1e-12)
