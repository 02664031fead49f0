"""The numbers of Walmsley et al. 2019, for a question that is one of theirs, whatever it is called here."""

from __future__ import annotations

from typing import NamedTuple

from activezoo.survey.layout import Answers


class PaperNumbers(NamedTuple):
    """What the paper found for one question."""

    coverage_error: dict[float, tuple[float, float]]
    """By ε, with one network and with the mixture of 30 (Tables 1 and 2)."""
    rmse: float
    """Of the most likely fraction, by the mixture (§2.7.1)."""
    surprise_ratio: str | None
    """How many times as much as other features morphology matters for the surprise (§2.7.2)."""
    experts: dict[str, int] | None
    """Galaxies predicted to be positive for experts, of `experts_galaxies`, by predictor (Fig. A1)."""
    experts_actual: int | None
    experts_galaxies: int | None


SMOOTH = PaperNumbers(
    coverage_error={0.02: (0.496, 0.165), 0.05: (0.385, 0.134), 0.10: (0.261, 0.094), 0.20: (0.079, 0.054)},
    rmse=0.10,
    surprise_ratio=None,
    experts=None,
    experts_actual=None,
    experts_galaxies=None,
)
BAR = PaperNumbers(
    coverage_error={0.02: (0.922, 0.455), 0.05: (0.855, 0.424), 0.10: (0.578, 0.292), 0.20: (0.226, 0.118)},
    rmse=0.15,
    surprise_ratio="3.5 to 4",
    experts={"plain CNN": 559, "volunteers, rescaled": 396, "Bayesian CNN, rescaled": 372},
    experts_actual=379,
    experts_galaxies=1211,
)
# Columns of positive answers and of all answers, in the release of Hart et al. 2016 and in later catalogues of it.
QUESTIONS = (
    (
        {"t01_smooth_or_features_a01_smooth_count"},
        {
            "t01_smooth_or_features_a01_smooth_count",
            "t01_smooth_or_features_a02_features_or_disk_count",
            "t01_smooth_or_features_a03_star_or_artifact_count",
        },
        SMOOTH,
    ),
    (
        {"smooth-or-featured-gz2_smooth"},
        {
            "smooth-or-featured-gz2_smooth",
            "smooth-or-featured-gz2_featured-or-disk",
            "smooth-or-featured-gz2_artifact",
        },
        SMOOTH,
    ),
    ({"t03_bar_a06_bar_count"}, {"t03_bar_a06_bar_count", "t03_bar_a07_no_bar_count"}, BAR),
    ({"bar-gz2_yes"}, {"bar-gz2_yes", "bar-gz2_no"}, BAR),
)


def numbers_for(answers: Answers) -> PaperNumbers | None:
    """The paper's numbers for the question that these columns answer, or None."""
    for positive, responses, numbers in QUESTIONS:
        if set(answers.positive) == positive and set(answers.responses) == responses:
            return numbers
    return None
