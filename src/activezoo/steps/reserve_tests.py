"""Reserve galaxies to test the models of a live survey with; the rest is the pool."""

import logging
from pathlib import Path

import pyarrow.compute as pc

from activezoo import tables
from activezoo.survey import splitting


def run(*, galaxies: Path, index: Path, question: str, test_share: float, split: Path) -> None:
    known = tables.read(galaxies, ["id"])["id"]
    ids = known.filter(pc.is_in(known, value_set=tables.read(index, ["id"])["id"])).to_pylist()
    roles = splitting.reserve(ids, question, test_share)
    tables.write({"id": ids, "role": list(roles)}, split)
    logging.info("%d galaxies, %d of them to test with", len(ids), (roles == "test").sum())
