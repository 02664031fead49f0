"""Experts' classes: read, divided, told from vote fractions, and compared with predictions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binomtest

from activezoo.errors import InputError
from activezoo.posteriors import expert_classes, experts
from activezoo.survey.layout import ClassColumns
from activezoo.survey.simulation import simulate_survey

BARS = ClassColumns("dr7objid", "class", ["weak", "intermediate", "strong"])


@pytest.fixture
def catalogue(tmp_path):
    """Write a catalogue of experts and return its path."""

    def write(*rows: str):
        path = tmp_path / "experts.csv"
        path.write_text("\n".join(["dr7objid,class", *rows, ""]))
        return path

    return write


def read(path):
    return expert_classes.read_experts(path, BARS)


def test_reads_ids_as_text_and_classes_as_answers(catalogue):
    path = catalogue("587722981736120347,weak", "587722981736120348,none", "0042, strong ")
    table = read(path)
    assert table.to_dict("list") == {
        "id": ["587722981736120347", "587722981736120348", "0042"],
        "is_positive": [True, False, True],
    }
    assert table.is_positive.dtype == bool
    strong = expert_classes.read_experts(path, BARS._replace(positive=["strong"]))
    assert strong.is_positive.tolist() == [False, False, True]


@pytest.mark.parametrize("written", ["Weak", "WEAK", " weak", "weak\t"])
def test_classes_are_known_in_any_spelling(catalogue, written):
    assert read(catalogue(f"1,{written}", "2,none")).is_positive.tolist() == [True, False]


def test_reads_what_the_simulated_survey_writes(tmp_path):
    simulate_survey(60, image_size=16, seed=1, output=tmp_path)
    table = read(tmp_path / "experts.csv")
    assert 5 < len(table) < 30
    assert 0 < table.is_positive.sum() < len(table)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "has no rows"),
        (("1,none", "2,weak", "1,none"), "row 4: dr7objid '1' stands in an earlier row"),
        (("1,weak", "2,"), "row 3: class is empty"),
        (("1,weak", "2,  "), "row 3: class is empty"),
        (("1,weak", ",none"), "row 3: dr7objid is empty"),
        (("1,none", "2,sbar"), "no galaxy is weak or intermediate or strong in column 'class'; it has none, sbar"),
    ],
)
def test_rows_that_cannot_be_used(catalogue, rows, message):
    with pytest.raises(InputError, match=message):
        read(catalogue(*rows))


def test_missing_file_or_column(catalogue, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "other.csv")
    with pytest.raises(InputError, match="no column 'bar'"):
        expert_classes.read_experts(catalogue("1,weak"), BARS._replace(class_column="bar"))


@given(st.lists(st.text("0123456789", min_size=1, max_size=18), min_size=1, max_size=60, unique=True), st.randoms())
def test_split_depends_on_the_galaxies_not_on_their_order(ids, random):
    roles = dict(zip(ids, expert_classes.split(ids, "bar"), strict=True))
    assert list(roles.values()).count("fit") == round(0.8 * len(ids))
    assert set(roles.values()) <= set(expert_classes.ROLES)
    shuffled = random.sample(ids, len(ids))
    assert roles == dict(zip(shuffled, expert_classes.split(shuffled, "bar"), strict=True))


def test_split_is_random_and_another_for_another_question():
    ids = [f"{number:04}" for number in range(2000)]
    fit = expert_classes.split(ids, "bar") == "fit"
    assert fit[:1000].mean() == pytest.approx(0.8, abs=0.05)
    other = expert_classes.split(ids, "spiral") == "fit"
    assert np.mean(fit & other) == pytest.approx(0.64, abs=0.03)


def test_rescaling_maximises_the_likelihood():
    rng = np.random.default_rng(0)
    fraction = rng.random(1500)
    is_positive = rng.random(1500) < 1 / (1 + np.exp(2.5 - 7 * fraction))

    def surprise(coefficients: np.ndarray) -> float:
        logit = coefficients[0] * fraction + coefficients[1]
        return float(np.sum(np.logaddexp(0, np.where(is_positive, -logit, logit))))

    best = minimize(surprise, (1, 0), method="BFGS", options={"gtol": 1e-7}).x
    found = experts.fit_rescaling(fraction, is_positive)
    assert found == pytest.approx(best, abs=1e-4)
    assert found == pytest.approx((7, -2.5), abs=1)
    # At the maximum of the likelihood the predicted count is the actual one.
    assert found.probability(fraction).sum() == pytest.approx(is_positive.sum(), abs=1e-3)


def test_probability_is_logistic():
    probability = experts.Rescaling(7.0, -2.0).probability(np.array([0.0, 2 / 7, 1.0]))
    assert probability == pytest.approx([1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-5))])


@pytest.mark.parametrize(("answer", "word"), [(True, "yes"), (False, "no")])
def test_nothing_can_be_fitted_to_one_class(answer, word):
    with pytest.raises(InputError, match=f"experts say {word} to all of the 3 galaxies"):
        experts.fit_rescaling([0.1, 0.5, 0.9], [answer] * 3)


IS_POSITIVE = np.array([False, False, True, False, True, True, True])
PROBABILITY = np.array([0.1, 0.15, 0.2, 0.55, 0.5, 0.95, 1.0])


def test_counts():
    perfect = IS_POSITIVE.astype(float)
    counts = experts.compare(IS_POSITIVE, {"one": PROBABILITY, "perfect": perfect}).counts.set_index("predictor")
    deviation = math.sqrt(0.09 + 0.15 * 0.85 + 0.16 + 0.55 * 0.45 + 0.25 + 0.95 * 0.05)
    assert counts.actual.tolist() == [4, 4]
    assert counts.loc["one", ["predicted", "low", "high"]].tolist() == pytest.approx(
        [3.45, 3.45 - 1.96 * deviation, 3.45 + 1.96 * deviation], abs=1e-4
    )
    assert counts.loc["perfect", ["predicted", "low", "high"]].tolist() == [4, 4, 4]


def test_interval_of_the_count_holds_what_it_says():
    """Of sums of independent draws, 95 % are inside; and none is below 0 or above the number of galaxies."""
    rng = np.random.default_rng(1)
    probability = rng.beta(0.6, 1.2, 400)
    total = experts.count(np.zeros(400, bool), probability)
    sums = (rng.random((4000, 400)) < probability).sum(axis=1)
    assert np.mean((sums >= total["low"]) & (sums <= total["high"])) == pytest.approx(0.95, abs=0.015)
    rare = experts.count(np.zeros(3, bool), np.full(3, 0.1))
    assert (rare["low"], experts.count(np.zeros(2, bool), np.full(2, 0.9))["high"]) == (0, 2)


def test_curve():
    comparison = experts.compare(IS_POSITIVE, {"one": PROBABILITY})
    expected = pd.DataFrame(
        {
            "predictor": "one",
            "bin": [0, 1, 2, 4],
            "galaxies": [2, 1, 2, 2],
            "predicted": [0.125, 0.2, 0.525, 0.975],
            "observed": [0.0, 1.0, 0.5, 1.0],
        }
    )
    pd.testing.assert_frame_equal(comparison.curve[list(expected)], expected, check_dtype=False)
    for row in comparison.curve.itertuples():
        interval = binomtest(round(row.observed * row.galaxies), row.galaxies).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))


def test_scores():
    comparison = experts.compare(IS_POSITIVE, {"one": PROBABILITY, "other": 1 - PROBABILITY})
    scores = comparison.scores.set_index("predictor")
    pairs = [(yes, no) for yes in PROBABILITY[IS_POSITIVE] for no in PROBABILITY[~IS_POSITIVE]]
    area = np.mean([(yes > no) + 0.5 * (yes == no) for yes, no in pairs])
    assert scores.area.tolist() == pytest.approx([area, 1 - area])
    assert scores.brier_score["one"] == pytest.approx(np.mean((PROBABILITY - IS_POSITIVE) ** 2))
    assert scores.expected_calibration_error["one"] == pytest.approx((2 * 0.125 + 0.8 + 2 * 0.025 + 2 * 0.025) / 7)
    assert scores.galaxies.tolist() == [7, 7]
    assert comparison.curve.predictor.unique().tolist() == ["one", "other"]


def test_galaxies_of_one_class_have_no_area():
    scores = experts.compare([True, True], {"one": [0.5, 0.75]}).scores
    assert np.isnan(scores.area[0])
    assert scores.brier_score[0] == pytest.approx((0.25 + 0.0625) / 2)


def test_rescaled_fractions_count_what_volunteers_miss():
    """The point of Appendix A: fractions as they are miss the weak bars that experts see, rescaled ones do not."""
    rng = np.random.default_rng(3)
    strength = rng.random(4000)
    is_bar = rng.random(4000) < 1 / (1 + np.exp(-12 * (strength - 0.4)))
    fraction = rng.binomial(25, 1 / (1 + np.exp(-8 * (strength - 0.75)))) / 25
    fit = expert_classes.split([f"{number:04}" for number in range(4000)], "bar") == "fit"
    rescaled = experts.fit_rescaling(fraction[fit], is_bar[fit]).probability(fraction[~fit])
    predictors = {"volunteers": fraction[~fit], "volunteers, rescaled": rescaled}
    counts, _, scores = experts.compare(is_bar[~fit], predictors)
    raw, rescaled = counts.itertuples()
    assert raw.high < 0.7 * raw.actual
    assert rescaled.low < rescaled.actual < rescaled.high
    assert scores.expected_calibration_error[1] < 0.5 * scores.expected_calibration_error[0]
    assert scores.area[1] == pytest.approx(scores.area[0], abs=1e-12)
