"""Beta calibration and spread: against the likelihood of the mixture that it maximises, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import binom, norm

from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import rescaling
from activezoo.posteriors.rescaling import IDENTITY, Rescaling

RESPONSES = 40


def distorted(truth: Rescaling, galaxies: int = 3000, networks: int = 4, seed: int = 0):
    """Predictions whose rescaling gives the probability that the votes, shape (G, T), were drawn with."""
    rng = np.random.default_rng(seed)
    rho_GT = rng.uniform(0.05, 0.95, (galaxies, networks))
    return rho_GT, rng.binomial(RESPONSES, apply(truth, rho_GT))


def predictions(rho_GT: np.ndarray, weights_T: np.ndarray | None = None) -> Predictions:
    galaxies, networks = rho_GT.shape
    weights_T = np.full(networks, 1 / networks) if weights_T is None else weights_T
    return Predictions([str(row) for row in range(galaxies)], rho_GT, weights_T)


def apply(by: Rescaling, rho_GT: np.ndarray, weights_T: np.ndarray | None = None) -> np.ndarray:
    return by.apply(predictions(np.asarray(rho_GT), weights_T)).rho_GT


def fit(rho_GT: np.ndarray, k: np.ndarray, responses: np.ndarray, weights_T: np.ndarray | None = None) -> Rescaling:
    return rescaling.fit(predictions(rho_GT, weights_T), k, responses)


def surprise(rho_GT: np.ndarray, k: np.ndarray, responses: np.ndarray, weights_T: np.ndarray) -> float:
    return float(-np.mean(np.log(binom.pmf(k[:, None], responses[:, None], rho_GT) @ weights_T)))


@pytest.mark.parametrize("truth", [Rescaling(1.5, 0.7, 0.3, 1), Rescaling(0.5, 2.0, -0.5, 1), IDENTITY])
def test_finds_the_rescaling_that_made_the_votes(truth):
    rho_GT, k_GT = distorted(truth, networks=1)
    found = fit(rho_GT, k_GT[:, 0], np.full(len(rho_GT), RESPONSES))
    assert found[:3] == pytest.approx(truth[:3], abs=0.06)  # one network has no spread


@pytest.mark.parametrize("weights_T", [None, np.array([0.7, 0.2, 0.1])])
def test_maximises_the_likelihood_of_the_mixture_times_the_prior(weights_T):
    """Against a general optimiser on binomial probabilities, and SciPy's normal distribution."""
    rng = np.random.default_rng(1)
    responses = rng.integers(10, 45, 200)
    logit_G = rng.normal(0, 2, 200)
    k = rng.binomial(responses, expit(logit_G))
    rho_GT = expit(0.6 * logit_G[:, None] + rng.normal(0, 0.4, (200, 3)))
    found = fit(rho_GT, k, responses, weights_T)
    each = np.full(3, 1 / 3) if weights_T is None else weights_T

    def objective(coefficients: np.ndarray) -> float:
        prior = norm.logpdf(coefficients, rescaling.PRIOR, rescaling.PRIOR_DEVIATION).sum()
        return surprise(apply(Rescaling(*coefficients), rho_GT, each), k, responses, each) - prior / len(k)

    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}
    bounds = [(0, 9), (0, 9), (-9, 9), (0, 9), (0, 3)]
    best = minimize(objective, (1, 1, 0, 1, 0.5), method="Nelder-Mead", bounds=bounds, options=options)
    assert objective(found) == pytest.approx(best.fun, abs=1e-5)
    assert min(found.a, found.b) > 1


@pytest.mark.parametrize("seed", range(5))
def test_the_votes_of_few_galaxies_do_not_take_the_coefficients_far(seed):
    rng = np.random.default_rng(seed)
    centre_G1, noise_GT = rng.normal(-1.5, 1, (30, 1)), rng.normal(0, 0.3, (30, 30))
    k = rng.binomial(10, expit(centre_G1[:, 0] + rng.normal(0, 1, 30)))
    found = fit(expit(centre_G1 + noise_GT), k, np.full(30, 10))
    assert (np.abs(np.array(found) - rescaling.PRIOR) < 2 * np.array(rescaling.PRIOR_DEVIATION)).all()


def test_networks_that_agree_too_much_are_spread():
    """Votes by one network that scatters as the networks do, three times as far."""
    rng = np.random.default_rng(4)
    centre_G1, noise_GT = rng.normal(0, 1, (3000, 1)), rng.normal(0, 0.3, (3000, 30))
    k = rng.binomial(RESPONSES, expit(centre_G1[:, 0] + rng.normal(0, 0.9, 3000)))
    rho_GT = expit(centre_G1 + noise_GT)
    found = fit(rho_GT, k, np.full(3000, RESPONSES))
    assert found[:3] == pytest.approx((1, 1, 0), abs=0.15)
    assert found.spread == pytest.approx(3, abs=0.4)
    assert found.tail == pytest.approx(0, abs=0.5)


def test_votes_that_are_mostly_near_and_at_times_far_get_heavy_tails():
    """True logits about the centre have a t distribution of three degrees of freedom; the networks, a normal one."""
    rng = np.random.default_rng(5)
    centre_G1, noise_GT = rng.normal(0, 1, (1000, 1)), rng.normal(0, 0.3, (1000, 30))
    k = rng.binomial(200, expit(centre_G1[:, 0] + 0.6 * rng.standard_t(3, 1000)))
    assert fit(expit(centre_G1 + noise_GT), k, np.full(1000, 200)).tail > 0.4


@pytest.mark.parametrize("weights_T", [np.full(5, 0.2), np.array([0.1, 0.2, 0.3, 0.2, 0.2])])
def test_networks_go_to_the_quantiles_of_their_ranks(weights_T):
    rho_GT = expit(np.array([[0.3, -0.2, 0.0, 1.1, -0.9]]))
    logits = logit(rho_GT[0])
    mean = logits @ weights_T
    width = np.sqrt((logits - mean) ** 2 @ weights_T)
    at = [sum(w for other, w in zip(logits, weights_T, strict=True) if other < own) for own in logits] + weights_T / 2
    expected = mean + 1.5 * width * np.sinh(0.7 * norm.ppf(at)) / 0.7
    np.testing.assert_allclose(logit(apply(Rescaling(1, 1, 0, 1.5, 0.7), rho_GT, weights_T)[0]), expected, atol=1e-9)


def test_spreading_keeps_the_mean_logit():
    rho_GT, weights_T = np.random.default_rng(1).uniform(0.1, 0.9, (5, 3)), np.array([0.5, 0.3, 0.2])
    spread_GT = apply(Rescaling(1, 1, 0, 2.5), rho_GT, weights_T)
    mean_G1 = (logit(rho_GT) @ weights_T)[:, None]
    np.testing.assert_allclose(logit(spread_GT), mean_G1 + 2.5 * (logit(rho_GT) - mean_G1), atol=1e-9)


def test_no_slope_is_negative():
    """Votes made with a negative slope; the best slope of the other term alone comes from a general optimiser."""
    rng = np.random.default_rng(2)
    rho = rng.uniform(0.05, 0.95, 500)
    k = rng.binomial(RESPONSES, expit(-0.5 * np.log(rho) - 2 * np.log(1 - rho) - 1))
    responses = np.full(500, RESPONSES)
    found = fit(rho[:, None], k, responses)

    def objective(coefficients: np.ndarray) -> float:
        return surprise(apply(Rescaling(0, *coefficients, 1), rho[:, None]), k, responses, np.ones(1))

    best = minimize(objective, (1, 0), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    assert found.a == 0
    assert (found.b, found.c) == pytest.approx(best.x, abs=1e-2)


def test_predictions_that_order_galaxies_the_wrong_way_become_their_mean():
    rho_GT, k_GT = distorted(IDENTITY, networks=1)
    k, responses = k_GT[:, 0], np.full(len(rho_GT), RESPONSES)
    found = fit(1 - rho_GT, k, responses)
    assert found[:3] == pytest.approx((0, 0, logit(np.mean(k / responses))), abs=1e-3)


@given(
    a=st.floats(0, 5),
    b=st.floats(0, 5),
    c=st.floats(-5, 5),
    spread=st.floats(0, 5),
    tail=st.none() | st.floats(0, 3),
    rho=st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_keeps_the_order_of_networks_and_stays_a_probability(a, b, c, spread, tail, rho):
    (rescaled,) = apply(Rescaling(a, b, c, spread, tail), [np.sort(rho)])
    assert np.all((rescaled > 0) & (rescaled < 1))
    assert np.all(np.diff(rescaled) >= -1e-12)


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=5))
def test_identity(rho):
    assert apply(IDENTITY, [rho])[0] == pytest.approx(rho, rel=1e-6)


def test_applies_the_formula():
    rho = np.array([[0.1, 0.5], [0.9, 0.99]])
    odds = np.exp(0.4) * rho**1.5 / (1 - rho) ** 0.5
    assert apply(Rescaling(1.5, 0.5, 0.4, 1), rho) == pytest.approx(odds / (1 + odds), rel=1e-9)


@pytest.mark.parametrize("k", [0, RESPONSES])
def test_votes_that_are_all_the_same_are_refused(k):
    with pytest.raises(InputError, match=rf"{3 * k} of 120 votes on 3 held-out galaxies"):
        fit(np.full((3, 2), 0.5), np.full(3, k), np.full(3, RESPONSES))


def test_too_few_galaxies_rescale_nothing_and_say_so(caplog):
    rho_GT, k_GT = distorted(Rescaling(2, 2, 0, 1), galaxies=29)
    assert fit(rho_GT, k_GT[:, 0], np.full(29, RESPONSES)) == IDENTITY
    assert "29 held-out galaxies are too few to fit it, at least 30 are needed" in caplog.text


def test_file(tmp_path):
    path = tmp_path / "rescaling.json"
    for written in (Rescaling(1.1, 0.1 + 0.2, -1e-17, 2.5), Rescaling(1.1, 0.1 + 0.2, -1e-17, 2.5, 0.25)):
        rescaling.write(written, path)
        assert rescaling.read(path) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2, 3]",
        '{"a": 1, "b": 2}',
        '{"a": 1, "b": 2, "c": 3}',
        '{"a": 1, "b": 2, "c": 3, "spread": 1}',
        '{"a": 1, "b": 2, "c": 3, "spread": "x", "tail": 0}',
        '{"a": null}',
    ],
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "rescaling.json"
    with pytest.raises(InputError, match="no such file"):
        rescaling.read(path)
    path.write_text(text)
    with pytest.raises(InputError, match="not the coefficients"):
        rescaling.read(path)
