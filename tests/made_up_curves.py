"""Learning curves with a known truth, to try the statistics on; by itself, prints the tables of docs/strategies.md.

    python tests/made_up_curves.py [experiments]

They are as those of two whole runs of 4 seeds and 500 test galaxies. There, errors on a galaxy correlate by 0.85
between seeds, and hardly more within one; they have a kurtosis of 4; RMSE scatters by 3.5 to 5 % about a smooth curve,
hardly correlated from one model to the next; curves of a seed lie 3 to 5 % off.
"""

import sys

import numpy as np

from activezoo.report import savings
from activezoo.report.savings import Curve

MODELS = 21
VOTES = 2560 + 1280 * np.arange(MODELS)


def true_rmse(saving: float) -> np.ndarray:
    """Of a strategy that needs 1 − saving of the baseline's votes; the first model is the same."""
    return 0.09 + 0.103 * (np.where(np.arange(MODELS) > 0, VOTES / (1 - saving), VOTES) / VOTES[0]) ** -0.35


def true_log_ratio(saving: float) -> float:
    """What the estimator finds without any noise."""
    return float(savings.compare(Curve(VOTES, true_rmse(saving)), Curve(VOTES, true_rmse(0))).log_ratio)


def experiment(
    rng: np.random.Generator,
    saving: float = 0.0,
    seeds: int = 4,
    galaxies: int = 500,
    noise: float = 0.035,
    kept: float = 0.2,
    shared: tuple[float, float] = (0.85, 0.02),
) -> list[tuple[Curve, np.ndarray]]:
    """Curves of a strategy and of the baseline, shapes (S, M), with squared errors, (S, M, G).

    Parameters
    ----------
    noise, kept
        Relative scatter of RMSE from training; its correlation from one model to the next.
    shared
        Parts of the variance of a galaxy's error that all models have in common, and those of a seed beyond that.
    """
    hardness_G = rng.lognormal(0, 0.28, galaxies) / np.exp(0.28**2)
    common_G, of_seed_SG = rng.normal(size=galaxies), rng.normal(size=(seeds, 1, galaxies))
    height_S = rng.normal(0, 0.04, (seeds, 1))
    first_trained, first_own = rng.normal(size=seeds), rng.normal(size=(seeds, 1, galaxies))
    made = []
    for true in (true_rmse(saving), true_rmse(0)):
        trained = [first_trained]
        for _ in range(MODELS - 1):
            trained.append(kept * trained[-1] + np.sqrt(1 - kept**2) * rng.normal(size=seeds))
        own = np.concatenate([first_own, rng.normal(size=(seeds, MODELS - 1, galaxies))], axis=1)
        parts = np.sqrt([*shared, 1 - sum(shared)])
        error = parts[0] * common_G + parts[1] * of_seed_SG + parts[2] * own
        rmse = true * np.exp(height_S + noise * np.array(trained).T)
        squares = (rmse[..., None] * hardness_G * error) ** 2
        measured = np.sqrt(squares.mean(axis=-1))
        made.append((Curve(np.broadcast_to(VOTES, measured.shape).astype(float), measured), squares))
    return made


def measured(made) -> tuple[np.ndarray, np.ndarray]:
    """Log ratio of each seed, and influence of each galaxy on it, as `savings` finds them."""
    (strategy, squares), (baseline, squares_baseline) = made
    falling = [curve._replace(rmse=savings.monotone(curve.rmse)) for curve in (strategy, baseline)]
    moved = [
        savings.influence(
            (Curve(strategy.amount[s], strategy.rmse[s]), Curve(baseline.amount[s], baseline.rmse[s])),
            (squares[s], squares_baseline[s]),
        )
        for s in range(len(squares))
    ]
    return savings.compare(*falling).log_ratio, np.array(moved)


def coverage(experiments: int, saving: float, seeds: int, **others) -> dict[str, float]:
    """How often the interval holds the truth, and what else can be said of so many experiments.

    Returns
    -------
    `truth` and `found`, savings; `scatter`, of the log ratio, and `half_width`, the median of its interval; `coverage`;
    and that of other intervals: `seeds_alone`, a t interval over seeds; `counted_twice`, with the whole variance
    through the galaxies beside it.
    """
    rng, truth = np.random.default_rng([seeds, round(1000 * saving)]), true_log_ratio(saving)
    rows = []
    for _ in range(experiments):
        found, moved = measured(experiment(rng, saving, seeds, **others))
        nothing = np.zeros_like(moved)
        off = abs(found.mean() - truth)
        half, of_seeds = (savings.interval(found, of)[1] - found.mean() for of in (moved, nothing))
        twice = np.hypot(of_seeds, 1.96 * np.sqrt((moved.mean(axis=0) ** 2).mean() / moved.shape[1]))
        rows.append((found.mean(), half, off <= half, off <= of_seeds, off <= twice))
    ratios, halves, *holds = np.array(rows).T
    names = ("coverage", "seeds_alone", "counted_twice")
    numbers = {"truth": 1 - np.exp(truth), "found": 1 - np.exp(ratios.mean()), "scatter": ratios.std()}
    numbers["half_width"] = np.median(halves)
    return {name: float(number) for name, number in numbers.items()} | dict(
        zip(names, map(np.mean, holds), strict=True)
    )


def best_of_equal_curves(experiments: int, seeds: int) -> np.ndarray:
    """Savings "at best" of so many pairs of curves that differ by luck alone."""
    rng = np.random.default_rng(seeds)
    found = []
    for _ in range(experiments):
        pair = [one for one, _ in experiment(rng, 0.0, seeds)]
        found.append(savings.best(*(Curve(*(part.mean(axis=0) for part in one)) for one in pair))[0])
    return np.array(found)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    cases = {
        "as in real runs": {},
        "half the noise of training": {"noise": 0.0175},
        "noise that stays for some iterations": {"kept": 0.5},
        "errors less alike": {"shared": (0.6, 0.1)},
    }
    for case, others in cases.items():
        for saving in (0.0, 0.5):
            for seeds in (2, 4, 10):
                found = coverage(number, saving, seeds, **others)
                print(case, saving, seeds, {name: round(float(part), 3) for name, part in found.items()}, flush=True)
    for seeds in (1, 2, 4, 10):
        found = best_of_equal_curves(number, seeds)
        print("at best", seeds, np.nanquantile(found, [0.5, 0.95]).round(2), flush=True)
