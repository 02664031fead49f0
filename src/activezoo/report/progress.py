"""How good a live survey has become, what further votes would buy, and when to stop asking.

All of it is judged by the galaxies that test the models: drawn at random, and never trained on. From the mean square
of ρ̂ − k/N the noise of their own votes is taken out. What is left, the RMSE of ρ̂, falls about as a power of the votes,
which becomes smaller as RMSE comes to what no votes take away.

Suffixes name the axes of an array: M models, in the order of the asks; G test galaxies.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo.report.markdown import markdown_figure, markdown_table
from activezoo.report.planning import round_off

MODELS_TO_JUDGE = 4
"""Of fewer models, the curve is not known well enough to tell intervals, or to stop for the gain of the next votes; and
a target is reached only if the 95 % interval of the last model is below it."""
BEND = 0.03
"""By how much curves bend: standard deviation of the coefficient of (log votes)² in log RMSE."""


class Curve(NamedTuple):
    """A learning curve, against all votes on a question, those of the test too."""

    votes_M: np.ndarray
    mean_square_M: np.ndarray
    """Of ρ̂ − ρ; below 0 where the votes happen to scatter less than they should."""
    influence_MG: np.ndarray
    """By how much each test galaxy moves it; its sum is 0, and its products sum to the covariance of the models."""

    @property
    def rmse_M(self) -> np.ndarray:
        """Root of the mean square; 0 where that is below."""
        return np.sqrt(np.maximum(self.mean_square_M, 0))

    def table(self) -> pd.DataFrame:
        """Columns ask, votes, test_galaxies, rmse, and its 95 % interval over test galaxies, low and high."""
        half_M = 1.96 * np.sqrt((self.influence_MG**2).sum(axis=1))
        low, high = (np.sqrt(np.maximum(self.mean_square_M + sign * half_M, 0)) for sign in (-1, 1))
        return pd.DataFrame(
            {
                "ask": np.arange(len(self.votes_M)),
                "votes": self.votes_M,
                "test_galaxies": self.influence_MG.shape[1],
                "rmse": self.rmse_M,
                "low": low,
                "high": high,
            }
        )


def curve(votes_M: np.ndarray, rho_MG: np.ndarray, k_G: np.ndarray, responses_G: np.ndarray) -> Curve:
    """The learning curve, from predictions of the test galaxies and k of N votes on each; one vote tells no noise."""
    many = responses_G > 1
    fraction_G, responses_G = (k_G / responses_G)[many], responses_G[many]
    noise_G = fraction_G * (1 - fraction_G) / (responses_G - 1)
    square_MG = (rho_MG[:, many] - fraction_G) ** 2 - noise_G
    mean_M = square_MG.mean(axis=1) if many.any() else np.full(len(rho_MG), np.nan)
    return Curve(np.asarray(votes_M, float), mean_M, (square_MG - mean_M[:, None]) / max(many.sum(), 1))


class Estimate(NamedTuple):
    """A number, and the ends of its 95 % interval; nan where it is not known."""

    value: float
    low: float
    high: float


class Forecast(NamedTuple):
    """What is to be expected of further votes."""

    votes: int
    """So far."""
    next_votes: int
    """Of the next ask."""
    now: Estimate
    """RMSE, by the law."""
    after: Estimate
    """RMSE after the next ask."""
    gain: Estimate
    """By how much the next ask lowers it."""
    votes_for_target: Estimate
    """Votes in all for `target_rmse`; inf if the curve does not fall, nan without a target."""
    stop: str | None
    """Why nothing more is to be asked."""


def forecast(learnt: Curve, next_votes: int, target_rmse: float | None, min_gain: float | None) -> Forecast:
    """Extrapolate a learning curve, and tell whether to stop.

    Notes
    -----
    It goes on along a power law, with level and power of a parabola at the last model: log RMSE against log votes, as
    little bent as `BEND` says. Intervals are of this fit: the covariance of the models through the test galaxies, which
    they share, and beside it the scatter of the models about the fit. They say nothing of whether the power goes on.
    """
    votes = learnt.votes_M[-1]
    (level, power), covariance, quantile = _fit(learnt)
    unknown = Estimate(*[np.nan] * 3)
    if np.isnan(power):
        now, after, gain, needed = Estimate(float(learnt.rmse_M[-1]), np.nan, np.nan), unknown, unknown, unknown
    else:

        def estimate(value: float, slope: np.ndarray) -> Estimate:
            half = quantile * np.sqrt(slope @ covariance @ slope)
            return Estimate(value, value - half, value + half)

        x = np.log1p(next_votes / votes)
        rmse_now, rmse_after = np.exp(level), np.exp(level - power * x)
        slope_now, slope_after = rmse_now * np.array([1, 0]), rmse_after * np.array([1, -x])
        now, after = estimate(rmse_now, slope_now), estimate(rmse_after, slope_after)
        gain = estimate(rmse_now - rmse_after, slope_now - slope_after)
        needed = unknown
        if target_rmse is not None:
            needed = Estimate(np.inf, np.nan, np.nan)
            if power > 0:
                x_needed = (level - np.log(target_rmse)) / power
                in_log = estimate(np.log(votes) + x_needed, np.array([1, -x_needed]) / power)
                needed = Estimate(*np.exp(np.minimum(in_log, 700.0)))
    stop = None
    reached = now.value if len(learnt.votes_M) >= MODELS_TO_JUDGE else learnt.table()["high"].iloc[-1]
    if target_rmse is not None and reached <= target_rmse:
        stop = f"RMSE {now.value:.3f} has reached live.target_rmse {target_rmse:g}"
    elif min_gain is not None and len(learnt.votes_M) >= MODELS_TO_JUDGE and gain.value < min_gain:
        stop = (
            f"the next {next_votes:,} votes would lower RMSE {now.value:.3f} by {max(gain.value, 0):.4f}, less than "
            f"live.min_gain {min_gain:g}"
        )
    return Forecast(int(votes), next_votes, now, after, gain, needed, stop)


def _fit(learnt: Curve) -> tuple[np.ndarray, np.ndarray, float]:
    """log RMSE and power at the last model, their covariance, and how many standard deviations 95 % are.

    All are nan with fewer than two models whose RMSE is above 0; the last, with fewer than `MODELS_TO_JUDGE`.
    """
    from scipy.special import stdtrit

    some = learnt.mean_square_M > 0
    x, y = np.log(learnt.votes_M[some] / learnt.votes_M[-1]), np.log(learnt.rmse_M[some])
    if len(np.unique(x)) < 2:
        return np.full(2, np.nan), np.full((2, 2), np.nan), np.nan
    line = np.stack([np.ones_like(x), -x], axis=1)
    residual, freedom = y - line @ (np.linalg.pinv(line) @ y), len(x) - 2
    scatter = (residual @ residual) / max(freedom, 1)
    # The prior of the bend counts as much as so many models' scatter; 1 % is the least that models scatter.
    design, prior = np.column_stack([line, x**2]), np.diag([0, 0, max(scatter, 1e-4) / BEND**2])
    posterior = np.linalg.inv(design.T @ design + prior)
    of_log = learnt.influence_MG[some] / (2 * learnt.mean_square_M[some, None])
    through_tests = posterior @ design.T @ of_log
    covariance = through_tests @ through_tests.T + scatter * posterior
    quantile = float(stdtrit(freedom, 0.975)) if len(x) >= MODELS_TO_JUDGE else np.nan
    return (posterior @ design.T @ y)[:2], covariance[:2, :2], quantile


def row(question: str, of: Forecast) -> pd.DataFrame:
    """A forecast as a table of one row."""
    values = {"question": question, "votes": of.votes, "next_votes": of.next_votes}
    for name in ("now", "after", "gain", "votes_for_target"):
        estimate = getattr(of, name)
        values |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return pd.DataFrame([values | {"stop": of.stop}]).astype({"stop": "str"})


def sentences(forecast: pd.Series, target_rmse: float | None) -> str:
    """What a row of forecasts says, in words."""
    of = forecast
    now = f"{of.question}: after {of.votes:,} votes, RMSE is {of.now:.3f}{_plus_minus(of.now_low, of.now_high)}."
    if of.now <= 0:  # with few test galaxies, the votes' own noise may be more than all that there is
        now = f"{of.question}: after {of.votes:,} votes, RMSE cannot be told yet: the test galaxies are too few."
    if pd.notna(of.stop):
        return f"{now} Nothing more is asked: {of.stop}."
    if np.isnan(of.gain):
        return f"{now} What more votes would buy is told after the next ask."
    parts = [now]
    if of.gain <= 0:
        parts.append("The curve does not fall yet, so what more votes would buy cannot be told.")
    else:
        parts.append(
            f"The next {of.next_votes:,} votes: RMSE {of.now:.3f} → {of.after:.3f}"
            f"{_plus_minus(of.after - (of.gain_high - of.gain), of.after + (of.gain_high - of.gain))}."
        )
        if target_rmse is not None:
            interval = (
                "" if np.isnan(of.votes_for_target_low) else
                f" ({round_off(of.votes_for_target_low)} to {round_off(of.votes_for_target_high)})"
            )  # fmt: skip
            parts.append(f"RMSE {target_rmse:g} would take {round_off(of.votes_for_target)} votes in all{interval}.")
    return " ".join(parts)


def _plus_minus(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" ± {(high - low) / 2:.3f}"


EXPLANATION = (
    "RMSE is that of ρ̂ from the true vote probability: the noise of the test galaxies' own votes is taken out. Test "
    "galaxies are drawn at random, and no model learns from them. All models are judged by the votes on all test "
    "galaxies so far. Intervals of the curve are of other test galaxies. A forecast goes on along a power law, with "
    "level and power of a slightly bent fit to the curve at its end. Its interval has the scatter about the fit beside "
    "that."
)


def section(question: str, curve: pd.DataFrame, calibration: pd.DataFrame, figure: Path, folder: Path) -> list[str]:
    """What the page says of a question, in Markdown."""
    learnt = [
        (str(of.ask), f"{of.votes:,.0f}", f"{of.rmse:.3f}", f"{of.low:.3f} to {of.high:.3f}")
        for of in curve.itertuples()
    ]
    within = [
        (f"{of.epsilon:g}", f"{of.expected:.0f}", f"{of.actual:.0f}")
        for of in calibration[calibration.estimator == calibration.estimator.iloc[0]].itertuples()
    ]
    return [
        f"## {question}",
        markdown_figure("Progress", figure, folder),
        markdown_table(("ask", "votes in all", "RMSE", "95 % interval"), learnt),
        f"How far the last models can be trusted: of {calibration.galaxies.iloc[0]:,} test galaxies, so many should "
        "have a vote fraction within ε of the predicted one, and so many have:",
        markdown_table(("ε", "expected", "found"), within),
        f"All numbers: [curve]({question}/progress.csv), [forecast]({question}/forecast.csv), "
        f"[calibration]({question}/progress_calibration.csv).",
    ]
