"""The tuned dropout rate, against predictions at each rate and a known truth."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from activezoo import tables
from activezoo.model import posterior
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import Predictions
from activezoo.posteriors import calibration, dropout_tuning

SAMPLING = Sampling(augmentations=3, masks=1, draws="even")
IDS = [f"galaxy{number}" for number in range(30)]


def test_predictions_at_a_rate_are_those_of_predict(trained_model, grey):
    other = trained_model._replace(description=trained_model.description._replace(seed=2))
    models = [trained_model, other]
    found = dropout_tuning.predict_at_rates(models, lambda rows: grey[rows], IDS, SAMPLING, rates=(0.2, 0.7))
    for rate, predictions in found.items():
        predicted = [posterior.predict(model, lambda rows: grey[rows], IDS, SAMPLING, rate) for model in models]
        (expected,) = posterior.mix(predicted)
        np.testing.assert_array_equal(predictions.rho_GT, expected.rho_GT)
        np.testing.assert_allclose(predictions.weights_T, expected.weights_T)
        assert predictions.ids == expected.ids
    assert found[0.2].rho_GT.std(axis=1).mean() < found[0.7].rho_GT.std(axis=1).mean()


def made_up(deviations, seed=5, galaxies=1500):
    """Predictions by rate, whose networks scatter by so much, and votes by one network that scatters by 0.6."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(0, 1, (galaxies, 1))
    noise = rng.normal(0, 1, (galaxies, 30))
    ids, weights_T = [str(row) for row in range(galaxies)], np.full(30, 1 / 30)
    predictions = {of: Predictions(ids, expit(centre + of * noise), weights_T) for of in deviations}
    k = rng.binomial(40, expit(centre[:, 0] + 0.6 * rng.normal(0, 1, galaxies)))
    return predictions, k, np.full(galaxies, 40)


def test_the_rate_with_the_right_spread_is_chosen(tmp_path, caplog):
    table = dropout_tuning.surprise_by_rate(*made_up((0.1, 0.6, 1.5)))
    tables.write_with_csv(table, tmp_path / "dropout_tuning")
    assert dropout_tuning.read(tmp_path / "dropout_tuning.csv") == 0.6
    assert dropout_tuning.end_of_grid(table) is None
    assert not caplog.records
    errors = table.set_index(["dropout", "epsilon"]).coverage_error
    assert (errors[0.1] > errors[0.6] + 0.1).all()
    assert table.groupby("dropout").size().eq(4).all()


def test_the_score_is_that_of_scipy():
    predictions, k, responses = made_up((0.1, 0.6), galaxies=80)
    table = dropout_tuning.surprise_by_rate(predictions, k, responses).drop_duplicates("dropout").set_index("dropout")
    surprise = {rate: -np.log(binom.pmf(k[:, None], 40, of.rho_GT).mean(axis=1)) for rate, of in predictions.items()}
    difference = surprise[0.1] - surprise[0.6]
    assert table.surprise[0.1] == pytest.approx(surprise[0.1].mean())
    assert table.difference[0.1] == pytest.approx(difference.mean())
    assert table.standard_error[0.1] == pytest.approx(difference.std(ddof=1) / np.sqrt(80))
    assert (table.difference[0.6], table.standard_error[0.6]) == (0, 0)


def test_columns():
    predictions, k, responses = made_up((0.1, 0.6), galaxies=60)
    table = dropout_tuning.surprise_by_rate(predictions, k, responses)
    names = ["dropout", "epsilon", "galaxies", "surprise", "difference", "standard_error", "coverage_error", "chosen"]
    assert table.columns.tolist() == names
    expected = [[rate, epsilon] for rate in (0.1, 0.6) for epsilon in (0.02, 0.05, 0.1, 0.2)]
    assert table[["dropout", "epsilon"]].to_numpy().tolist() == expected
    assert (table.galaxies == 60).all()
    for row in table.itertuples():
        coverage = calibration.coverage({"it": predictions[row.dropout]}, k, responses, [row.epsilon])
        mode = coverage.coverage_error[coverage.estimator == "mode"].item()
        assert row.coverage_error == pytest.approx(mode, nan_ok=True)


def test_a_dull_posterior_loses_although_its_coverage_is_better():
    """One that tells no galaxies apart, but has the distribution of their ρ, against one that is a little too sure."""
    rng = np.random.default_rng(6)
    ids, weights_T = [str(row) for row in range(2000)], np.full(50, 1 / 50)
    logit = rng.normal(0, 1, 2000)
    k, responses = rng.binomial(40, expit(logit)), np.full(2000, 40)
    dull = np.tile(np.quantile(expit(logit), (np.arange(50) + 0.5) / 50), (2000, 1))
    sharp = np.tile(expit(logit + rng.normal(0, 0.35, 2000))[:, None], 50)
    predictions = {0.2: Predictions(ids, sharp, weights_T), 0.9: Predictions(ids, dull, weights_T)}
    table = dropout_tuning.surprise_by_rate(predictions, k, responses)
    coverage_error = table.coverage_error.abs().groupby(table.dropout).mean()
    assert coverage_error[0.9] < 0.5 * coverage_error[0.2]
    assert set(table.dropout[table.chosen]) == {0.2}
    of_dull = table[table.dropout == 0.9].iloc[0]
    assert of_dull.difference > 10 * of_dull.standard_error


@pytest.mark.parametrize(("deviations", "end"), [((0.6, 1.5, 3.0), "lowest"), ((0.1, 0.3, 0.6), "highest")])
def test_a_rate_at_an_end_of_those_tried_is_told(deviations, end, caplog):
    table = dropout_tuning.surprise_by_rate(*made_up(deviations))
    assert dropout_tuning.end_of_grid(table) == end
    assert f"the dropout rate chosen, 0.6, is the {end} of those tried" in caplog.text


def test_of_equal_rates_the_lowest_is_chosen():
    predictions, k, responses = made_up((0.6,), galaxies=5)
    table = dropout_tuning.surprise_by_rate({0.7: predictions[0.6], 0.4: predictions[0.6]}, k, responses)
    assert set(table.dropout[table.chosen]) == {0.4}


@pytest.mark.parametrize("rate", dropout_tuning.RATES)
def test_rates_are_written_as_they_are_meant(rate):
    assert rate == round(rate, 2)
    assert 0 < rate < 1


def test_one_galaxy_is_enough_to_choose_but_not_to_tell_how_surely():
    predictions = {rate: Predictions(["a"], np.full((1, 4), rate), np.full(4, 0.25)) for rate in (0.5, 0.9)}
    table = dropout_tuning.surprise_by_rate(predictions, np.array([1]), np.array([40]))
    assert set(table.dropout[table.chosen]) == {0.5}
    assert table.standard_error.isna().all()
