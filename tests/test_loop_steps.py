"""Splitting, asking and evaluating, on small tables."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, hypergeom

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model import evaluation
from activezoo.model.predictions import Predictions
from activezoo.posteriors.held_out import CONFORMAL, CORRECT, hold_out
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
    both = hold_out(IDS, "smooth", 0.24, [CORRECT, CONFORMAL])
    assert [(both == use).sum() for use in (CORRECT, CONFORMAL, "")] == [16, 8, 76]
    np.testing.assert_array_equal(hold_out(IDS[::-1], "smooth", 0.24, [CORRECT, CONFORMAL])[::-1], both)
    np.testing.assert_array_equal(hold_out(IDS, "smooth", 0.24, [CONFORMAL]) == CONFORMAL, both != "")
    assert not hold_out(IDS, "smooth", 0.24, []).any()


@pytest.mark.parametrize(("galaxies", "uses", "number"), [(3, [CORRECT], 0), (5, [CORRECT, CONFORMAL], 1)])
def test_too_few_galaxies_to_hold_out_are_named(galaxies, uses, number):
    expected = rf"fraction 0.15 \(posteriors.held_out\) of {galaxies} training galaxies is {number}"
    with pytest.raises(InputError, match=expected):
        hold_out(IDS[:galaxies], "smooth", 0.15, uses)


def test_too_few_galaxies_stop_the_split():
    with pytest.raises(InputError, match="100 usable galaxies are too few for 90 test and 10 initial"):
        splitting.split(IDS, "smooth", 1, 90, 10)


@pytest.mark.parametrize(
    ("unit", "few", "acquire", "available"),
    [("galaxies", None, 32, 64), ("galaxies", 4, 32, 64), ("votes", 4, 128, 256), ("votes", 20, 320, 64 * 10)],
)
def test_too_small_a_pool_stops_the_loop(tmp_path, unit, few, acquire, available):
    tables.write({"id": IDS, "role": list(splitting.split(IDS, "smooth", 1, 26, 10))}, tmp_path / "split.parquet")
    tables.write({"id": IDS, "k": [1] * 100, "N": [10] * 100}, tmp_path / "votes.parquet")
    keys = {name: tmp_path / f"{name}.parquet" for name in ("split", "votes", "pool")}
    keys |= {"question": "smooth", "unit": unit, "few_votes": few, "acquire": acquire}
    needed = f"3 iterations of {acquire} {unit} need {3 * acquire}, but the pool has {available}; at most 2"
    with pytest.raises(InputError, match=needed):
        check_pool.run(**keys, iterations=3)
    assert not keys["pool"].exists()
    check_pool.run(**keys, iterations=2)
    assert tables.read(keys["pool"]).to_pydict() == {"pool": [available], "acquired": [2 * acquire]}


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "votes.parquet"
    tables.write({"id": ["a", "b"], "k": [3, 4], "N": [40, 41]}, path)
    return path


def test_the_oracle_answers_in_order_and_only_what_it_is_asked(votes):
    table = oracle.label(["b", "a"], np.array([oracle.ALL, 40]), votes, "smooth", 3)
    assert table.to_pydict() == {"id": ["b", "a"], "k": [4, 3], "N": [41, 40], "iteration": [3, 3]}
    assert oracle.label([], np.array([], int), votes, "smooth", 0).schema == table.schema


@given(st.integers(0, 30), st.integers(0, 30), st.text(max_size=3))
def test_answers_come_one_by_one_until_all_are_given(positive, others, galaxy):
    total = positive + others
    numbers = np.arange(total + 1)
    many = np.ones(total + 1, int)
    found = oracle.first_answers(positive * many, total * many, numbers, [galaxy] * (total + 1), ("smooth",))
    assert found[0] == 0
    assert found[-1] == positive
    assert set(np.diff(found)) <= {0, 1}


def test_any_answers_of_a_galaxy_may_come_first():
    """Of many galaxies alike, the first 8 of 40 answers, 10 of them positive, are hypergeometric."""
    galaxies = 4000
    many = np.ones(galaxies, int)
    ids = [str(number) for number in range(galaxies)]
    found = oracle.first_answers(10 * many, 40 * many, 8 * many, ids, ("smooth",))
    expected = galaxies * hypergeom.pmf(np.arange(9), 40, 10, 8)
    counts = np.bincount(found, minlength=9)
    enough = expected > 5
    assert chisquare(counts[enough], expected[enough] * counts[enough].sum() / expected[enough].sum()).pvalue > 0.001
    other = oracle.first_answers(10 * many, 40 * many, 8 * many, ids, ("bar",))
    assert (found != other).mean() > 0.5


def ask(votes, asks, known, budget, unit):
    """Votes known after some asks (id, votes), by galaxy, and the iteration that each was first asked in."""
    asks = pa.table({"id": [name for name, _ in asks], "votes": pa.array([number for _, number in asks], pa.int32())})
    start = oracle.label([*known], np.array([*known.values()], int), votes, "smooth", 1)
    after = oracle.ask(asks, start, votes, "smooth", 2, budget, unit)
    assert after.schema == start.schema
    assert after.slice(0, len(start))["id"] == start["id"]
    k, given = oracle.label(after["id"].to_pylist(), after["N"].to_numpy(), votes, "smooth", 0).select(["k", "N"])
    assert (after["k"], after["N"]) == (k, given)
    rows = after.to_pylist()
    assert {row["id"]: row["iteration"] for row in rows} == {row["id"]: 1 if row["id"] in known else 2 for row in rows}
    return {row["id"]: row["N"] for row in rows}


@pytest.mark.parametrize(
    ("asks", "known", "budget", "unit", "expected"),
    [
        ([("a", None), ("b", None)], {}, 1, "galaxies", {"a": 40}),
        ([("b", 8), ("a", 8)], {}, 2, "galaxies", {"b": 8, "a": 8}),
        ([("b", 8), ("a", 8)], {}, 16, "votes", {"b": 8, "a": 8}),
        ([("b", 8), ("a", 8)], {}, 11, "votes", {"b": 8, "a": 3}),
        ([("b", 8), ("a", 8)], {}, 8, "votes", {"b": 8}),
        ([("a", None), ("b", None)], {}, 50, "votes", {"a": 40, "b": 10}),
        # Asked again, and again; of all votes on record there are no more.
        ([("a", 4), ("b", 4), ("a", 4)], {"a": 8}, 12, "votes", {"a": 16, "b": 4}),
        ([("a", 4), ("b", 4), ("a", 4)], {"a": 8}, 10, "votes", {"a": 14, "b": 4}),
        ([("a", 4), ("b", 4)], {"a": 38}, 4, "votes", {"a": 40, "b": 2}),
        ([("a", 4), ("b", 4)], {"a": 40}, 4, "votes", {"a": 40, "b": 4}),
        ([("a", 4), ("a", 4), ("b", 4)], {"a": 40}, 1, "galaxies", {"a": 40, "b": 4}),
    ],
)
def test_volunteers_are_asked_in_order_until_the_budget_is_spent(votes, asks, known, budget, unit, expected):
    assert ask(votes, asks, known, budget, unit) == expected


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(1, 50)), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from("ab"), st.integers(1, 50), min_size=1),
    st.integers(1, 90),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_budget_in_votes_is_spent_to_the_last(votes, asks, known, budget):
    before = sum(min(number, {"a": 40, "b": 41}[name]) for name, number in known.items())
    try:
        after = ask(votes, asks, known, budget, "votes")
    except InputError as error:
        assert "lower loop.iterations or questions.smooth.acquire" in str(error)  # noqa: PT017
    else:
        assert sum(after.values()) == before + budget


def test_nothing_is_looked_up_beyond_the_budget(votes):
    assert ask(votes, [("a", 8), ("c", 8)], {"b": 8}, 8, "votes") == {"b": 8, "a": 8}
    with pytest.raises(InputError, match=r"votes\.parquet: no votes for galaxy c"):
        ask(votes, [("a", 8), ("c", 8)], {"b": 8}, 9, "votes")


def test_an_empty_pool_is_named(votes):
    with pytest.raises(InputError, match=r"question 'smooth', iteration 2: 1 galaxies are left of the 2 to ask for"):
        ask(votes, [("a", 8)], {"b": 8}, 2, "galaxies")


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


def test_rmse_of_rho_is_that_of_the_truth_however_few_the_votes():
    """In the mean over many sets of votes, its square is the mean square of ρ − truth."""
    rng = np.random.default_rng(1)
    truth, rho = rng.random((2, 400))
    responses = rng.integers(2, 9, 400)
    squares = [evaluation.rmse_of_rho(rho, rng.binomial(responses, truth), responses) ** 2 for _ in range(500)]
    expected, error = np.mean((rho - truth) ** 2), np.std(squares) / np.sqrt(500)
    assert np.mean(squares) == pytest.approx(expected, abs=4 * error)
    raw = evaluation.rmse(rho, rng.binomial(responses, truth), responses) ** 2
    assert raw > expected + 40 * error  # which the votes' noise adds to


def test_rmse_of_rho_by_hand():
    """Of 1 and 2 votes of 4: 0.25·0.75/3 and 0.5·0.5/3 are noise; a galaxy with one vote does not count."""
    rho, k, responses = np.array([0.65, 0.1, 0.9]), np.array([1, 2, 1]), np.array([4, 4, 1])
    expected = np.sqrt((0.4**2 - 0.1875 / 3 + 0.4**2 - 0.25 / 3) / 2)
    assert evaluation.rmse_of_rho(rho, k, responses) == pytest.approx(expected)
    assert evaluation.rmse_of_rho(k[:2] / responses[:2], k[:2], responses[:2]) == 0
    assert np.isnan(evaluation.rmse_of_rho(rho[2:], k[2:], responses[2:]))
