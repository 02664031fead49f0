"""Weights of the loop that nothing needs any more, and files that were never finished."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

DAY = 24 * 3600
WEIGHTS = "model.weights.h5"
# What is made from the weights of a model, in its folder and in that of the next one, whose weights may be pruned too.
MADE_HERE = ("test_predictions.parquet", "evaluation.parquet", "metrics.parquet")
MADE_NEXT = ("acquisition.parquet", "labelled.parquet", "training.parquet", "model.json")


def prunable_weights(results: str | Path) -> Iterator[Path]:
    """Weights of the models of the loop that are evaluated, and after which the next model of the strategy is trained.

    Those of the first models and of the last of each strategy stay: new strategies and new iterations start from them.
    So do those of models outside the loop, which predict new images. A model of several questions is evaluated for
    each, in folders of theirs that hold no model.
    """
    for strategy in sorted(Path(results).glob("*/seed_*/*")):
        iterations = {int(path.name.rpartition("_")[2]): path for path in strategy.glob("iteration_*")}
        for number in sorted(iterations.keys() & {number - 1 for number in iterations}):
            place = iterations[number].relative_to(Path(results) / iterations[number].parts[-4])
            below = [path.parent for path in Path(results).glob(f"*/{place}/labelled.parquet")]
            evaluated = [iterations[number], *(path for path in below if not (path / "model.json").exists())]
            made = [path / name for path in evaluated for name in MADE_HERE] + [
                iterations[number + 1] / name for name in MADE_NEXT
            ]
            weights = iterations[number] / WEIGHTS
            if weights.exists() and all(path.exists() for path in made):
                yield weights


def never_finished(results: str | Path, older_than: float = DAY) -> Iterator[Path]:
    """Files that a step wrote when it was killed; younger ones, in seconds, may be at work."""
    latest = time.time() - older_than
    for path in sorted(Path(results).rglob(".partial-*")):
        if path.is_file() and path.stat().st_mtime < latest:
            yield path
