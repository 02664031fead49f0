"""Random views of an image: flip, rotate, adjust contrast, crop, resize (paper §2.5.3), as one affine map.

Composing the geometry and sampling once is several times faster than a chain of image layers, and blurs once only.
OpenCV samples, some five times faster than TensorFlow's op.
Suffixes name the axes of an array: B images, P side of the stored image in pixels, S side of the network's input.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

CONTRAST = (0.98, 1.02)


class View(NamedTuple):
    """How a question's images are shown to the network."""

    zoom: tuple[float, float]
    """Smallest and largest zoom, at least 1: the crop's side is that of the stored image divided by it."""
    crop: Literal["anywhere", "centre"]
    """`anywhere` in the image, or at its `centre`."""


class Augmentations(NamedTuple):
    """What to do to each image; see `from_uniforms`."""

    transforms: np.ndarray
    """Affine maps from output to input pixels (x, y, 1), shape (…, 2, 3), float32."""
    contrast: np.ndarray
    """Factors on the deviation from the image's mean, shape (…), float32."""
    shrunk_size: int
    """Side in pixels to which stored images are shrunk before they are sampled; see `shrunk_size`."""


def from_uniforms(uniforms: np.ndarray, view: View, stored_size: int, input_size: int) -> Augmentations:
    """Augmentations from seven random numbers in [0, 1) for each view of an image, shape (…, 7).

    The numbers are: horizontal flip, vertical flip, rotation (0-90°), contrast, zoom, and the crop's place in x and y.
    They come from `randomness`, by way of `training.train` and `posterior.augmentations_of`.
    """
    flip_x, flip_y, turn, contrast, zoom, place_x, place_y = np.moveaxis(np.asarray(uniforms), -1, 0)
    sign_x = np.where(flip_x < 0.5, 1.0, -1.0)
    sign_y = np.where(flip_y < 0.5, 1.0, -1.0)
    angle = turn * np.pi / 2
    side = stored_size / (view.zoom[0] + zoom * (view.zoom[1] - view.zoom[0]))
    scale = side / input_size
    freedom = (stored_size - side) * (view.crop == "anywhere")
    # In the rotated frame, relative to the image's centre: position of the centre of output pixel (0, 0).
    first_x = (place_x - 0.5) * freedom - side / 2 + scale / 2
    first_y = (place_y - 0.5) * freedom - side / 2 + scale / 2
    cos, sin = np.cos(angle), np.sin(angle)
    middle = (stored_size - 1) / 2
    transforms = np.stack(
        [
            sign_x * cos * scale,
            -sign_x * sin * scale,
            sign_x * (cos * first_x - sin * first_y) + middle,
            sign_y * sin * scale,
            sign_y * cos * scale,
            sign_y * (sin * first_x + cos * first_y) + middle,
        ],
        axis=-1,
    ).reshape(*angle.shape, 2, 3)
    factor = CONTRAST[0] + contrast * (CONTRAST[1] - CONTRAST[0])
    return Augmentations(
        transforms.astype(np.float32), factor.astype(np.float32), shrunk_size(view, stored_size, input_size)
    )


def shrunk_size(view: View, stored_size: int, input_size: int) -> int:
    """Side in pixels to which stored images are shrunk before they are sampled, or `stored_size` if they need not be.

    Bilinear sampling reads 2 × 2 pixels, however far apart the samples are. If they are 2 or more pixels apart, it
    skips pixels, and their noise and detail alias. Such an image is shrunk first, until the samples are at most 1.5
    pixels apart (at the smallest zoom). White noise then comes out of `apply` nearly as strong as from means over the
    input's pixels: bilinear sampling at a random phase leaves 2/3 of its standard deviation, and a mean over 1.5 × 1.5
    pixels leaves 1/1.5, which is the same.
    """
    side = view.zoom[0] * input_size  # of the whole image at the smallest zoom, in pixels of the network's input
    return stored_size if stored_size < 2 * side else round(1.5 * side)


def _area_means(size: int, cells: int) -> np.ndarray:
    """Weights that turn a row of pixels into means over equal, larger cells: shape (cells, size), float32.

    The end of a cell can cut a pixel in two. Each part then counts with the value at its own middle, interpolated
    between this pixel and its neighbour. So a linear gradient stays exactly where it is.
    """
    bounds = np.arange(cells + 1) * size / cells
    edges = np.union1d(bounds, np.arange(size + 1))
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    interpolated = np.maximum(1 - np.abs(middle[:, None] - 0.5 - np.arange(size)), 0)
    parts = interpolated * width[:, None] * cells / size
    return np.add.reduceat(parts, np.searchsorted(edges, bounds[:-1])).astype(np.float32)


def apply(images: np.ndarray, augmentations: Augmentations, input_size: int) -> np.ndarray:
    """Augment grey images, each as often as there are augmentations of it.

    Parameters
    ----------
    images
        Shape (B, P, P), float32.
    augmentations
        Of each image, shapes (B, …, 2, 3) and (B, …). To shrink an image first changes how smooth the result is, and
        not where things are.
    input_size
        S.

    Returns
    -------
    Shape (B, …, S, S, 1), float32, bilinear in between pixels, and outside the image as if it were black there.
    """
    import cv2

    cv2.setNumThreads(0)  # a job keeps to its cores
    contrast, shrunk_size = augmentations.contrast, augmentations.shrunk_size
    transforms = augmentations.transforms.reshape(len(images), -1, 2, 3)
    stored_size = images.shape[-1]
    mean = images.mean(axis=(1, 2))
    if shrunk_size != stored_size:
        weights = _area_means(stored_size, shrunk_size)
        images = weights @ images @ weights.T
        # Pixel centres are at whole numbers, so that the image begins at -1/2.
        scale = shrunk_size / stored_size
        transforms = transforms * np.float32(scale)
        transforms[..., 2] += np.float32(0.5 * scale - 0.5)
    views = np.empty((*transforms.shape[:2], input_size, input_size), np.float32)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, transforms_of_image, views_of_image in zip(images, transforms, views, strict=True):
        for transform, view in zip(transforms_of_image, views_of_image, strict=True):
            cv2.warpAffine(image, transform, view.shape, view, how, cv2.BORDER_CONSTANT, 0)
    views = views.reshape(*contrast.shape, input_size, input_size, 1)
    # Contrast follows, on the smaller image; the mean is that of the whole one.
    views *= contrast[..., None, None, None]
    views += (mean.reshape(-1, *[1] * (contrast.ndim - 1)) * (1 - contrast))[..., None, None, None]
    return views
