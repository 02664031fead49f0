"""How galaxies are divided into shards."""

from __future__ import annotations

from itertools import pairwise


def shard_rows(galaxies: int, shards: int) -> list[tuple[int, int]]:
    """First row and row after the last of each shard: contiguous, of sizes that differ by 1 at most."""
    return list(pairwise(galaxies * shard // shards for shard in range(shards + 1)))
