"""Strategies: how they are found, and how they rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import is_color_like
from scipy.stats import binom

from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.model.predictions import Predictions

IDS = [f"{number:03}" for number in range(100)]


def candidates(ids=IDS, rho_GT=None, seed=1):
    """Candidates, with their predictions in two shards."""
    shards = []
    if rho_GT is not None:
        weights_T = np.full(rho_GT.shape[1], 1 / rho_GT.shape[1])
        half = len(ids) // 2
        shards = [Predictions(ids[rows], rho_GT[rows], weights_T) for rows in (slice(half), slice(half, None))]
    return Candidates(ids, shards, 10, np.random.default_rng(seed))


def ranked(name, **options):
    """Ids in the order of a strategy."""
    of = candidates(**options)
    return [of.ids[place] for place in registry.load(name).rank(of).order]


@pytest.mark.parametrize("name", registry.names())
def test_every_strategy_ranks_every_candidate_once_whatever_their_order(name):
    rho_GT = np.random.default_rng(3).random((100, 7))
    order = ranked(name, rho_GT=rho_GT)
    assert sorted(order) == IDS
    assert ranked(name, ids=IDS[::-1], rho_GT=rho_GT[::-1]) == order


def test_strategies_can_be_told_apart_on_a_figure():
    strategies = [registry.load(name) for name in registry.names()]
    assert registry.BASELINE in registry.names()
    assert len({strategy.label for strategy in strategies}) == len(strategies)
    assert len({strategy.colour for strategy in strategies}) == len(strategies)
    assert all(is_color_like(strategy.colour) for strategy in strategies)


def test_the_baseline_comes_last_in_legends():
    assert registry.baseline_last(["random", "bald", "bald"]) == ["bald", "random"]


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=3), st.sampled_from([0.0, 0.5, 1.0])), unique_by=lambda pair: pair[0]
    )
)
def test_ranking_is_by_score_then_id_whatever_the_order(galaxies):
    galaxies = [(name, value) for name, value in galaxies if "\x00" not in name]
    expected = [name for name, value in sorted(galaxies, key=lambda pair: (-pair[1], pair[0]))]
    ids = [name for name, _ in galaxies]
    order, _ = registry.by_score(ids, np.array([value for _, value in galaxies]))
    assert [ids[place] for place in order] == expected


def test_random_order_depends_on_the_draws_alone():
    assert ranked("random") != ranked("random", seed=2)
    assert not registry.load("random").needs_predictions


def test_bald_ranks_by_mutual_information():
    rho_GT = np.random.default_rng(4).random((100, 5))
    pmf_GTK = binom.pmf(np.arange(11), 10, rho_GT[..., None])

    def entropy(pmf):
        return -(pmf * np.log(pmf)).sum(axis=-1)

    information = entropy(pmf_GTK.mean(axis=1)) - entropy(pmf_GTK).mean(axis=1)
    ranking = registry.load("bald").rank(candidates(rho_GT=rho_GT))
    np.testing.assert_allclose(ranking.score, information, atol=1e-12)
    np.testing.assert_array_equal(ranking.order, np.argsort(-information))
