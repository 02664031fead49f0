"""The tuned dropout rate, against predictions at each rate and a known truth."""

import numpy as np
import pytest
from scipy.special import expit

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model import posterior
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import Predictions
from activezoo.posteriors import dropout_tuning

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


def test_the_rate_with_the_right_spread_is_chosen(tmp_path):
    """Votes are made with ρ of one network each, so that the spread of networks which made them is the right one."""
    rng = np.random.default_rng(5)
    centre = rng.normal(0, 1, (1500, 1))
    noise = rng.normal(0, 1, (1500, 30))
    ids, weights_T = [str(row) for row in range(1500)], np.full(30, 1 / 30)
    predictions = {rate: Predictions(ids, expit(centre + rate * noise), weights_T) for rate in (0.1, 0.6, 1.5)}
    k = rng.binomial(40, expit(centre[:, 0] + 0.6 * rng.normal(0, 1, 1500)))
    table = dropout_tuning.coverage_by_rate(predictions, k, np.full(1500, 40))
    tables.write_with_csv(table, tmp_path / "dropout_tuning")
    assert dropout_tuning.read(tmp_path / "dropout_tuning.csv") == 0.6
    errors = table.set_index(["dropout", "epsilon"]).coverage_error
    assert (errors[0.1] > errors[0.6] + 0.1).all()
    assert table.groupby("dropout").size().eq(4).all()


@pytest.mark.parametrize("rate", dropout_tuning.RATES)
def test_rates_are_written_as_they_are_meant(rate):
    assert rate == round(rate, 2)
    assert 0 < rate < 1


def test_too_few_galaxies_are_refused():
    predictions = {0.5: Predictions(["a"], np.full((1, 4), 0.9), np.full(4, 0.25))}
    with pytest.raises(InputError, match=r"by 1 held-out galaxies.*raise posteriors\.held_out"):
        dropout_tuning.coverage_by_rate(predictions, np.array([1]), np.array([40]))
