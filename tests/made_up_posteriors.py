"""Posteriors of made-up galaxies, and SciPy's binomial to check them against."""

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from activezoo.model.predictions import Predictions

WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])
rhos = st.lists(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=4)


def survey(galaxies=60, seed=0, lowest=10, highest=45):
    """Networks that scatter about a truth, and votes of it."""
    rng = np.random.default_rng(seed)
    truth_G = rng.beta(0.7, 0.7, galaxies)
    logit_GT = np.log(truth_G / (1 - truth_G))[:, None] + rng.normal(0, 0.5, (galaxies, 4))
    responses = rng.integers(lowest, highest, galaxies)
    ids = [f"galaxy{number}" for number in range(galaxies)]
    return Predictions(ids, 1 / (1 + np.exp(-logit_GT)), WEIGHTS), rng.binomial(responses, truth_G), responses


def single(rho, n):
    """One galaxy: networks of equal weight, with N as an array."""
    return Predictions(["galaxy"], np.array([rho], float), np.full(len(rho), 1 / len(rho))), np.array([n])


def pmf_of(rho_T, n, weights_T):
    return np.asarray(weights_T) @ stats.binom.pmf(np.arange(n + 1), n, np.asarray(rho_T)[:, None])
