"""Join the indexes of all shards, and check how many images were rejected."""

from pathlib import Path

from activezoo.survey.image_shards import merge_indexes


def run(
    *,
    galaxies: Path,
    shard_indexes: list[Path],
    shard_rejections: list[Path],
    max_rejected: float,
    index: Path,
    rejected: Path,
) -> None:
    merge_indexes(galaxies, shard_indexes, shard_rejections, index, rejected, max_rejected)
