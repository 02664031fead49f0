"""List the subjects on Zooniverse whose galaxies have what was wanted, to retire them."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.running import configuration
from activezoo.survey import asks, volunteers, zooniverse


def run(*, configfile: list[Path], subjects: Path, galaxy_column: str = "galaxy_id", retire: Path) -> None:
    config = configuration.read_live(configfile)
    sources = volunteers.files(config["live"]["votes"])
    galaxies = asks.settled(configuration.results_folder(config) / "asks", sources)
    table = zooniverse.retired(galaxies, zooniverse.read_subjects(subjects, galaxy_column))
    with tables.whole_file(retire) as partial:
        table.to_csv(partial, index=False)
    logging.info(
        "%d subjects: tail -n +2 %s | cut -d, -f1 | xargs panoptes workflow retire-subjects WORKFLOW_ID",
        len(table),
        retire,
    )
