"""Splitting, ranking, asking and evaluating, on small tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activezoo import acquisition, evaluation, oracle, randomness, splitting, tables
from activezoo.errors import InputError
from activezoo.posterior import Predictions

IDS = [f"{number:03}" for number in range(100)]


def test_split_has_the_asked_sizes_and_one_test_set_for_all_seeds():
    first, second = (splitting.split(IDS, "smooth", seed, 20, 10) for seed in (1, 2))
    assert [(first == role).sum() for role in splitting.ROLES] == [20, 10, 70]
    np.testing.assert_array_equal(first == "test", second == "test")
    assert ((first == "initial") != (second == "initial")).any()
    assert ((splitting.split(IDS, "bar", 1, 20, 10) == "test") != (first == "test")).any()


def test_split_does_not_depend_on_the_order_of_the_catalogue():
    roles = dict(zip(IDS, splitting.split(IDS, "smooth", 1, 20, 10), strict=True))
    turned = splitting.split(IDS[::-1], "smooth", 1, 20, 10)
    assert dict(zip(IDS[::-1], turned, strict=True)) == roles


def test_held_out_galaxies_are_a_fraction_whatever_the_order():
    held = splitting.hold_out(IDS, "smooth", 0.25)
    assert held.sum() == 25
    np.testing.assert_array_equal(splitting.hold_out(IDS[::-1], "smooth", 0.25)[::-1], held)
    assert not splitting.hold_out(IDS, "smooth", 0).any()
    with pytest.raises(InputError, match=r"fraction 0.01 \(posterior.held_out\) of 3 training galaxies is 0"):
        splitting.hold_out(IDS[:3], "smooth", 0.01)


def test_too_few_galaxies_stop_the_split_and_too_small_a_pool_the_loop():
    with pytest.raises(InputError, match="100 usable galaxies are too few for 90 test and 10 initial"):
        splitting.split(IDS, "smooth", 1, 90, 10)
    splitting.check_pool(64, "smooth", 32, 2)
    with pytest.raises(InputError, match="3 iterations of 32 galaxies need 96, but the pool has 64; at most 2"):
        splitting.check_pool(64, "smooth", 32, 3)


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=3), st.sampled_from([0.0, 0.5, 1.0])), unique_by=lambda pair: pair[0]
    )
)
def test_ranking_is_by_information_then_id_whatever_the_order(galaxies):
    galaxies = [(name, value) for name, value in galaxies if "\x00" not in name]
    expected = [name for name, value in sorted(galaxies, key=lambda pair: (-pair[1], pair[0]))]
    ids = [name for name, _ in galaxies]
    order = acquisition.by_information(ids, np.array([value for _, value in galaxies]))
    assert [ids[place] for place in order] == expected


def test_random_order_depends_on_the_key_alone():
    order = acquisition.at_random(IDS, randomness.generator("key"))
    turned = acquisition.at_random(IDS[::-1], randomness.generator("key"))
    assert [IDS[place] for place in order] == [IDS[::-1][place] for place in turned]
    assert sorted(order) == list(range(100))
    assert list(order) != list(acquisition.at_random(IDS, randomness.generator("other")))


def test_expected_votes_are_the_rounded_mean():
    assert acquisition.expected_votes(np.array([40, 41])) == 41
    assert acquisition.expected_votes(np.array([10, 12, 12])) == 11


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "votes.parquet"
    rows = {"id": ["a", "b", "a"], "question": ["smooth", "smooth", "bar"], "k": [3, 4, 1], "N": [40, 41, 12]}
    tables.write(rows, path)
    return path


def test_the_oracle_answers_in_order_and_only_what_it_is_asked(votes):
    table = oracle.label(["b", "a"], votes, "smooth", 3)
    assert table.to_pydict() == {"id": ["b", "a"], "k": [4, 3], "N": [41, 40], "iteration": [3, 3]}
    assert oracle.label(["a"], votes, "bar", 0)["k"].to_pylist() == [1]
    assert oracle.label([], votes, "bar", 0).schema == table.schema


def test_the_oracle_names_a_galaxy_without_votes(votes):
    with pytest.raises(InputError, match=r"votes\.parquet: no votes on question 'bar' for galaxy b"):
        oracle.retrieve_votes(votes, "bar", ["a", "b"])


def test_metrics_by_hand():
    predictions = Predictions(["a", "b"], np.array([[0.2, 0.4], [0.5, 0.9]]), np.array([0.25, 0.75]))
    metrics = evaluation.test_metrics(predictions, np.array([10, 20]), np.array([40, 20]))
    rho = [0.35, 0.8]
    assert metrics["rmse"] == pytest.approx(np.sqrt(((rho[0] - 0.25) ** 2 + (rho[1] - 1) ** 2) / 2))

    def loss(rho, k, n):
        return -(k * np.log(rho) + (n - k) * np.log(1 - rho))

    expected = (
        0.25 * loss(0.2, 10, 40) + 0.75 * loss(0.4, 10, 40) - 20 * (0.25 * np.log(0.5) + 0.75 * np.log(0.9))
    ) / 2
    assert metrics["test_loss"] == pytest.approx(expected)


def test_training_loss_is_that_of_the_second_half():
    assert evaluation.training_loss(np.array([9.0, 9.0, 1.0, 2.0])) == 1.5
    assert evaluation.training_loss(np.array([4.0])) == 4.0
