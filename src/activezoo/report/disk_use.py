"""What the results of a survey take on disk, by kind: now, and as can be expected when the loop is done."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from activezoo.model.network import Architecture, number_of_parameters
from activezoo.model.posterior import SHARE_OF_CLOSER_LOOK, Sampling, network_weights
from activezoo.report.markdown import markdown_table

UNFINISHED = r"(.*/)?\.partial-[^/]*"
LOOP_WEIGHTS = r"[^/]+/seed_\d+/(initial|[^/]+/iteration_\d+)/model\.weights\.h5"

# Kinds of files: patterns of their path within the folder of results, of which the first that fits counts; and what
# becomes of them.
KINDS = {
    "never finished": (UNFINISHED, "`prune` deletes those older than a day"),
    "simulated images": (r"survey/images_gz2/.*", "no further use once the images are stored"),
    "stored images": (r"images/.*", "every model reads them"),
    "weights of the loop": (LOOP_WEIGHTS, "`prune` keeps those that new iterations or strategies start from"),
    "other weights": (r".*\.h5", "predict new images"),
    "predictions of the pool": (r".*/pool_predictions/.*", "deleted once the next iteration has chosen"),
    "tables of models": (r"[^/]+/seed_\d+/.*", "the results of the loop"),
    "posteriors": (r"[^/]+/posteriors/.*|posteriors\..*", "results"),
    "figures and pages": (r"figures/.*|[^/]+\.(html|md|txt)", "results"),
    "all others": (r".*", "catalogue, votes, metrics, records"),
}
PATTERNS = {kind: re.compile(pattern) for kind, (pattern, _) in KINDS.items()}


class Expected(NamedTuple):
    """What decides how much a finished run takes."""

    galaxies: int
    """With images."""
    pool: int
    """Galaxies that a model predicts for a strategy, at most."""
    image_side: int | None
    """Of the simulated images, pixels; None if the images are there already."""
    stored_side: int
    models: int
    """Of the loop."""
    choosing_models: int
    """Of those, how many were preceded by a ranking of the pool."""
    chains: int
    """Strategies × seeds × questions: how many pools may be predicted at the same time."""
    galleries: int
    """Figures that show galaxies of every iteration."""
    iterations: int
    test_galaxies: int
    architecture: Architecture
    averaged: bool
    """Whether averages of the weights are kept beside them."""
    sampling: Sampling
    closer_looks: Sequence[int]
    """Views of a galaxy in each."""


def kind_of(path: str) -> str:
    """The kind of a file, by its path within the folder of results."""
    return next(kind for kind, pattern in PATTERNS.items() if pattern.fullmatch(path))


def sizes(folder: str | Path) -> Iterator[tuple[str, int]]:
    """Path within a folder and size of each file there, bytes; of links, those of the links themselves."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                yield Path(os.path.relpath(path, folder)).as_posix(), os.lstat(path).st_size
            except FileNotFoundError:  # a run is at work
                continue


def used(folder: str | Path) -> tuple[Counter[str], Counter[str]]:
    """Number of files and bytes of each kind in a folder of results."""
    files, size = Counter(), Counter()
    for path, number in sizes(folder):
        kind = kind_of(path)
        files[kind] += 1
        size[kind] += number
    return files, size


def expected(run: Expected) -> dict[str, float]:
    """Bytes of each kind when the run is done; of predictions of the pool, those that may be there at the same time.

    The numbers of bytes are measured: predictions do not compress, ids and small tables do.
    """
    looks = [run.sampling._replace(augmentations=views) for views in (run.sampling.augmentations, *run.closer_looks)]
    networks = [len(network_weights(look)) for look in looks]
    predictions = sum(SHARE_OF_CLOSER_LOOK**look * (4 * number + 56) for look, number in enumerate(networks))
    # Adam keeps two numbers for each weight, and the average of the weights is one more.
    numbers = number_of_parameters(run.architecture) * (4 if run.averaged else 3)
    weights = 4 * numbers + 1000 * (6 * (2 * len(run.architecture.filters) + 2) + 10)
    return {
        **({"simulated images": run.galaxies * 0.24 * run.image_side**2} if run.image_side else {}),
        "stored images": run.galaxies * (3 * run.stored_side**2 + 110),
        "weights of the loop": run.models * weights,
        "predictions of the pool": run.chains * run.pool * predictions,
        "tables of models": run.models * (run.test_galaxies * (4 * networks[0] + 80) + 12_000)
        + run.choosing_models * run.pool * 14,
        "figures and pages": run.galleries * 400_000 * run.iterations + 3_000_000,
    }


def table(files: Mapping[str, int], size: Mapping[str, int], wanted: Mapping[str, float]) -> str:
    """The table of kinds, in Markdown."""
    rows = [
        (
            kind,
            f"{files.get(kind, 0):,}",
            megabytes(size.get(kind, 0)),
            f"some {megabytes(wanted[kind])}" if kind in wanted else "",
            fate,
        )
        for kind, (_, fate) in KINDS.items()
        if kind in files or kind in wanted
    ]
    total = (
        "all",
        f"{sum(files.values()):,}",
        megabytes(sum(size.values())),
        f"some {megabytes(sum(wanted.values()))}",
    )
    head = ("kind", "files", "now", "when the loop is done", "what becomes of it")
    return markdown_table(head, [*rows, (*total, "")])


def megabytes(size: float) -> str:
    """A size in megabytes, or gigabytes if it is large."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"
