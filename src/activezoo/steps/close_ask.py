"""Freeze the votes on an ask; those that come later go to the next one."""

import logging
from pathlib import Path

import pyarrow as pa

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import asks, volunteers


def run(
    *,
    sources: list[Path],
    galaxies: Path,
    folder: Path,
    ask: int,
    close: int | None = None,
    votes: Path,
    rejected: Path,
) -> None:
    ids = tables.read(galaxies, ["id"])["id"].to_pylist()
    counted, others, missing = asks.collect(folder, ask, sources, ids)
    if missing.votes and close != ask:
        raise InputError(missing.sentence(ask))
    tables.write(pa.Table.from_pandas(others, volunteers.REJECTED, preserve_index=False), rejected)
    # Given the schema at once, pandas would make an object of each text.
    tables.write(pa.Table.from_pandas(counted, preserve_index=False).cast(volunteers.VOTES), votes)
    logging.info(
        "ask %d is closed with %d votes, %d missing; %d rows were rejected",
        ask,
        len(counted),
        missing.votes,
        len(others),
    )
