"""Read, resize and store one shard of the images."""

from pathlib import Path

from activezoo.survey.decoding import Brightness
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.image_shards import write_shard


def run(
    *,
    galaxies: Path,
    shard: int,
    shards: int,
    stored_size: int,
    white: int | None = None,
    asinh: AsinhStretch,
    records: Path,
    index: Path,
    rejected: Path,
) -> None:
    write_shard(galaxies, shard, shards, stored_size, records, index, rejected, Brightness(white, asinh))
