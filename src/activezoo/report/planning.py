"""What a survey would cost: votes, volunteers' time and computing time for a wanted RMSE, extrapolated from a run.

Without the votes' own noise, RMSE falls about as a power of the number of votes. The power is fitted to each seed's
curve, but for its first third, where the network still learns the basics.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from activezoo.acquisition.registry import baseline_last, label, load
from activezoo.report.learning_curves import curves
from activezoo.report.markdown import markdown_table


class PowerLaw(NamedTuple):
    """log(RMSE of ρ) = intercept − power · log(votes), of each seed, shapes (S,)."""

    intercept: np.ndarray
    power: np.ndarray


def fit(votes: np.ndarray, rmse_of_rho: np.ndarray) -> PowerLaw:
    """Least squares on the later two thirds of each curve, shapes (S, M); nan with fewer than two models that count."""
    fitted = []
    for one_votes, one_rmse in zip(votes, rmse_of_rho, strict=True):
        counts = later_models(one_rmse)
        enough = len(np.unique(one_votes[counts])) > 1
        power, intercept = np.polyfit(*np.log([one_votes[counts], one_rmse[counts]]), 1) if enough else [np.nan] * 2
        fitted.append((intercept, -power))
    return PowerLaw(*np.array(fitted).T)


def later_models(rmse_of_rho: np.ndarray) -> np.ndarray:
    """Which models of a curve count in the fit, shape (M,): the later two thirds, but none whose RMSE is 0."""
    return (np.arange(len(rmse_of_rho)) >= len(rmse_of_rho) // 3) & (rmse_of_rho > 0)


def votes_for(rmse_of_rho: float, law: PowerLaw) -> tuple[float, float, float]:
    """Votes for an RMSE, and the 95 % t interval over seeds, in log votes.

    Returns
    -------
    inf if some seed's curve does not fall; nan if it is not known; the interval is nan with one seed.
    """
    from scipy.special import stdtrit

    if not (law.power > 0).all():
        return (np.nan if np.isnan(law.power).any() else np.inf, np.nan, np.nan)
    log_votes = (law.intercept - np.log(rmse_of_rho)) / law.power
    seeds, mean = len(log_votes), log_votes.mean()
    half = stdtrit(seeds - 1, 0.975) * log_votes.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
    return tuple(float(number) for number in np.exp([mean, mean - half, mean + half]))


class Seconds(NamedTuple):
    """Measured means; nan where nothing was measured."""

    train: float
    """Of one model."""
    predict: float
    """Of one galaxy of the pool."""


def seconds(benchmarks: Path, question: str, predicted: int) -> Seconds:
    """Mean times of a question's models, from Snakemake's benchmarks.

    Parameters
    ----------
    predicted
        Galaxies that a model predicts for the strategies to choose from.
    """

    def by_model(pattern: str) -> list[float]:
        found: dict[Path, float] = {}
        for path in sorted(benchmarks.glob(f"{question}/seed_*/{pattern}")):
            found[path.parent] = found.get(path.parent, 0.0) + float(pd.read_csv(path, sep="\t").s.iloc[0])
        return list(found.values())

    train = by_model("*/iteration_*/train.tsv")
    predict = by_model("initial/predict_pool_*.tsv") + by_model("*/iteration_*/predict_pool_*.tsv")
    return Seconds(
        float(np.mean(train)) if train else np.nan,
        float(np.mean(predict)) / predicted if predict else np.nan,
    )


COLUMNS = ["question", "strategy", "rmse", "votes", "low", "high", "survey_votes", "people_days", "computing_hours"]


def plan(
    metrics: pd.DataFrame, times: dict[str, Seconds], galaxies: int, wanted: Iterable[float], votes_per_day: float
) -> pd.DataFrame:
    """What each wanted RMSE costs with each strategy.

    Parameters
    ----------
    metrics
        From `learning_curves.collect`.
    times
        By question.
    galaxies
        Size of the survey that is planned.
    wanted
        RMSE against k/N of test galaxies, the votes' own noise included, as the run measures it.

    Returns
    -------
    Columns question, strategy, rmse; votes with its interval low, high (nan below the noise of the votes);
    survey_votes, the most that the strategy can ask for, at the votes a galaxy of this run; people_days;
    computing_hours, as many iterations as in the run, each of which trains once and, if the strategy needs it, predicts
    the survey.
    """
    rows = []
    for question, of_question in metrics.groupby("question", sort=False):
        has_noise = of_question[of_question.rmse_of_rho > 0]
        noise = float((has_noise.rmse**2 - has_noise.rmse_of_rho**2).mean())
        for strategy in baseline_last(of_question.strategy):
            votes, labelled, of_rho = (
                curves(of_question, question, strategy, column).to_numpy(float).T
                for column in ("votes", "galaxies", "rmse_of_rho")
            )
            law = fit(votes, of_rho)
            survey_votes = galaxies * float((votes[:, -1] / labelled[:, -1]).mean())
            predicts = load(strategy).needs_predictions
            an_iteration = times[question].train + (galaxies * times[question].predict if predicts else 0.0)
            hours = (votes.shape[1] - 1) * an_iteration / 3600
            for rmse in wanted:
                needed = votes_for(np.sqrt(rmse**2 - noise), law) if rmse**2 > noise else (np.nan,) * 3
                rows.append((question, strategy, rmse, *needed, survey_votes, needed[0] / votes_per_day, hours))
    return pd.DataFrame(rows, columns=COLUMNS)


def table(planned: pd.DataFrame) -> str:
    """The plan of one question in Markdown."""
    rows = []
    for row in planned.itertuples():
        if np.isnan(row.votes):
            votes, interval, days = "below the noise of the votes", "", ""
        elif np.isinf(row.votes):
            votes, interval, days = "out of reach: not every curve falls", "", ""
        elif row.votes > row.survey_votes:
            votes, interval, days = f"more than all {round_off(row.survey_votes)}", "", ""
        else:
            votes, days = round_off(row.votes), f"{row.people_days:,.1f}"
            interval = "" if np.isnan(row.low) else f"{round_off(row.low)} to {round_off(row.high)}"
        hours = (
            "" if np.isnan(row.computing_hours) else f"{row.computing_hours:,.{1 if row.computing_hours >= 1 else 3}f}"
        )
        rows.append((label(row.strategy), f"{row.rmse:g}", votes, interval, days, hours))
    head = ("strategy", "RMSE", "votes", "95 % interval", "days of votes", "hours of computing")
    return markdown_table(head, rows)


def round_off(number: float) -> str:
    """A number to two digits, as an estimate deserves: 12,000."""
    return f"{float(f'{number:.2g}'):,.0f}"


def page(survey: str, planned: pd.DataFrame, galaxies: int, votes_per_day: float) -> str:
    """The plan in Markdown."""
    parts = [f"# What a survey like {survey} would cost", explanation(galaxies, votes_per_day)]
    for question, of_question in planned.groupby("question", sort=False):
        parts += [f"## {question}", table(of_question)]
    return "\n\n".join(parts) + "\n"


def explanation(galaxies: int, votes_per_day: float) -> str:
    """What the numbers of a plan are."""
    return (
        f"For {galaxies:,} galaxies and {votes_per_day:,.0f} votes a day (`plan` in the configuration). Votes are "
        "extrapolated by a power law, fitted to the later two thirds of the learning curves of this run: the further "
        "beyond its votes, the less sure, and more so than the interval over seeds says. Computing is as many "
        "iterations as here, at the speed measured here."
    )
