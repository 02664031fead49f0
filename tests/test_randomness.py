"""Draws depend on their key alone, and galaxies draw uniform and independent numbers."""

from hashlib import blake2b
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from activezoo import randomness

IDS = [f"58774{number:013d}" for number in range(4000)]
DRAWS = [randomness.galaxy_uniforms, randomness.galaxy_latin_hypercube]


def split_mix(key: tuple, galaxy: str, counter: int) -> int:
    """SplitMix64 in Python's integers, after the authors' code."""
    seed = blake2b(repr(key).encode() + galaxy.encode(), digest_size=8).digest()
    z = (int.from_bytes(seed, "little") + (counter + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_a_key_fixes_the_stream():
    first = randomness.generator("smooth", 1, 2, "train").random(3)
    np.testing.assert_array_equal(randomness.generator("smooth", 1, 2, "train").random(3), first)
    # Pinned: results of one machine and version must be those of another.
    assert first[0] == pytest.approx(0.49556514811142427, abs=1e-15)


@pytest.mark.parametrize(
    "other",
    [("smooth", 1, 2, "predict"), ("smooth", 12, "train"), ("bar", 1, 2, "train"), ("smooth", "1", 2, "train")],
)
def test_another_key_is_another_stream(other):
    assert not np.isclose(randomness.generator(*other).random(), randomness.generator("smooth", 1, 2, "train").random())


def test_names_and_numbers_of_numpy_are_those_of_python():
    key = np.array(["smooth"])[0], np.int64(1), 2, "train"
    assert randomness.integer(*key) == randomness.integer("smooth", 1, 2, "train")


def test_each_galaxy_may_have_its_own_use():
    mixed = randomness.galaxy_uniforms(("key",), ["a", "b", "a"], [0, 1, 2])
    for row, (galaxy, number) in zip(mixed, [("a", 0), ("b", 1), ("a", 2)], strict=True):
        np.testing.assert_array_equal(row, randomness.galaxy_uniforms(("key",), [galaxy], number)[0])


def test_each_galaxy_may_have_several_uses():
    several = randomness.galaxy_uniforms(("key",), IDS[:3], np.array([[0, 5], [1, 2], [2, 0]]))
    assert several.shape == (3, 2, randomness.DIMENSIONS)
    for column, numbers in enumerate(([0, 1, 2], [5, 2, 0])):
        np.testing.assert_array_equal(several[:, column], randomness.galaxy_uniforms(("key",), IDS[:3], numbers))


def test_bits_are_those_of_split_mix():
    # Known outputs of the seed 1234567.
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert randomness._bits(np.array([1234567], np.uint64), np.arange(5)).tolist() == known


@given(st.text(), st.integers(0, 2**40), st.sampled_from(["smooth", "bar"]), st.integers(0, 99))
def test_numbers_are_those_of_whole_arithmetic(galaxy, number, question, seed):
    drawn = randomness.galaxy_uniforms((np.str_(question), np.int64(seed)), np.array(["other", galaxy], object), number)
    bits = [split_mix((question, seed), galaxy, 7 * number + dimension) for dimension in range(7)]
    assert drawn[1].tolist() == [(of >> 32) / 2**32 for of in bits]


@given(st.text(), st.integers(1, 40))
def test_hypercubes_are_those_of_whole_arithmetic(galaxy, size):
    (points,) = randomness.galaxy_latin_hypercube(("bar", 3), [galaxy], size)
    for dimension in range(7):
        order, place = (
            [split_mix(("bar", 3, "latin hypercube"), galaxy, (half * 7 + dimension) * size + at) for at in range(size)]
            for half in range(2)
        )
        intervals = sorted(range(size), key=order.__getitem__)
        expected = [(interval + (of >> 32) / 2**32) / size for interval, of in zip(intervals, place, strict=True)]
        assert points[:, dimension].tolist() == expected


@pytest.mark.parametrize("draw", DRAWS)
def test_galaxies_of_one_key_are_not_those_of_another(draw):
    # Written one after the other, the two would be the same text.
    assert not np.isin(draw(("key1",), ["23"], 4), draw(("key",), ["123"], 4)).any()
    assert not np.isin(draw(("key",), ["123"], 4), draw(("key", "123"), [""], 4)).any()


@pytest.mark.parametrize("draw", DRAWS)
def test_no_galaxies_have_no_numbers(draw):
    assert draw(("key",), [], 4).shape[0] == 0


def numbers_of_views():
    """Numbers of 4,000 galaxies for 6 views, independent and even: shape (G, 6, DIMENSIONS)."""
    uses = np.broadcast_to(np.arange(6), (len(IDS), 6))
    return {
        "independent": randomness.galaxy_uniforms(("key",), IDS, uses),
        "even": randomness.galaxy_latin_hypercube(("key",), IDS, 6),
    }


@pytest.mark.parametrize("draws", ["independent", "even"])
def test_numbers_are_uniform(draws):
    numbers = numbers_of_views()[draws]
    for view in range(6):
        for dimension in range(randomness.DIMENSIONS):
            assert stats.kstest(numbers[:, view, dimension], "uniform").pvalue > 1e-4
    # Within its interval, too, each is uniform.
    assert stats.kstest((numbers * 6 % 1).ravel(), "uniform").pvalue > 1e-3


def chi_square(first, second):
    """p of independent, uniform pairs by their counts in 16 × 16 squares."""
    counts = np.histogram2d(np.ravel(first), np.ravel(second), bins=16, range=[[0, 1], [0, 1]])[0]
    return stats.chisquare(counts.ravel()).pvalue


@pytest.mark.parametrize("draws", ["independent", "even"])
def test_numbers_are_independent_across_galaxies_and_dimensions(draws):
    numbers = numbers_of_views()[draws]
    assert chi_square(numbers[:-1], numbers[1:]) > 1e-3  # galaxies with ids one after the other
    for first in range(randomness.DIMENSIONS):
        for second in range(first):
            assert chi_square(numbers[:, :, first], numbers[:, :, second]) > 1e-4
    correlations = np.corrcoef(numbers[:, 0], rowvar=False) - np.eye(randomness.DIMENSIONS)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(len(IDS))


def test_numbers_of_a_galaxy_are_independent_from_use_to_use():
    numbers = numbers_of_views()["independent"]
    assert chi_square(numbers[:, :-1], numbers[:, 1:]) > 1e-3
    # The last number of a use comes just before the first of the next.
    assert chi_square(numbers[:, :-1, -1], numbers[:, 1:, 0]) > 1e-3
    long = randomness.galaxy_uniforms(("key",), ["one"], np.arange(20000)[None])[0].ravel()
    for lag in (1, 2, 7, 49):
        assert chi_square(long[:-lag], long[lag:]) > 1e-3
    # Not of the same key in another iteration, either.
    other = randomness.galaxy_uniforms(("key", 2), IDS, 0)
    assert chi_square(numbers[:, 0], other) > 1e-3


def test_orders_of_the_hypercube_are_equally_frequent_and_independent():
    points = randomness.galaxy_latin_hypercube(("key",), IDS, 3)
    orders = list(permutations(range(3)))
    intervals = np.floor(points * 3).astype(int)
    which = np.array([[orders.index(tuple(row)) for row in galaxy.T] for galaxy in intervals])
    for dimension in range(randomness.DIMENSIONS):
        assert stats.chisquare(np.bincount(which[:, dimension], minlength=6)).pvalue > 1e-4
    for first, second in zip(which.T[:-1], which.T[1:], strict=True):
        assert stats.chisquare(np.bincount(6 * first + second, minlength=36)).pvalue > 1e-4


@pytest.mark.parametrize("draw", DRAWS)
def test_a_galaxy_keeps_its_numbers_in_any_company(draw):
    together = draw(("key",), ["a", "b", "c"], 4)
    np.testing.assert_array_equal(draw(("key",), ["c", "a"], 4), together[[2, 0]])
    assert together.min() >= 0
    assert together.max() < 1


def test_latin_hypercube_points_are_uniform_one_by_one_and_even_together():
    points = randomness.galaxy_latin_hypercube(("key",), [str(number) for number in range(4000)], 10)
    assert points[:, 7].mean(0) == pytest.approx(0.5, abs=0.02)
    assert points[:, 7].var(0) == pytest.approx(1 / 12, abs=0.005)
    one_in_each_interval = np.broadcast_to(np.arange(10)[:, None], (10, randomness.DIMENSIONS))
    assert (np.sort(np.floor(points * 10), axis=1) == one_in_each_interval).all()
