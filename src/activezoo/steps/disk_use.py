"""Tell what results take on disk, by kind, and what they will take."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model.network import Architecture
from activezoo.model.posterior import Sampling
from activezoo.report import disk_use
from activezoo.report.disk_use import Expected, expected, megabytes, used


def run(
    *,
    results: Path,
    index: Path,
    galaxies: int | None = None,
    scored: int | None = None,
    closer_looks: list[int],
    image_size: int | None = None,
    stored_size: int,
    models: int,
    choosing_models: int,
    chains: int,
    galleries: int,
    iterations: int,
    test_galaxies: int,
    architecture: Architecture,
    weight_averaging: float,
    sampling: Sampling,
) -> None:
    files, size = used(results)
    stored = tables.read(index, ["id"]).num_rows if index.exists() else galaxies
    wanted = {}
    if stored is None:
        logging.warning("what the run will take can be told once the images are stored (%s)", index)
    else:
        wanted = expected(
            Expected(
                galaxies=stored,
                pool=min(stored, scored or stored),
                image_side=image_size,
                stored_side=stored_size,
                models=models,
                choosing_models=choosing_models,
                chains=chains,
                galleries=galleries,
                iterations=iterations,
                test_galaxies=test_galaxies,
                architecture=architecture,
                averaged=weight_averaging > 0,
                sampling=sampling,
                closer_looks=closer_looks,
            )
        )
    print(disk_use.table(files, size, wanted))
    logging.info("%s: %s in %d files", results, megabytes(size.total()), files.total())
