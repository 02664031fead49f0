"""What a survey's files hold: the columns of a catalogue, of a filename map, and of the answers to a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from activezoo.errors import InputError

FIRST_DOWNLOAD = ".first_download.sha256"
"""Ending of the file beside a download that holds the checksum of the first one that came, if none is published."""


def refuse_missing_file(key: str, path: str | Path, is_release: bool) -> None:
    """Raise an InputError if a file of the survey, `survey.release.<key>`, is not there."""
    if not Path(path).exists():
        # Only Galaxy Zoo 2 can be fetched.
        fetch = ", or fetch it with `snakemake --cores 4 download --configfile …`, with your file"
        raise InputError(
            f"{path}: no such file. It is survey.release.{key} of the configuration: put the file there, or change the "
            f"key{fetch if is_release and 'gz2' in str(path) else ''}"
        )


class Columns(NamedTuple):
    """Names of the columns that tell which galaxy, sample and image a row is about."""

    id: str
    """Galaxy id in the catalogue."""
    sample: str | None
    """Sample that a row of the catalogue belongs to."""
    map_id: str
    """Galaxy id in the filename map."""
    map_image: str
    """Name of the image in the filename map, without suffix."""


class Answers(NamedTuple):
    """The columns that count the answers to one question; several columns are summed."""

    positive: Sequence[str]
    """Of the positive answers."""
    responses: Sequence[str]
    """Of all answers."""

    @property
    def columns(self) -> list[str]:
        """Each column once."""
        return list(dict.fromkeys([*self.positive, *self.responses]))


class Fractions(NamedTuple):
    """How answers that stand as fractions become counts."""

    fractions_of: str | None = None
    """Column of the number of votes that the columns of the answers are fractions of; none: they are counts."""
    fraction_tolerance: float = 0.05
    """How far a fraction times that number may be from a whole number, votes."""


class ClassColumns(NamedTuple):
    """Where the classes stand in a file of experts' classes."""

    id_column: str
    """Galaxy id."""
    class_column: str
    positive: Sequence[str]
    """The classes that mean yes."""
