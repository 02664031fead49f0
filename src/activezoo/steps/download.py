"""Fetch the files of the Galaxy Zoo 2 release that are not there yet."""

from pathlib import Path

from activezoo.survey.release import download_release


def run(*, catalogue: Path, filename_map: Path | None = None, images: Path) -> None:
    download_release(catalogue, filename_map, images)
