"""How faithful a ranking of the pool is, and what it costs: passes of a galaxy through the convolutions.

    python tests/benchmark/ranking.py results/simulated/smooth/seed_1/bald_few/iteration_10 ...

The models are those of a finished run. The reference is a ranking by 60 other views, integrated over all masks. The
columns, means over models:

correlation    of ranks with the reference
best shared    share of the best that are the best by the reference, too
again          and by another ranking of the same kind
caught         information of the chosen above that of the mean galaxy, of what the reference's best have, by it
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from machine import machine
from scipy.stats import spearmanr

from activezoo import tables
from activezoo.model import backend, posterior, trained
from activezoo.model.information import information
from activezoo.model.posterior import EXACT, SHARE_OF_CLOSER_LOOK, Sampling
from activezoo.survey.images import grey_reader
from activezoo.survey.roles import galaxies_of

REFERENCE = Sampling(60, EXACT, "independent")
SAMPLINGS = [
    REFERENCE,
    *(Sampling(views, EXACT, draws) for views in (4, 6, 10, 20, 30) for draws in ("independent", "even")),
    *(Sampling(30, masks, "independent") for masks in (1, 20)),
]
LOOKS = [(4, 30), (4, 8, 30), (4, 10, 30)]


def scores_by(folder: Path, votes: int | None) -> tuple[int, Callable[[Sampling, str, np.ndarray], np.ndarray]]:
    """How many galaxies of the pool a model has not learnt from; and their scores, by a sampling and a stage."""
    seed = next(parent for parent in folder.parents if parent.name.startswith("seed_"))
    model = trained.load(folder / "model.json", folder / "model.weights.h5")
    known = tables.read(folder / "labelled.parquet", ["id"])["id"].to_pylist()
    ids = galaxies_of(tables.read(seed / "split.parquet"), "pool", without=known)
    read_grey = grey_reader(seed.parents[1] / "images/index.parquet", ids)
    number = votes or model.description.expected_responses

    def scores(sampling: Sampling, stage: str, rows: np.ndarray) -> np.ndarray:
        some = [ids[row] for row in rows]
        batches = posterior.predict(model, lambda at: read_grey(rows[at]), some, sampling, stage=stage)
        return np.concatenate([information(batch, number) for batch in batches])

    return len(ids), scores


def best(scores: np.ndarray, number: int) -> np.ndarray:
    """Places of the highest scores."""
    return np.argsort(-scores)[:number]


def by_looks(views: tuple[int, ...], galaxies: int, scores_of: Callable, stage: str) -> np.ndarray:
    """Scores as `predict_pool` and `rank` find them, of which the last look at a galaxy counts."""
    rows, scores = np.arange(galaxies), np.empty(galaxies)
    for look, augmentations in enumerate(views):
        if look:
            rows = np.sort(rows[best(scores[rows], round(SHARE_OF_CLOSER_LOOK * len(rows)))])
        scores[rows] = scores_of(Sampling(augmentations, EXACT, "even"), f"{stage} {look}", rows)
    return scores


def compare(folder: Path, votes: int | None, share: float) -> dict[tuple[str, float], tuple[float, ...]]:
    """The four numbers of a model, by the name of a ranking and its passes."""
    galaxies, scores_of = scores_by(folder.resolve(), votes)
    number, everything = round(share * galaxies), np.arange(galaxies)
    reference = scores_of(REFERENCE, "reference", everything)
    of_best, mean = reference[best(reference, number)].mean(), reference.mean()
    ways = {
        (", ".join(map(str, one)), one.augmentations): partial(scores_of, one, rows=everything) for one in SAMPLINGS
    }
    for views in LOOKS:
        passes = sum(number * SHARE_OF_CLOSER_LOOK**look for look, number in enumerate(views))
        ways["looks by " + ", ".join(map(str, views)), passes] = partial(by_looks, views, galaxies, scores_of)
    found = {}
    for way, score in ways.items():
        one, again = score(stage="one"), score(stage="again")
        shared = [len(np.intersect1d(best(one, number), best(other, number))) / number for other in (reference, again)]
        caught = (reference[best(one, number)].mean() - mean) / (of_best - mean)
        found[way] = spearmanr(one, reference).statistic, *shared, caught
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="folders of models of a loop")
    parser.add_argument("--votes", type=int, help="to be asked of a galaxy; by default, all that there are")
    parser.add_argument("--best", type=float, default=0.03, help="share of the pool that is chosen")
    options = parser.parse_args()
    print(machine(), flush=True)
    backend.start(1, 0)
    found = [compare(folder, options.votes, options.best) for folder in options.models]
    print(
        f"{'views, masks, draws':<28}{'passes':>7}{'rank correlation':>18}{'best shared':>13}{'again':>7}{'caught':>8}"
    )
    for name, passes in found[0]:
        correlation, shared, again, caught = np.mean([of_model[name, passes] for of_model in found], axis=0)
        print(f"{name:<28}{passes:>7.1f}{correlation:>13.2f}{shared:>13.2f}{again:>7.2f}{caught:>8.2f}")


if __name__ == "__main__":
    main()
