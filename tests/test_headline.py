"""The headline says what the savings say, good or bad."""

import pandas as pd
import pytest

from activezoo.report import learning_curves, savings
from activezoo.report.headline import headline, percent, rounded


def sentences_of(saving, low, high, seeds=4, strategies=("bald",)) -> str:
    """The headline of made-up savings over random."""
    metrics = pd.DataFrame(
        [
            ("smooth", strategy, seed, 0, 1, 1, 1.0, 1.0, 0.2, 0.1, 0.3)
            for strategy in (*strategies, "random")
            for seed in range(seeds)
        ],
        columns=list(learning_curves.COLUMNS),
    )
    rest = (0.19, 0.12, 1, 1, 0.1199, 12_345, 39_870, 0.5, 0.15, 0.1, 0.3)
    rows = [
        (
            "smooth",
            strategy,
            "random",
            currency,
            "all",
            saving - (0.1 if currency == "galaxies" else 0),
            low,
            high,
            *rest,
        )
        for strategy in strategies
        for currency in savings.CURRENCIES
    ]
    return "\n".join(headline(metrics, pd.DataFrame(rows, columns=list(savings.COLUMNS))))


NAN = float("nan")


@pytest.mark.parametrize(
    ("saving", "low", "high", "expected"),
    [
        (
            0.42, 0.2, 0.58,
            "smooth: for the same RMSE, BALD needed 42 % fewer votes than random (95 % interval 20 to 58 %; 4 seeds), "
            "and 32 % fewer galaxies (95 % interval 20 to 58 %). A survey of this kind reaches RMSE 0.120 with about "
            "12,000 votes instead of 40,000.",
        ),
        (0.42, -0.1, 0.58, "(95 % interval −10 to 58 %; 4 seeds)"),
        (0.42, -0.1, 0.58, "By these runs the two cannot be told apart in votes."),
        (-0.3, -0.5, -0.1, "BALD needed 30 % more votes than random"),
        (0.001, -0.5, 0.5, "BALD needed as many votes than random"),
        (NAN, NAN, NAN, "nothing can be said of BALD"),
    ],
)  # fmt: skip
def test_the_headline_is_honest(saving, low, high, expected):
    assert expected in sentences_of(saving, low, high)


def test_one_seed_is_a_taste():
    text = sentences_of(0.42, NAN, NAN, seeds=1)
    assert "42 % fewer votes than random (1 seed)" in text
    assert text.endswith("This is a taste: with one seed, nobody can tell a saving from luck.")


@pytest.mark.parametrize(("saving", "expected"), [(0.424, "42 % fewer"), (-0.08, "8 % more"), (0.004, "as many")])
def test_percents_in_words(saving, expected):
    assert percent(saving) == expected


@pytest.mark.parametrize(("votes", "expected"), [(12_345, "12,000"), (99.6, "100"), (8, "8"), (1_260_000, "1,300,000")])
def test_votes_have_two_digits_that_count(votes, expected):
    assert rounded(votes) == expected
