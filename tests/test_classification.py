"""Classes from posteriors: exact small cases, scikit-learn's own scores, and definitions written out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from activezoo.posteriors import classification

# Few distinct values, so that ties and the boundaries occur.
SCORES = st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0])
GALAXIES = st.lists(st.tuples(SCORES, st.integers(0, 10)), max_size=60)


@pytest.fixture
def galaxies():
    rng = np.random.default_rng(5)
    truth, responses = rng.beta(0.8, 0.8, 400), rng.integers(10, 45, 400)
    rho = 1 / (1 + np.exp(-np.log(truth / (1 - truth)) - rng.normal(0, 1, 400)))
    return rho, rng.binomial(responses, truth), responses


def test_half_of_the_votes_is_no_majority():
    k, responses = np.array([4, 5, 6, 5, 6]), np.array([10, 10, 10, 11, 11])
    assert classification.majority(k, responses).tolist() == [False, False, True, False, True]


def test_confusion_has_volunteers_in_rows_and_half_as_not_positive():
    rho = np.array([0.1, 0.5, 0.6, 0.9, 0.2, 0.7])
    is_positive = np.array([False, False, False, True, True, True])
    assert classification.confusion(rho, is_positive).tolist() == [[2, 1], [1, 2]]


def test_confusion_keeps_its_shape_where_classes_are_missing():
    nothing = np.array([])
    assert classification.confusion(nothing, nothing.astype(bool)).tolist() == [[0, 0], [0, 0]]
    assert classification.confusion(np.array([0.9, 0.8]), np.array([True, True])).tolist() == [[0, 0], [0, 2]]


def test_roc_rates_are_those_at_each_threshold(galaxies):
    rho, k, responses = galaxies
    is_positive = classification.majority(k, responses)
    curve = classification.roc(rho, is_positive)
    for row in curve.itertuples():
        above = rho >= row.threshold
        assert row.false_positive_rate == (above & ~is_positive).sum() / (~is_positive).sum()
        assert row.true_positive_rate == (above & is_positive).sum() / is_positive.sum()
    ends = curve.iloc[[0, -1]]
    assert ends.false_positive_rate.tolist() == ends.true_positive_rate.tolist() == [0, 1]


@given(GALAXIES)
def test_area_is_the_chance_that_a_positive_galaxy_scores_higher(votes):
    rho = np.array([score for score, _ in votes])
    is_positive = np.array([k > 5 for _, k in votes], bool)
    wins = [(high > low) + 0.5 * (high == low) for high in rho[is_positive] for low in rho[~is_positive]]
    expected = np.mean(wins) if wins else np.nan
    np.testing.assert_allclose(classification.area(rho, is_positive), expected, atol=1e-12)
    curve = classification.roc(rho, is_positive)
    assert len(curve) == 0 if not wins else len(curve) >= 2


def test_high_confidence_is_beyond_the_threshold_on_both_sides():
    rho = np.array([0.0, 0.19, 0.2, 0.21, 0.5, 0.79, 0.8, 0.81, 1.0])
    expected = [True, True, False, False, False, False, False, True, True]
    assert classification.high_confidence(rho).tolist() == expected
    assert classification.high_confidence(rho, 0.9).tolist() == [True] + [False] * 7 + [True]
    assert classification.high_confidence(rho, 0.5).tolist() == (rho != 0.5).tolist()


def test_most_confident_takes_the_same_fraction_of_each_predicted_class():
    rho = np.concatenate([np.linspace(0.51, 0.99, 50), np.linspace(0.3, 0.01, 100)])
    chosen = classification.most_confident(rho)
    assert np.flatnonzero(chosen).tolist() == [*range(46, 50), *range(142, 150)]


@given(st.lists(SCORES, max_size=80), st.sampled_from([0.05, 0.08, 0.25, 0.5, 1.0]))
def test_no_galaxy_left_out_is_more_confident_than_one_chosen(scores, fraction):
    rho = np.array(scores)
    chosen = classification.most_confident(rho, fraction)
    for predicted, confidence in ((rho > 0.5, rho), (rho <= 0.5, -rho)):
        inside, outside = confidence[predicted & chosen], confidence[predicted & ~chosen]
        assert len(inside) == round(fraction * predicted.sum())
        assert not len(inside) or not len(outside) or inside.min() >= outside.max()


@pytest.mark.parametrize("threshold", [0.2, 1.0, np.nan])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValueError, match=f"not {threshold}"):
        classification.high_confidence(np.array([0.3]), threshold)


@pytest.mark.parametrize("fraction", [0, 1.1, np.nan])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(ValueError, match=f"not {fraction}"):
        classification.most_confident(np.array([0.3]), fraction)


def test_metrics_equal_those_of_scikit_learn(galaxies):
    rho, k, responses = galaxies
    table = classification.metrics(rho, k, responses).set_index("subset")
    masks = {
        "all": rho >= 0,
        "high confidence": (rho > 0.8) | (rho < 0.2),
        "most confident": classification.most_confident(rho, 0.08),
    }
    assert list(table.index) == list(masks)
    for subset, mask in masks.items():
        is_positive, score = (k / responses > 0.5)[mask], rho[mask]
        row = table.loc[subset]
        assert row.galaxies == mask.sum() > 20
        assert row.accuracy == sklearn_metrics.accuracy_score(is_positive, score > 0.5)
        assert row.precision == sklearn_metrics.precision_score(is_positive, score > 0.5)
        assert row.recall == sklearn_metrics.recall_score(is_positive, score > 0.5)
        assert row.f1 == pytest.approx(sklearn_metrics.f1_score(is_positive, score > 0.5), abs=1e-12)
        assert row.area == pytest.approx(sklearn_metrics.roc_auc_score(is_positive, score), abs=1e-12)
        expected = sklearn_metrics.confusion_matrix(is_positive, score > 0.5, labels=[False, True])
        np.testing.assert_array_equal(classification.confusion(score, is_positive), expected)
    assert table.loc["all", "accuracy"] < table.loc["high confidence", "accuracy"]


def test_what_is_not_defined_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rho = np.array([0.3, 0.4, 0.45])
        table = classification.metrics(rho, np.array([1, 2, 5]), np.array([10, 10, 10])).set_index("subset")
        assert len(classification.roc(rho, np.zeros(3, bool))) == 0
    everything = table.loc["all"]
    assert (everything.galaxies, everything.accuracy) == (3, 1)
    assert everything[["precision", "recall", "f1", "area"]].isna().all()
    for subset in ("high confidence", "most confident"):
        assert table.loc[subset, "galaxies"] == 0
        assert table.loc[subset].drop("galaxies").isna().all()


@given(GALAXIES)
def test_exchanging_yes_and_no_exchanges_the_classes(votes):
    # Ties would count as "no" both times: they are left out.
    votes = [(score, k) for score, k in votes if score != 0.5 and k != 5]
    rho, k = np.array([score for score, _ in votes]), np.array([k for _, k in votes], int)
    is_positive = classification.majority(k, np.full(len(k), 10))
    exchanged = classification.confusion(1 - rho, ~is_positive)
    np.testing.assert_array_equal(classification.confusion(rho, is_positive), exchanged[::-1, ::-1])
