"""Splitting, asking and evaluating, on small tables."""

import numpy as np
import pytest

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model import evaluation
from activezoo.model.predictions import Predictions
from activezoo.posteriors.held_out import hold_out
from activezoo.steps import check_pool
from activezoo.survey import oracle, splitting
from activezoo.survey.roles import ROLES

IDS = [f"{number:03}" for number in range(100)]


def test_split_has_the_asked_sizes_and_one_test_set_for_all_seeds():
    first, second = (splitting.split(IDS, "smooth", seed, 20, 10) for seed in (1, 2))
    assert [(first == role).sum() for role in ROLES] == [20, 10, 70]
    np.testing.assert_array_equal(first == "test", second == "test")
    assert ((first == "initial") != (second == "initial")).any()
    assert ((splitting.split(IDS, "bar", 1, 20, 10) == "test") != (first == "test")).any()


def test_split_does_not_depend_on_the_order_of_the_catalogue():
    roles = dict(zip(IDS, splitting.split(IDS, "smooth", 1, 20, 10), strict=True))
    turned = splitting.split(IDS[::-1], "smooth", 1, 20, 10)
    assert dict(zip(IDS[::-1], turned, strict=True)) == roles


def test_held_out_galaxies_are_a_fraction_whatever_the_order():
    held = hold_out(IDS, "smooth", 0.25)
    assert held.sum() == 25
    np.testing.assert_array_equal(hold_out(IDS[::-1], "smooth", 0.25)[::-1], held)
    assert not hold_out(IDS, "smooth", 0).any()
    with pytest.raises(InputError, match=r"fraction 0.01 \(posteriors.held_out\) of 3 training galaxies is 0"):
        hold_out(IDS[:3], "smooth", 0.01)


def test_too_few_galaxies_stop_the_split():
    with pytest.raises(InputError, match="100 usable galaxies are too few for 90 test and 10 initial"):
        splitting.split(IDS, "smooth", 1, 90, 10)


def test_too_small_a_pool_stops_the_loop(tmp_path):
    tables.write({"id": IDS, "role": list(splitting.split(IDS, "smooth", 1, 26, 10))}, tmp_path / "split.parquet")
    keys = {"split": tmp_path / "split.parquet", "question": "smooth", "pool": tmp_path / "pool.parquet"}
    with pytest.raises(InputError, match="3 iterations of 32 galaxies need 96, but the pool has 64; at most 2"):
        check_pool.run(**keys, acquire=32, iterations=3)
    assert not keys["pool"].exists()
    check_pool.run(**keys, acquire=32, iterations=2)
    assert tables.read(keys["pool"]).to_pydict() == {"pool": [64], "acquired": [64]}


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "votes.parquet"
    tables.write({"id": ["a", "b"], "k": [3, 4], "N": [40, 41]}, path)
    return path


def test_the_oracle_answers_in_order_and_only_what_it_is_asked(votes):
    table = oracle.label(["b", "a"], votes, 3)
    assert table.to_pydict() == {"id": ["b", "a"], "k": [4, 3], "N": [41, 40], "iteration": [3, 3]}
    assert oracle.label([], votes, 0).schema == table.schema


def test_the_oracle_names_a_galaxy_without_votes(votes):
    with pytest.raises(InputError, match=r"votes\.parquet: no votes for galaxy c"):
        oracle.retrieve_votes(votes, ["a", "c"])


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
