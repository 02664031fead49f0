"""Strategies: how they are found, and how they rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import is_color_like
from scipy.stats import binom

from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions, write_predictions
from activezoo.steps.rank import of_pool

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
    return [of.ids[place] for place in registry.choose(registry.load(name), of).galaxies]


@pytest.mark.parametrize("name", registry.names())
def test_every_strategy_ranks_every_candidate_whatever_their_order(name):
    rho_GT = np.random.default_rng(3).random((100, 7))
    order = ranked(name, rho_GT=rho_GT)
    assert sorted(set(order)) == IDS
    assert len(order) == len(IDS) or registry.load(name).votes == "any"
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
    ),
    st.integers(1, 4),
    st.none() | st.integers(1, 5),
)
def test_ranking_is_by_score_then_id_whatever_the_order_and_the_parts(galaxies, parts, most):
    galaxies = [(name, value) for name, value in galaxies if "\x00" not in name]
    expected = [name for name, value in sorted(galaxies, key=lambda pair: (-pair[1], pair[0]))]
    ids = [name for name, _ in galaxies]
    scores = np.array_split(np.array([value for _, value in galaxies]), parts)
    asks = registry.by_score(ids, scores, most)
    assert [ids[place] for place in asks.galaxies] == expected[:most]
    np.testing.assert_array_equal(asks.score, [dict(galaxies)[name] for name in expected[:most]])


@pytest.mark.parametrize("name", [name for name in registry.names() if registry.load(name).votes != "any"])
def test_the_first_asks_are_the_same_however_many_are_wanted(name):
    rho_GT = np.random.default_rng(3).random((100, 7))

    def asks(most):
        of = candidates(rho_GT=rho_GT)._replace(known_votes=np.arange(100) % 3, few_votes=4, most=most)
        return registry.choose(registry.load(name), of)

    every, some = asks(None), asks(7)
    assert len(some.galaxies) == 7
    np.testing.assert_array_equal(some.galaxies, every.galaxies[:7])
    np.testing.assert_array_equal(some.score, every.score[:7])


def test_random_order_depends_on_the_draws_alone():
    assert ranked("random") != ranked("random", seed=2)
    assert not registry.load("random").needs_predictions


def test_bald_ranks_by_mutual_information():
    rho_GT = np.random.default_rng(4).random((100, 5))
    pmf_GTK = binom.pmf(np.arange(11), 10, rho_GT[..., None])

    def entropy(pmf):
        return -(pmf * np.log(pmf)).sum(axis=-1)

    information = entropy(pmf_GTK.mean(axis=1)) - entropy(pmf_GTK).mean(axis=1)
    asks = registry.load("bald").rank(candidates(rho_GT=rho_GT))
    np.testing.assert_array_equal(asks.galaxies, np.argsort(-information))
    np.testing.assert_allclose(asks.score, np.sort(information)[::-1], atol=1e-12)


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("few", [None, 4])
def test_galaxies_are_asked_once_for_all_votes_or_for_a_few(name, few):
    rho_GT = np.random.default_rng(5).random((100, 7))
    known = np.random.default_rng(6).integers(0, 2, 100) * 3
    strategy = registry.load(name)
    of = candidates(rho_GT=rho_GT)._replace(known_votes=known, few_votes=few)
    asks = registry.choose(strategy, of)
    if strategy.votes == "any":
        assert (asks.votes > 0).all()
        return
    assert set(asks.galaxies) == set(np.flatnonzero(known == 0))
    assert len(set(asks.galaxies)) == len(asks.galaxies)
    assert (asks.votes is None) if strategy.votes == "all" or few is None else (asks.votes == few).all()


@pytest.mark.parametrize(("name", "of"), [("bald_few", "bald"), ("random_few", "random")])
def test_few_votes_are_ranked_for_few_votes(name, of):
    rho_GT = np.random.default_rng(4).random((100, 5))
    few = registry.choose(registry.load(name), candidates(rho_GT=rho_GT)._replace(few_votes=3))
    expected = registry.load(of).rank(candidates(rho_GT=rho_GT)._replace(expected_responses=3))
    np.testing.assert_array_equal(few.galaxies, expected.galaxies)
    np.testing.assert_array_equal(few.score, expected.score)


@pytest.mark.parametrize("pool", [IDS[:6], IDS[:9], IDS[:11], ["other", *IDS[1:10]]])
def test_predictions_of_another_pool_are_refused(tmp_path, pool):
    paths = [tmp_path / "shard_0.parquet", tmp_path / "shard_1.parquet"]
    for path, rows in zip(paths, (slice(0, 6), slice(6, 10)), strict=True):
        write_predictions([Predictions(IDS[rows], np.full((len(IDS[rows]), 2), 0.5), np.full(2, 0.5))], path)
    ids, parts = of_pool(paths, IDS[:10], may_lack=())
    assert ids == [galaxy for part in parts for galaxy in part.ids] == IDS[:10]
    with pytest.raises(InputError, match="not the predictions of this pool"):
        of_pool(paths, pool, may_lack=())


def test_galaxies_with_votes_may_be_left_out_of_the_predictions_and_no_others(tmp_path):
    rows = [*range(3), *range(5, 10)]
    write_predictions([Predictions([IDS[row] for row in rows], np.full((8, 2), 0.5), np.full(2, 0.5))], tmp_path / "0")
    for known in (IDS[3:5], IDS[:7]):
        assert of_pool([tmp_path / "0"], IDS[:10], known)[0] == [IDS[row] for row in rows]
    for known in ((), IDS[3:4]):
        with pytest.raises(InputError, match="not the predictions of this pool"):
            of_pool([tmp_path / "0"], IDS[:10], known)


def test_the_closest_look_at_a_galaxy_counts(tmp_path):
    """Three looks, in two shards: at ten galaxies, by two networks; at four, by three; at two of these, by five."""
    looks = ([range(6), range(6, 10)], [[1, 4], [7, 9]], [[4], [7]])
    paths = []
    for look, (shards, networks) in enumerate(zip(looks, (2, 3, 5), strict=True)):
        for shard, rows in enumerate(shards):
            rho_GT = np.full((len(rows), networks), 0.1 * (look + 1))
            path = tmp_path / f"{shard}_{look}"
            write_predictions([Predictions([IDS[row] for row in rows], rho_GT, np.full(networks, 1 / networks))], path)
            paths.append(path)
    ids, parts = of_pool([path for look in (2, 1, 0) for path in paths[2 * look : 2 * look + 2]], IDS[:10], may_lack=())
    found = {}
    for part in parts:
        found |= dict(zip(part.ids, part.rho_GT, strict=True))
    assert list(found) == ids
    assert sorted(found) == sorted(IDS[:10])
    for row, galaxy in enumerate(IDS[:10]):
        look = 2 if row in (4, 7) else 1 if row in (1, 9) else 0
        np.testing.assert_allclose(found[galaxy], np.full((2, 3, 5)[look], 0.1 * (look + 1)), rtol=1e-6)
