"""Live surveys with a known truth: does asking stop at the right number of votes?

    python tests/stopping.py [surveys]        prints the table of docs/live.md, and draws docs/stopping.png

A survey is a curve of models, whose errors on galaxies are made up as those of whole runs were measured
(`made_up_curves`): RMSE falls as a power towards a floor, scatters from model to model, and errors on a galaxy are much
alike from model to model. Its people answer by chance. The rule is that of `report.progress`; it sees what it would see
in a survey: the votes on the test galaxies so far, and the predictions of all models for them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from activezoo.report import progress

ASKS, PER_GALAXY, TEST_SHARE = 60, 8, 0.2
MANY = 20_000
"""Galaxies to know the truth by."""


class Survey(NamedTuple):
    """What a survey is like."""

    votes: int
    """Of an ask."""
    power: float = 0.35
    floor: float = 0.05
    """RMSE that no number of votes takes away."""
    start: float = 0.20
    """RMSE of the first model."""
    scatter: float = 0.025
    """Of RMSE from model to model, relative; as of the mean of two seeds."""
    alike: float = 0.85
    """Part of the variance of a galaxy's error that all models share."""


class Simulated(NamedTuple):
    """Truth and votes of a survey: M models, G test galaxies in the order of asks."""

    votes_M: np.ndarray
    rmse_M: np.ndarray
    """Of all galaxies, without scatter."""
    rho_MG: np.ndarray
    k_G: np.ndarray

    def forecast(self, ask: int, **wanted) -> progress.Forecast:
        """What the rule says once an ask is closed."""
        tested = slice(None, (ask + 1) * len(self.k_G) // len(self.votes_M))
        seen = slice(None, ask + 1)
        k_G = self.k_G[tested]
        learnt = progress.curve(self.votes_M[seen], self.rho_MG[seen, tested], k_G, np.full(len(k_G), PER_GALAXY))
        return progress.forecast(learnt, int(self.votes_M[0]), **{"target_rmse": None, "min_gain": None} | wanted)


def simulate(survey: Survey, seed: int) -> Simulated:
    """Make up a survey."""
    rng = np.random.default_rng(seed)
    votes_M = survey.votes * np.arange(1, ASKS + 1)
    tests = ASKS * round(TEST_SHARE * survey.votes / PER_GALAXY)
    size_M = survey.floor + (survey.start - survey.floor) * (votes_M / votes_M[0]) ** -survey.power

    def predict(rho_G: np.ndarray, relative_M: np.ndarray) -> np.ndarray:
        hard_G = rng.lognormal(0, 0.28, len(rho_G)) / np.exp(0.28**2)
        shared_G, own_MG = rng.normal(size=len(rho_G)), rng.normal(size=(ASKS, len(rho_G)))
        error_MG = np.sqrt(survey.alike) * shared_G + np.sqrt(1 - survey.alike) * own_MG
        return np.clip(rho_G + size_M[:, None] * relative_M[:, None] * hard_G * error_MG, 0, 1)

    rho_G = rng.beta(0.8, 0.8, MANY)  # what people agree on is common
    rmse_M = np.sqrt(((predict(rho_G, np.ones(ASKS)) - rho_G) ** 2).mean(axis=1))
    rho_G = rng.beta(0.8, 0.8, tests)
    rho_MG = predict(rho_G, np.exp(survey.scatter * rng.normal(size=ASKS)))
    return Simulated(votes_M, rmse_M, rho_MG, rng.binomial(PER_GALAXY, rho_G))


class Stopped(NamedTuple):
    """Where the rule stops, beside what would be right; inf and nan if it never does."""

    votes: float
    """As a multiple of the right number."""
    rmse: float
    """As a multiple of the right one."""


def experiment(survey: Survey, seed: int, right: int = 20) -> tuple[Stopped, Stopped]:
    """Where the rule stops for a target, and for a least gain, both of which are met first at ask `right`."""
    made = simulate(survey, seed)
    smooth = np.polynomial.Polynomial.fit(np.log(made.votes_M), np.log(made.rmse_M), 4)
    rmse_M = np.exp(smooth(np.log(made.votes_M)))

    def stopped(**wanted: float) -> Stopped:
        for ask in range(ASKS):
            if made.forecast(ask, **wanted).stop:
                return Stopped(made.votes_M[ask] / made.votes_M[right], rmse_M[ask] / rmse_M[right])
        return Stopped(np.inf, np.nan)

    least = float(rmse_M[right] - rmse_M[right + 1])
    return stopped(target_rmse=float(rmse_M[right]) * 1.0001), stopped(min_gain=least * 1.0001)


def draw(found: dict[int, np.ndarray], path: Path) -> None:
    """Where each survey stopped, for a target."""
    from matplotlib.figure import Figure

    figure = Figure((6, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.axhspan(0.9, 1.1, color="0.85")
    for place, votes_S in enumerate(found.values()):
        side_S = np.linspace(-0.25, 0.25, len(votes_S))
        axes.plot(place + side_S, np.sort(np.minimum(votes_S, ASKS / 21)), "o", markersize=4, alpha=0.8)
    axes.set(yscale="log", ylabel="votes, of the right number", xticks=range(len(found)))
    axes.set_xticklabels([f"{votes:,}\nvotes an ask" for votes in found])
    axes.set_yticks([0.25, 0.5, 1, 2], ["¼", "½", "1", "2"])
    axes.minorticks_off()
    figure.savefig(path, dpi=110)


def main(surveys: int = 20) -> None:
    print("votes an ask | test galaxies | wanted | within 10 % of votes | RMSE within 5 % | votes: median, middle half")
    found = {}
    for votes in (640, 2_560, 10_240, 40_960):
        results = np.array([experiment(Survey(votes), seed) for seed in range(surveys)])
        found[votes] = results[:, 0, 0]
        tests = 21 * round(TEST_SHARE * votes / PER_GALAXY)
        for wanted, (votes_S, rmse_S) in zip(("target", "gain"), results.transpose(1, 2, 0), strict=True):
            low, middle, high = np.quantile(votes_S, [0.25, 0.5, 0.75], method="nearest")
            near, good = (np.abs(votes_S - 1) <= 0.1).sum(), (np.abs(rmse_S - 1) <= 0.05).sum()
            told = f"{near} of {surveys} | {good} of {surveys} | {middle:.2f}, {low:.2f} to {high:.2f}"
            print(f"{votes:,} | {tests:,} | {wanted} | {told}", flush=True)
    draw(found, Path(__file__).parents[1] / "docs/stopping.png")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
