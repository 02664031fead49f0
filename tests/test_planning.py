"""What a survey would cost, where the truth is known."""

import numpy as np
import pandas as pd
import pytest

from activezoo.report import learning_curves, planning
from activezoo.report.planning import PowerLaw, Seconds

VOTES = np.tile(1000.0 * np.arange(1, 22), (4, 1))


def test_a_power_law_is_found_exactly():
    law = planning.fit(VOTES, 2 * VOTES**-0.3)
    np.testing.assert_allclose(law.power, 0.3)
    assert planning.votes_for(2 * 123_456**-0.3, law) == pytest.approx((123_456,) * 3)


def test_the_first_third_does_not_count():
    rmse = np.where(np.arange(21) < 7, 5.0, 2 * VOTES**-0.3)
    np.testing.assert_allclose(planning.fit(VOTES, rmse).power, 0.3)


def test_the_interval_holds_the_votes():
    """Of 200 runs of four seeds with scatter of 3 %, about 95 % hold them."""
    rng = np.random.default_rng(1)
    held = []
    for _ in range(200):
        law = planning.fit(VOTES, 2 * VOTES**-0.3 * np.exp(0.03 * rng.normal(size=VOTES.shape)))
        _, low, high = planning.votes_for(2 * 50_000**-0.3, law)
        held.append(low <= 50_000 <= high)
    assert 180 <= np.sum(held) <= 199


@pytest.mark.parametrize(
    ("power", "expected"), [([0.3, -0.1], np.inf), ([0.3, np.nan], np.nan), ([0.5], (0.1 / 2) ** -2)]
)
def test_curves_that_do_not_fall_reach_nothing(power, expected):
    law = PowerLaw(np.log(np.full(len(power), 2.0)), np.array(power))
    votes, low, high = planning.votes_for(0.1, law)
    assert votes == pytest.approx(expected, nan_ok=True)
    assert np.isnan([low, high]).all()


def metrics(noise: float = 0.06, seeds: int = 2) -> pd.DataFrame:
    """Curves of 2 · votes^-0.3, of BALD with half the votes of each galaxy."""
    rows = [
        ("smooth", strategy, seed, i, int(votes), int(votes / each), 1, 1, np.hypot(of_rho, noise), of_rho, 1)
        for strategy, each in (("bald", 20), ("random", 40))
        for seed in range(seeds)
        for i, (votes, of_rho) in enumerate(zip(VOTES[0], 2 * VOTES[0] ** -0.3, strict=True))
    ]
    return pd.DataFrame(rows, columns=list(learning_curves.COLUMNS))


def test_a_plan_by_hand():
    times = {"smooth": Seconds(train=9.0, predict=0.001)}
    planned = planning.plan(metrics(), times, 9000, [np.hypot(0.08, 0.06), 0.05], 1000)
    assert planned.columns.tolist() == planning.COLUMNS
    reached, below = planned[planned.rmse > 0.06], planned[planned.rmse < 0.06]
    expected = (0.08 / 2) ** (-1 / 0.3)
    np.testing.assert_allclose(reached[["votes", "low", "high"]], expected, rtol=1e-3)
    np.testing.assert_allclose(reached.people_days, expected / 1000, rtol=1e-3)
    assert below.votes.isna().all()
    assert reached.survey_votes.tolist() == pytest.approx([180_000, 360_000])
    # 20 iterations of training, and of predictions for BALD alone.
    assert reached.computing_hours.tolist() == pytest.approx([20 * (9 + 9) / 3600, 20 * 9 / 3600])
    text = planning.page("made-up", planned, 9000, 1000)
    assert "| BALD | 0.1 | 46,000 | 46,000 to 46,000 | 45.7 | 0.100 |" in text
    assert "| random | 0.05 | below the noise of the votes |" in text
    assert "For 9,000 galaxies and 1,000 votes a day" in text


def test_no_more_votes_than_the_survey_has():
    planned = planning.plan(metrics(seeds=1), {"smooth": Seconds(np.nan, np.nan)}, 1000, [0.1], 1000)
    assert "| BALD | 0.1 | more than all 20,000 |  |  |  |" in planning.table(planned)
    assert "| random | 0.1 | more than all 40,000 |  |  |  |" in planning.table(planned)


def test_times_are_those_of_the_benchmarks(tmp_path):
    measured = {"initial/train": 99, "initial/predict_pool_0": 1, "initial/predict_pool_1": 2}
    measured |= {"bald/iteration_1/train": 4, "random/iteration_1/train": 6, "bald/iteration_1/predict_pool_0": 5}
    for name, number in measured.items():
        path = tmp_path / f"smooth/seed_1/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{number}.0\t0:00:01\t5.0\n")
    assert planning.seconds(tmp_path, "smooth", 100) == pytest.approx((5, 0.04))
    assert np.isnan(planning.seconds(tmp_path, "bar", 100)).all()
