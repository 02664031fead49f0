"""The geometry of augmentation, against known patterns and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from activezoo.model import augmentation
from activezoo.model.augmentation import View

pytestmark = pytest.mark.usefixtures("tensorflow")

PATTERN = np.random.default_rng(1).random((12, 12)).astype(np.float32)
# Horizontal flip, vertical flip, rotation, contrast, zoom, place in x, place in y: nothing done.
STILL = np.array([0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5])
FLIP_X, FLIP_Y, TURN, CONTRAST, ZOOM, PLACE_X, PLACE_Y = range(7)


def augmented(image, uniforms, zoom=1.0, crop="anywhere", size=12):
    made = augmentation.from_uniforms(np.asarray(uniforms)[None], View((zoom, zoom), crop), len(image), size)
    return augmentation.apply(image[None], *made, size).numpy()[0, :, :, 0]


def changed(**values):
    uniforms = STILL.copy()
    for name, value in values.items():
        uniforms[globals()[name]] = value
    return uniforms


def test_nothing_done():
    np.testing.assert_allclose(augmented(PATTERN, STILL), PATTERN, atol=1e-6)


def test_flips():
    np.testing.assert_allclose(augmented(PATTERN, changed(FLIP_X=0.5)), PATTERN[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(augmented(PATTERN, changed(FLIP_Y=0.5)), PATTERN[::-1], atol=1e-6)


def test_quarter_turn():
    turned = augmented(PATTERN, changed(TURN=1.0))
    assert any(np.allclose(turned, np.rot90(PATTERN, times), atol=1e-4) for times in (1, 3))


def test_turn_agrees_with_scipy():
    smooth = ndimage.gaussian_filter(np.pad(PATTERN, 10), 2).astype(np.float32)
    turned = augmented(smooth, changed(TURN=1 / 3), size=32)
    expected = [ndimage.rotate(smooth, angle, reshape=False, order=1) for angle in (30, -30)]
    assert min(np.abs(turned - other).max() for other in expected) < 1e-3


def test_crop_at_the_corners():
    corner = augmented(PATTERN, changed(PLACE_X=0.0, PLACE_Y=0.0), zoom=2, size=6)
    np.testing.assert_allclose(corner, PATTERN[:6, :6], atol=1e-6)
    corner = augmented(PATTERN, changed(PLACE_X=1.0, PLACE_Y=0.0), zoom=2, size=6)
    np.testing.assert_allclose(corner, PATTERN[:6, 6:], atol=1e-6)


def test_central_crop_stays_at_the_centre():
    for place in (0.0, 1.0):
        crop = augmented(PATTERN, changed(PLACE_X=place, PLACE_Y=place), zoom=2, crop="centre", size=6)
        np.testing.assert_allclose(crop, PATTERN[3:9, 3:9], atol=1e-6)


def test_resizing_to_half_averages_neighbours():
    half = augmented(PATTERN, STILL, size=6)
    np.testing.assert_allclose(half, PATTERN.reshape(6, 2, 6, 2).mean((1, 3)), atol=1e-6)


def test_contrast_about_the_mean_of_the_image():
    high = augmented(PATTERN, changed(CONTRAST=1.0))
    np.testing.assert_allclose(high, PATTERN.mean() + 1.02 * (PATTERN - PATTERN.mean()), atol=1e-6)


def test_outside_the_image_is_black():
    turned = augmented(np.ones((12, 12), np.float32), changed(TURN=0.5))
    assert turned[0, 0] == pytest.approx(0, abs=1e-6)
    assert turned[6, 6] == pytest.approx(1)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=7, max_size=7), st.sampled_from(["anywhere", "centre"]))
def test_crop_lies_in_the_rotated_frame(uniforms, crop):
    made = augmentation.from_uniforms(np.array(uniforms), View((1.1, 1.3), crop), 100, 8)
    a, b, c, d, e, f = made.transforms[:6].astype(float)
    side = 8 * np.hypot(a, b)
    assert 100 / 1.3 - 1e-3 <= side <= 100 / 1.1 + 1e-3
    assert abs(a * e - b * d) == pytest.approx(np.hypot(a, b) ** 2, rel=1e-5)  # a similarity: no shear
    middle = np.array([[a, b], [d, e]]) @ [3.5, 3.5] + [c, f] - 49.5
    assert np.linalg.norm(middle) <= np.sqrt(2) * (100 - side) / 2 + 1e-3
    if crop == "centre":
        np.testing.assert_allclose(middle, 0, atol=1e-3)
