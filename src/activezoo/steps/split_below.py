"""Give the galaxies of a question the roles that they have for the first question of the tree."""

import logging
from pathlib import Path

import pyarrow.compute as pc

from activezoo import tables


def run(*, first: Path, usable: Path, split: Path) -> None:
    roles = tables.read(first, ["id", "role"])
    of_question = roles.filter(pc.is_in(roles["id"], value_set=tables.read(usable, ["id"])["id"]))
    tables.write(of_question, split)
    logging.info("%d of %d galaxies", len(of_question), len(roles))
