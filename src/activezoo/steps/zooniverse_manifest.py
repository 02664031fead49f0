"""Write the manifest with which Panoptes' command line uploads the galaxies of an ask to Zooniverse."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.running import configuration
from activezoo.survey import asks, zooniverse


def run(*, configfile: list[Path], ask: int | None = None, manifest: Path) -> None:
    config = configuration.read_live(configfile)
    folder = configuration.results_folder(config) / "asks"
    number = asks.state(folder).closed if ask is None else ask
    if not (asks.folder(folder, number) / asks.GALAXIES).exists():
        raise InputError(f"{folder}: there is no ask {number}; `snakemake --cores all ask` makes the next one")
    galaxies = tables.read(asks.folder(folder, number) / asks.GALAXIES).to_pandas()
    zooniverse.write_manifest(galaxies, manifest, configuration.brightness(config))
    logging.info("ask %d: panoptes subject-set upload-subjects SUBJECT_SET_ID %s", number, manifest)
