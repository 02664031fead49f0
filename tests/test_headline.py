"""The headline says what the learning curves say, good or bad."""

import pandas as pd
import pytest

from activezoo.report import learning_curves
from activezoo.report.headline import headline


def sentence_of(active, random) -> str:
    """The headline of one seed and three iterations of 10 galaxies."""
    rows = [
        ("smooth", strategy, 1, i, 50 + 10 * i, 10 * i, 1.0, 1.0, rmse, 0.3)
        for strategy, curve in (("bald", active), ("random", random))
        for i, rmse in enumerate(curve)
    ]
    metrics = pd.DataFrame(rows, columns=list(learning_curves.COLUMNS))
    (sentence,) = headline(metrics, learning_curves.label_savings(metrics))
    return sentence


@pytest.mark.parametrize(
    ("active", "random", "expected"),
    [
        ([0.3, 0.25, 0.1], [0.3, 0.28, 0.25], "needed at best 50 % fewer new labels (10 against 20 at RMSE 0.250)"),
        ([0.3, 0.2, 0.1], [0.3, 0.28, 0.25], "needed at least 50 % fewer new labels (at most 10 against at least 20"),
        ([0.3, 0.26, 0.2], [0.3, 0.25, 0.2], "saved no labels: at best it needed as many (20 against 20"),
        ([0.3, 0.28, 0.24], [0.3, 0.25, 0.2], "saved no labels: at best it needed 67 % more"),
        (
            [0.3, 0.28, 0.24],
            [0.3, 0.25, 0.2],
            "BALD did not reach the lowest RMSE of random, 0.200, with 20 new labels",
        ),
        ([0.3, 0.31, 0.32], [0.3, 0.25, 0.2], "BALD saved no labels: it came to no RMSE"),
        ([0.3, 0.31, 0.32], [0.3, 0.31, 0.32], "no saving can be stated"),
        ([0.3, 0.31, 0.32], [0.3, 0.31, 0.32], "Random did not improve on the first model."),
    ],
)
def test_the_headline_is_honest(active, random, expected):
    assert expected in sentence_of(active, random)
