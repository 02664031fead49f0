"""The geometry of augmentation, against known patterns and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from activezoo.model import augmentation
from activezoo.model.augmentation import View

PATTERN = np.random.default_rng(1).random((12, 12)).astype(np.float32)
# Horizontal flip, vertical flip, rotation, contrast, zoom, place in x, place in y: nothing done.
STILL = np.array([0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5])
FLIP_X, FLIP_Y, TURN, CONTRAST, ZOOM, PLACE_X, PLACE_Y = range(7)


def viewed(image, uniforms, view, size):
    made = augmentation.from_uniforms(np.asarray(uniforms)[None], view, len(image), size)
    return augmentation.apply(image[None], made, size)[0, :, :, 0]


def augmented(image, uniforms, zoom=1.0, crop="anywhere", size=12):
    return viewed(image, uniforms, View((zoom, zoom), crop), size)


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
    made = augmentation.from_uniforms(STILL[None], View((1, 1), "anywhere"), 12, 6)
    half = augmentation.apply(PATTERN[None], made._replace(shrunk_size=12), 6)[0, :, :, 0]
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
    a, b, c, d, e, f = made.transforms.ravel().astype(float)
    side = 8 * np.hypot(a, b)
    assert 100 / 1.3 - 1e-3 <= side <= 100 / 1.1 + 1e-3
    assert abs(a * e - b * d) == pytest.approx(np.hypot(a, b) ** 2, rel=1e-5)  # a similarity: no shear
    middle = np.array([[a, b], [d, e]]) @ [3.5, 3.5] + [c, f] - 49.5
    assert np.linalg.norm(middle) <= np.sqrt(2) * (100 - side) / 2 + 1e-3
    if crop == "centre":
        np.testing.assert_allclose(middle, 0, atol=1e-3)


# Stored size, smallest and largest zoom, input size.
FINE = [(256, 1.1, 1.3, 128), (256, 1.7, 1.9, 128), (96, 1.8, 2.2, 40), (96, 2.4, 2.8, 40), (140, 1.8, 2.2, 48)]
COARSE = [(256, 1.1, 1.3, 40), (255, 1.1, 1.3, 40), (256, 1.8, 2.2, 40), (140, 1.1, 1.3, 40), (88, 1.1, 1.3, 40)]
numbers = st.lists(st.floats(0, 1, exclude_max=True), min_size=7, max_size=7).map(np.array)
coarse = st.tuples(st.integers(40, 200), st.just(1.2), st.floats(1.2, 1.5), st.integers(8, 16))


@pytest.mark.parametrize(("stored_size", "low", "high", "size"), FINE)
def test_steps_below_two_pixels_need_no_shrinking_and_agree_with_tensorflow(tensorflow, stored_size, low, high, size):
    rng = np.random.default_rng(1)
    images, uniforms = rng.random((4, stored_size, stored_size)).astype(np.float32), rng.random((4, 7))
    shown = View((low, high), "anywhere")
    made = augmentation.from_uniforms(uniforms, shown, stored_size, size)
    assert made.shrunk_size == stored_size
    transforms = np.pad(made.transforms.reshape(-1, 6), [(0, 0), (0, 2)])
    sampled = tensorflow.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=transforms,
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    mean = tensorflow.reduce_mean(images, axis=(1, 2))
    factor = made.contrast[:, None, None, None]
    expected = sampled * factor + (mean * (1 - made.contrast))[:, None, None, None]
    np.testing.assert_allclose(augmentation.apply(images, made, size), expected, atol=1e-4)


def test_each_view_of_an_image_is_what_it_would_be_alone():
    rng = np.random.default_rng(1)
    images, uniforms = rng.random((3, 40, 40)).astype(np.float32), rng.random((3, 2, 5, 7))
    shown = View((1.1, 1.3), "anywhere")
    together = augmentation.apply(images, augmentation.from_uniforms(uniforms, shown, 40, 8), 8)
    assert together.shape == (3, 2, 5, 8, 8, 1)
    for place in np.ndindex(3, 2, 5):
        np.testing.assert_array_equal(together[place][..., 0], viewed(images[place[0]], uniforms[place], shown, 8))


def test_shrinking_begins_at_a_step_of_two_pixels():
    assert (
        augmentation.shrunk_size(View((1.25, 1.25), "anywhere"), 30, 12) == 22
    )  # 1.5 pixels for each of 12 at zoom 1.25
    assert augmentation.shrunk_size(View((1.25, 1.25), "anywhere"), 29, 12) == 29


@pytest.mark.parametrize(("stored_size", "low", "high", "size"), COARSE)
def test_noise_is_that_of_means_over_areas(stored_size, low, high, size):
    rng = np.random.default_rng(1)
    shown = View((low, high), "centre")
    ratios = []
    for _ in range(20):
        noise, uniforms = rng.normal(size=(stored_size, stored_size)).astype(np.float32), rng.random(7)
        transform = augmentation.from_uniforms(uniforms, shown, stored_size, size).transforms.astype(float)
        # The mean over an area of so many pixels has a standard deviation of 1 / step.
        step = float(np.hypot(*transform[0, :2]))
        middle = slice(size // 6, -(size // 6))  # within the image, however it is turned
        ratios.append(viewed(noise, uniforms, shown, size)[middle, middle].std() * step)
    assert 0.8 < np.mean(ratios) < 1.05


def places(transform, size):
    """Where the pixels of the input come from in the stored image, x and y, in float64."""
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    a, b, c, d, e, f = transform.ravel().astype(float)
    return a * x + b * y + c, d * x + e * y + f


@settings(max_examples=40, deadline=None)
@given(coarse, numbers, st.sampled_from(["anywhere", "centre"]))
def test_linear_gradients_stay_in_place(sizes, uniforms, crop):
    stored_size, low, high, size = sizes
    shown = View((low, high), crop)
    shrunk_size = augmentation.shrunk_size(shown, stored_size, size)
    assert shrunk_size < stored_size
    uniforms[CONTRAST] = 0.5
    y, x = np.mgrid[:stored_size, :stored_size] / stored_size
    x_S, y_S = places(augmentation.from_uniforms(uniforms, shown, stored_size, size).transforms, size)
    # Nearer to the edge than the centre of the first shrunk pixel, what is outside comes in.
    margin = stored_size / shrunk_size / 2
    near, far = margin - 0.5 + 1e-3, stored_size - margin - 0.5 - 1e-3
    inside = (np.minimum(x_S, y_S) >= near) & (np.maximum(x_S, y_S) <= far)
    assert inside.mean() > 0.4
    sampled = viewed((0.2 + 0.5 * x + 0.3 * y).astype(np.float32), uniforms, shown, size)
    expected = 0.2 + (0.5 * x_S + 0.3 * y_S) / stored_size
    np.testing.assert_allclose(sampled[inside], expected[inside], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(70, 200), st.integers(16, 32), numbers, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_a_blob_keeps_place_and_light(stored_size, size, uniforms, off_x, off_y):
    shown = View((1.0, 1.1), "centre")
    assert augmentation.shrunk_size(shown, stored_size, size) < stored_size
    uniforms[CONTRAST] = 0.5
    transform = augmentation.from_uniforms(uniforms, shown, stored_size, size).transforms
    x_S, y_S = places(transform, size)
    step = float(np.hypot(*transform[0, :2]))
    centre_x, centre_y = (stored_size - 1) / 2 + np.array([off_x, off_y]) * stored_size
    width = 1.2 * step
    y, x = np.mgrid[:stored_size, :stored_size]
    blob = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * width**2))
    sampled = viewed(blob.astype(np.float32), uniforms, shown, size).astype(float)
    assert sampled.sum() * step**2 == pytest.approx(2 * np.pi * width**2, rel=0.03)
    assert np.average(x_S, weights=sampled) == pytest.approx(centre_x, abs=0.04 * step)
    assert np.average(y_S, weights=sampled) == pytest.approx(centre_y, abs=0.04 * step)


def test_contrast_of_a_shrunk_image_is_about_the_mean_of_the_stored_one():
    image = np.random.default_rng(1).random((50, 50)).astype(np.float32)
    image[0] += 10  # outside the central crop
    plain, high = (augmented(image, changed(CONTRAST=value), zoom=1.5, crop="centre") for value in (0.5, 1.0))
    np.testing.assert_allclose(high, image.mean() + 1.02 * (plain - image.mean()), atol=1e-5)


@given(st.integers(2, 60).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size - 1))))
def test_area_means_weigh_areas(sizes):
    size, cells = sizes
    weights = augmentation._area_means(size, cells).astype(float)
    pixels = np.arange(size) + 0.5
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ pixels, (np.arange(cells) + 0.5) * size / cells, rtol=1e-6)
    assert (weights >= 0).all()
    if size % cells == 0:
        blocks = np.repeat(np.eye(cells), size // cells, axis=1) * cells / size
        np.testing.assert_allclose(weights, blocks, atol=1e-7)
