"""The truth behind a simulated survey: with what probability a volunteer gives an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activezoo.survey.layout import Answers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# For each question of the simulated volunteers, and each column that counts an answer: the answer's probability, as
# (constant, {column of the truth: factor}). It is the constant plus the sum of each factor times its column.
QUESTIONS = (
    {
        "t01_smooth_or_features_a01_smooth_count": (0, {"rho_smooth": 1}),
        "t01_smooth_or_features_a02_features_or_disk_count": (1, {"rho_smooth": -1, "rho_artifact": -1}),
        "t01_smooth_or_features_a03_star_or_artifact_count": (0, {"rho_artifact": 1}),
    },
    {
        "t02_edgeon_a04_yes_count": (0, {"rho_edge_on": 1}),
        "t02_edgeon_a05_no_count": (1, {"rho_edge_on": -1}),
    },
    {
        "t03_bar_a06_bar_count": (0, {"rho_bar": 1}),
        "t03_bar_a07_no_bar_count": (1, {"rho_bar": -1}),
    },
    {
        "t04_spiral_a08_spiral_count": (0, {"rho_spiral": 1}),
        "t04_spiral_a09_no_spiral_count": (1, {"rho_spiral": -1}),
    },
)


def vote_probability(answers: Answers, truth: pd.DataFrame) -> np.ndarray | None:
    """The true probability ρ of a positive answer, whatever the question is called.

    Parameters
    ----------
    answers
        Columns that count the answers.
    truth
        A row a galaxy, as written by `simulation.simulate_survey`.

    Returns
    -------
    In the order of the rows, shape (G,); None if the answers are not all those of one question of the simulation.
    """
    for question in QUESTIONS:
        if set(answers.responses) == set(question):
            terms = [question[column] for column in set(answers.positive)]
            constant = sum(constant for constant, _ in terms)
            rho = sum(factor * truth[column] for _, factors in terms for column, factor in factors.items())
            return (constant + rho).to_numpy()
    return None
