"""The paper's numbers and the truth of the simulation are found by columns, whatever the question is called."""

import numpy as np
import pandas as pd
import pytest

from activezoo.posteriors.calibration import EPSILONS
from activezoo.report.paper import BAR, QUESTIONS, SMOOTH, numbers_for
from activezoo.survey import truth
from activezoo.survey.layout import Answers

T01 = ("t01_smooth_or_features_a01_smooth", "t01_smooth_or_features_a02_features_or_disk")
T01 = tuple(f"{answer}_count" for answer in (*T01, "t01_smooth_or_features_a03_star_or_artifact"))
BAR_COLUMNS = ("t03_bar_a06_bar_count", "t03_bar_a07_no_bar_count")
EDGE_ON = ("t02_edgeon_a04_yes_count", "t02_edgeon_a05_no_count")


def test_the_paper_has_numbers_for_its_two_questions_alone():
    assert numbers_for(Answers(T01[:1], T01[::-1])) is SMOOTH
    assert numbers_for(Answers(BAR_COLUMNS[:1], BAR_COLUMNS)) is BAR
    assert numbers_for(Answers(["bar-gz2_yes"], ["bar-gz2_no", "bar-gz2_yes"])) is BAR
    for other in (Answers(T01[1:2], T01), Answers(T01[:1], T01[:2]), Answers(EDGE_ON[:1], EDGE_ON)):
        assert numbers_for(other) is None
    assert all(tuple(numbers.coverage_error) == EPSILONS for *_, numbers in QUESTIONS)
    assert BAR.coverage_error[0.10] == (0.578, 0.292)


@pytest.fixture
def galaxies():
    rng = np.random.default_rng(1)
    names = ("rho_artifact", "rho_edge_on", "rho_bar", "rho_spiral")
    columns = {name: rng.uniform(0, 0.5, 9) for name in names}
    return pd.DataFrame({"rho_smooth": rng.uniform(0, 0.5, 9), **columns})


def test_the_truth_is_that_of_the_columns(galaxies):
    def rho(positive, responses):
        return truth.vote_probability(Answers(positive, responses), galaxies)

    np.testing.assert_array_equal(rho(T01[:1], T01), galaxies.rho_smooth)
    np.testing.assert_allclose(rho(T01[1:2], T01), 1 - galaxies.rho_smooth - galaxies.rho_artifact)
    np.testing.assert_allclose(rho(T01[::2], T01), galaxies.rho_smooth + galaxies.rho_artifact)
    np.testing.assert_array_equal(rho(EDGE_ON[:1], EDGE_ON), galaxies.rho_edge_on)
    np.testing.assert_allclose(rho(BAR_COLUMNS[1:], BAR_COLUMNS), 1 - galaxies.rho_bar)


def test_other_columns_have_no_truth(galaxies):
    assert truth.vote_probability(Answers(T01[:1], T01[:2]), galaxies) is None
    assert truth.vote_probability(Answers(["bar"], ["bar", "no"]), galaxies) is None
