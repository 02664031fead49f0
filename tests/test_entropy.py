"""The strategy `entropy` ranks by the uncertainty of the count, whatever its cause."""

import numpy as np
from scipy.stats import binom, entropy

from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.model.predictions import Predictions


def ranking(rho_GT):
    ids = [str(number) for number in range(len(rho_GT))]
    networks = rho_GT.shape[1]
    predictions = Predictions(ids, rho_GT, np.full(networks, 1 / networks))
    return registry.load("entropy").rank(Candidates(ids, [predictions], 12, np.random.default_rng(1)))


def test_the_score_is_that_of_scipy():
    rho_GT = np.random.default_rng(2).random((50, 6))
    expected = entropy(binom.pmf(np.arange(13), 12, rho_GT[..., None]).mean(axis=1), axis=-1)
    asks = ranking(rho_GT)
    np.testing.assert_allclose(asks.score, np.sort(expected)[::-1])
    np.testing.assert_array_equal(asks.galaxies, np.argsort(-expected))


def test_networks_that_agree_on_an_even_vote_are_wanted_although_they_would_learn_nothing():
    agreeing, disagreeing_a_little = np.full((1, 4), 0.5), np.array([[0.02, 0.03, 0.04, 0.05]])
    asks = ranking(np.concatenate([disagreeing_a_little, agreeing]))
    assert list(asks.galaxies) == [1, 0]
