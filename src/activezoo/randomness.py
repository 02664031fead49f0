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
    return int.from_bytes(blake2b(_text(key), digest_size=bits // 8).digest(), "little")


def _text(key: tuple) -> bytes:
    # NumPy's strings and integers are other types than Python's, but the same names and numbers.
    return repr(tuple(part.item() if isinstance(part, np.generic) else part for part in key)).encode()


def generator(*key: str | int) -> np.random.Generator:
    """A NumPy generator whose whole stream is fixed by the key, for example (question, seed, iteration, stage)."""
    return np.random.Generator(np.random.Philox(key=integer(*key)))


def _galaxy_keys(key: tuple, ids: Iterable[str]) -> np.ndarray:
    """A hash of the key and each galaxy's id, shape (G,), uint64."""
    common = blake2b(_text(key), digest_size=8)
    hashes = []
    for galaxy in ids:
        one = common.copy()
        one.update(galaxy.encode())
        hashes.append(one.digest())
    return np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)


def _bits(keys: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """64 random bits for each key and counter, arrays that are broadcast: uint64.

    They are the outputs number `counter` of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195) seeded
    with `key`. Seeds are places in one period of 2^64, and random: of 240,000 galaxies with 210 numbers each, two
    overlap with a probability of 10^-6.
    """
    bits = keys + (counters.astype(np.uint64) + 1) * 0x9E3779B97F4A7C15
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB
    return bits ^ (bits >> 31)


def _uniform(bits: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1) from the upper half of the bits, in steps of 2^-32: adding an integer rounds nothing."""
    return (bits >> 32) * 2.0**-32


def galaxy_uniforms(key: tuple, ids: Sequence[str], numbers: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """Uniform numbers of each galaxy for one use of its image, or several: shape (G, DIMENSIONS) or (G, A, DIMENSIONS).

    They are in [0, 1), in steps of 2^-32. `numbers`, not negative, says which use it is: one for all galaxies, one for
    each, shape (G,), or several for each, (G, A).
    """
    numbers = np.asarray(numbers)
    keys = _galaxy_keys(key, ids)
    keys = keys.reshape(keys.shape + (1,) * max(numbers.ndim, 1))
    return _uniform(_bits(keys, numbers[..., None] * DIMENSIONS + np.arange(DIMENSIONS)))


def galaxy_order(key: tuple, ids: Iterable[str], size: int) -> np.ndarray:
    """A number for each of `size` things of each galaxy, by which they stand in random order: shape (G, size), uint64.

    The order of the first ones is the same whatever `size` is.
    """
    return _bits(_galaxy_keys(key, ids)[:, None], np.arange(size))


def galaxy_latin_hypercube(key: tuple, ids: Iterable[str], size: int) -> np.ndarray:
    """`size` points of each galaxy spread evenly over the unit cube: shape (G, size, DIMENSIONS), in [0, 1).

    Latin hypercube sampling: each point by itself is uniformly distributed, and of the `size` points exactly one lies
    in each of as many equal intervals of every coordinate (McKay et al. 1979).
    """
    keys = _galaxy_keys((*key, "latin hypercube"), ids)
    counters = np.arange(2 * DIMENSIONS * size).reshape(2, 1, DIMENSIONS, size)
    order, place = _bits(keys[:, None, None], counters)
    intervals = np.argsort(order, axis=-1, kind="stable")  # of random numbers: a random permutation
    return np.moveaxis((intervals + _uniform(place)) / size, 1, 2)
