"""A few galaxies of a survey at random, looked at before all of them are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from activezoo import randomness
from activezoo.errors import InputError
from activezoo.survey.decoding import Brightness, UnusableImageError, decode, find_brightness, rows_to_measure

if TYPE_CHECKING:
    import pyarrow as pa

# Images that are read, and those that are kept to be shown.
READ, SHOWN = 100, 25
# How sure it must be that too many of all cannot be used.
SURE = 0.99


class Sample(NamedTuple):
    """Images of some galaxies."""

    ids: list[str]
    pixels: list[np.ndarray]
    """Of the first of them that can be used, as they would be stored: (P, P, 3), uint8."""
    read: int
    """How many images were read."""
    unusable: pd.DataFrame
    """id, image and reason of those that cannot be used."""


def look_at(galaxies: int, take: Callable[[np.ndarray], pa.Table], stored_size: int, brightness: Brightness) -> Sample:
    """Read images of some galaxies, the same every time.

    Parameters
    ----------
    galaxies
        How many there are.
    take
        Gives some of them, by their rows: columns id and image.
    stored_size
        Side to which images are shrunk, pixels.
    brightness
        What becomes black and white, as configured.
    """
    brightness = find_brightness(take(rows_to_measure(galaxies))["image"].to_pylist(), brightness)
    chosen = take(randomness.generator("check").choice(galaxies, min(READ, galaxies), replace=False))
    ids, kept, unusable = [], [], []
    for galaxy, image in zip(chosen["id"].to_pylist(), chosen["image"].to_pylist(), strict=True):
        try:
            pixels, _ = decode(image, stored_size, brightness)
        except UnusableImageError as error:
            unusable.append((galaxy, image, str(error)))
            continue
        if len(kept) < SHOWN:
            ids.append(galaxy)
            kept.append(pixels)
    return Sample(ids, kept, len(chosen), pd.DataFrame(unusable, columns=["id", "image", "reason"]))


def refuse_unusable(sample: Sample, galaxies: int, max_rejected: float) -> None:
    """Raise an InputError if it is all but certain that more than a fraction of all images cannot be used."""
    from scipy.stats import binom

    number, share = len(sample.unusable), len(sample.unusable) / max(1, sample.read)
    surely = sample.read == galaxies or binom.cdf(number - 1, sample.read, max_rejected) > SURE
    if share > max_rejected and surely:
        first = sample.unusable.iloc[0]
        raise InputError(
            f"{number} of {sample.read} images that were looked at cannot be used, and a run stops if more than the "
            f"fraction {max_rejected:g} of all cannot (first: {first['image']}: {first['reason']}). Repair the images, "
            "or raise survey.max_rejected"
        )


def as_seen(pixels: np.ndarray, zoom: float, input_size: int) -> np.ndarray:
    """An image as the network is shown it, without rotation: grey, the middle of it, `input_size` pixels a side."""
    from PIL import Image

    size = len(pixels)
    margin = (size - size / zoom) / 2
    grey = Image.fromarray(pixels.mean(axis=2).round().astype(np.uint8))
    view = grey.resize((input_size,) * 2, Image.Resampling.BILINEAR, (margin, margin, size - margin, size - margin))
    return np.asarray(view.convert("RGB"))
