"""Fix the test set of a question, and draw the initial galaxies of a seed; the rest is the pool."""

import logging
from pathlib import Path

import pyarrow.compute as pc

from activezoo import tables
from activezoo.survey import splitting
from activezoo.survey.roles import ROLES


def run(*, usable: Path, index: Path, question: str, seed: int, test_galaxies: int, initial: int, split: Path) -> None:
    galaxies = tables.read(usable, ["id"])["id"]
    stored = pc.is_in(galaxies, value_set=tables.read(index, ["id"])["id"])
    ids = galaxies.filter(stored).to_pylist()
    roles = splitting.split(ids, question, seed, test_galaxies, initial)
    tables.write({"id": ids, "role": list(roles)}, split)
    logging.info("%d galaxies: %s", len(ids), ", ".join(f"{(roles == role).sum()} {role}" for role in ROLES))
