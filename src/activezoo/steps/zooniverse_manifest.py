"""Write the manifest with which Panoptes' command line uploads the galaxies of an ask to Zooniverse."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.survey import asks, zooniverse


def run(ask: Path, *, manifest: Path) -> None:
    table = zooniverse.manifest(tables.read(ask / asks.GALAXIES).to_pandas())
    with tables.whole_file(manifest) as partial:
        table.to_csv(partial, index=False)
    logging.info("%d galaxies: panoptes subject-set upload-subjects SUBJECT_SET_ID %s", len(table), manifest)
