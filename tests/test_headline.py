"""The headline says what the savings say, good or bad."""

import numpy as np
import pandas as pd
import pytest

from activezoo.report import learning_curves, savings
from activezoo.report.headline import headline


def rows(votes, galaxies, strategy="bald", baseline="random") -> pd.DataFrame:
    """The rows of all seeds, from (saving, low, high) in votes and in galaxies."""
    names = [("smooth", strategy, baseline, currency, "all") for currency in savings.CURRENCIES]
    rest = (0.2, 0.1, 3000, 6000, 0.1204, 12_345, 40_400, 0.6, 0.12, 0.1, 0.2)
    numbers = [(*of, *rest) for of in (votes, galaxies)]
    table = [(*name, *number) for name, number in zip(names, numbers, strict=True)]
    return pd.DataFrame(table, columns=list(savings.COLUMNS))


def metrics(seeds: int = 4, strategies=("bald", "random")) -> pd.DataFrame:
    numbers = (0, 100, 10, 1.0, 1.0, 0.2, 0.2, 0.3)
    table = [("smooth", strategy, seed, *numbers) for strategy in strategies for seed in range(seeds)]
    return pd.DataFrame(table, columns=list(learning_curves.COLUMNS))


@pytest.mark.parametrize(
    ("votes", "galaxies", "expected"),
    [
        (
            (0.42, 0.20, 0.58),
            (0.40, 0.18, 0.57),
            "smooth: for the same RMSE, BALD needed 42 % fewer votes than random (95 % interval 20 to 58 %; 4 seeds) "
            "and 40 % fewer galaxies (18 to 57 %). A survey of this kind reaches RMSE 0.120 with about 12,000 votes "
            "instead of 40,000.",
        ),
        (
            (0.10, -0.20, 0.33),
            (-0.50, -0.80, -0.20),
            "smooth: BALD and random cannot be told apart: for the same RMSE, BALD needed 10 % fewer votes than random "
            "(95 % interval 20 % more to 33 % fewer; 4 seeds) and 50 % more galaxies (20 to 80 %).",
        ),
        (
            (-0.50, -0.80, -0.20),
            (0.001, -0.2, 0.2),
            "smooth: for the same RMSE, BALD needed 50 % more votes than random (95 % interval 20 to 80 %; 4 seeds) "
            "and as many galaxies (20 % more to 20 % fewer).",
        ),
        (
            (-12.0, -40.0, -1.0),
            (0.003, -0.001, 0.012),
            "smooth: for the same RMSE, BALD needed 1,200 % more votes than random (95 % interval 100 to 4,000 %; "
            "4 seeds) and as many galaxies (as many to 1 % fewer).",
        ),
        (
            (np.nan,) * 3,
            (np.nan,) * 3,
            "smooth: no saving of BALD over random can be stated, as in some seed they have no RMSE below that "
            "of the first model in common.",
        ),
    ],
)
def test_the_headline_is_honest(votes, galaxies, expected):
    assert headline(metrics(), rows(votes, galaxies)) == [expected]


def test_one_seed_has_no_interval():
    (sentence,) = headline(metrics(1), rows((0.42, np.nan, np.nan), (0.4, np.nan, np.nan)))
    assert "42 % fewer votes than random (one seed: a taste, without an interval) and 40 % fewer galaxies." in sentence


def test_nothing_to_compare_with_is_said():
    nothing = rows((1, 1, 1), (1, 1, 1))[:0]
    assert headline(metrics(strategies=["bald"]), nothing) == [
        "smooth: only BALD ran; a saving compares a strategy with one that chooses without a model, such as random."
    ]


def test_each_strategy_has_a_paragraph_the_recommended_one_first(monkeypatch):
    good, same = (0.4, 0.2, 0.6), (0.1, -0.2, 0.3)
    pairs = [("entropy", "random"), ("bald", "random"), ("random_few", "random"), ("bald", "random_few")]
    table = pd.concat([rows(good if pair[0] == "bald" else same, good, *pair) for pair in pairs])
    ran = metrics(strategies=["entropy", "bald", "random", "random_few"])
    from activezoo.acquisition import registry

    real = registry.load
    monkeypatch.setattr("activezoo.report.headline.load", lambda name: real(name)._replace(recommended=name == "bald"))
    first, *others = headline(ran, table)
    assert first.count("BALD needed") == 2
    assert "than random with few votes (" in first
    assert len(others) == 2
    assert {other.partition(" and ")[0] for other in others} == {"smooth: entropy", "smooth: random with few votes"}
