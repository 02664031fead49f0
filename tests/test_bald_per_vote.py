"""The strategy `bald_per_vote` puts a few votes at a time where the next ones tell most."""

import numpy as np
from scipy.stats import binom, entropy

from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.model.predictions import Predictions

FEW = 3


def asks(rho_GT, known=None):
    ids = [str(number) for number in range(len(rho_GT))]
    predictions = Predictions(ids, rho_GT, np.full(rho_GT.shape[1], 1 / rho_GT.shape[1]))
    rng = np.random.default_rng(1)
    candidates = Candidates(ids, [predictions], 40, rng, known_votes=known, few_votes=FEW)
    return registry.choose(registry.load("bald_per_vote"), candidates)


def information(rho_T, votes):
    pmf_TK = binom.pmf(np.arange(votes + 1), votes, rho_T[:, None])
    return entropy(pmf_TK.mean(axis=0)) - entropy(pmf_TK, axis=1).mean()


def test_it_is_the_greedy_choice_by_the_gain_of_the_next_votes():
    rho_GT = np.random.default_rng(2).uniform(0.05, 0.95, (12, 5))
    spent = np.zeros(12, int)
    for galaxy, score in zip(*asks(rho_GT)[:2], strict=True):
        gains = [
            information(rho, n + FEW) - (information(rho, n) if n else 0) for rho, n in zip(rho_GT, spent, strict=True)
        ]
        possible = [gain if n < 5 * FEW else -1 for gain, n in zip(gains, spent, strict=True)]
        assert galaxy == np.argmax(possible)
        np.testing.assert_allclose(score, gains[galaxy], atol=1e-12)
        spent[galaxy] += FEW
    assert (spent == 5 * FEW).all()


def test_the_gain_of_a_known_galaxy_begins_where_its_votes_end():
    """On the first and the last the networks disagree alike, but the first has votes."""
    rho_GT = np.array([[0.1, 0.9], [0.49, 0.51], [0.1, 0.9]])
    known = np.array([8, 0, 0])
    found = asks(rho_GT, known)
    assert list(found.galaxies[:2]) == [2, 2]
    gains = dict(zip(found.galaxies[::-1].tolist(), found.score[::-1].tolist(), strict=True))  # the first of each
    for galaxy, rho_T in enumerate(rho_GT):
        expected = information(rho_T, known[galaxy] + FEW) - information(rho_T, known[galaxy])
        np.testing.assert_allclose(gains[galaxy], expected, atol=1e-12)
    assert (found.votes == FEW).all()
