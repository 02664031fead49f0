"""Read, resize and store one shard of the images."""

from pathlib import Path

from activezoo.survey.image_shards import write_shard


def run(
    *, galaxies: Path, shard: int, shards: int, stored_size: int, records: Path, index: Path, rejected: Path
) -> None:
    write_shard(galaxies, shard, shards, stored_size, records, index, rejected)
