"""Keyed randomness: every draw is a function of names and numbers, never of what was drawn before.

A job run again, or run elsewhere, gives the same bits; a galaxy gets the same augmentations whichever shard, batch or
machine it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

# Random numbers that one augmentation of an image takes.
DIMENSIONS = 7


def integer(*key: str | int, bits: int = 128) -> int:
    """A uniformly distributed integer of so many bits, fixed by the key."""
    # NumPy's strings and integers are other types than Python's, but the same names and numbers.
    plain = tuple(part.item() if isinstance(part, np.generic) else part for part in key)
    return int.from_bytes(blake2b(repr(plain).encode(), digest_size=bits // 8).digest(), "little")


def generator(*key: str | int) -> np.random.Generator:
    """A NumPy generator whose whole stream is fixed by the key, for example (question, seed, iteration, stage)."""
    return np.random.Generator(np.random.Philox(key=integer(*key)))


def galaxy_uniforms(key: tuple, ids: Sequence[str], numbers: int | Sequence[int]) -> np.ndarray:
    """Uniform numbers of each galaxy for one use of its image: shape (G, DIMENSIONS), in [0, 1).

    `numbers` says which use it is, for all galaxies or for each.
    """
    uses = zip(ids, np.broadcast_to(numbers, len(ids)), strict=True)
    return np.stack([generator(*key, galaxy, number).random(DIMENSIONS) for galaxy, number in uses])


def galaxy_latin_hypercube(key: tuple, ids: Iterable[str], size: int) -> np.ndarray:
    """`size` points of each galaxy spread evenly over the unit cube: shape (G, size, DIMENSIONS), in [0, 1).

    Latin hypercube sampling: each point by itself is uniformly distributed, and of the `size` points exactly one lies
    in each of as many equal intervals of every coordinate (McKay et al. 1979).
    """
    strata = np.tile(np.arange(size)[:, None], DIMENSIONS)
    generators = (generator(*key, galaxy, "latin hypercube") for galaxy in ids)
    return np.stack([rng.permuted(strata, axis=0) + rng.random(strata.shape) for rng in generators]) / size
