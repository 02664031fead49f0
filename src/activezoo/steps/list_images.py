"""List the images of a survey without votes: each is a galaxy of its name."""

from pathlib import Path

from activezoo import tables
from activezoo.survey.catalogue import FolderSurvey


def run(*, images: Path, max_rejected: float, galaxies: Path, rejected: Path) -> None:
    survey = FolderSurvey(images, max_rejected)
    tables.write_stream(survey.galaxies(), galaxies)
    tables.write(survey.rejected, rejected)
