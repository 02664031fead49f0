"""FITS cut-outs: one band or three, stretched as the colour images of SDSS are (Lupton et al. 2004)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from astropy.io import fits

log = logging.getLogger(__name__)

# Noise over stretch, where the stretch is not given: the noise is then some 4 % of white.
NOISE_OF_STRETCH = 1 / 30
# Pixels of an image that its background is measured on.
PIXELS = 1 << 14
# Parts of a file that are looked at: of some corrupt files, astropy finds no end.
MOST_PARTS = 100


class Background(NamedTuple):
    """Of an image, by band."""

    sky_B: np.ndarray
    noise_B: np.ndarray


class AsinhStretch(NamedTuple):
    """How counts become brightness: as asinh(Q (x − sky) / stretch), where x is the mean of the bands.

    Colours are kept: each band is brightened as much as the mean.
    """

    sky: Sequence[float] = ()
    """What becomes black, in the units of the file, for all bands or for each; none: the background of a sample."""
    stretch: float | None = None
    """Up to which value above the sky brightness is about linear; None: 30 times the noise of a sample."""
    Q: float = 8.0
    """How strongly what is brighter is compressed."""
    bands: Sequence[int] = (2, 1, 0)
    """Which plane of a file, from 0, becomes red, green and blue. Planes mostly go from blue to red."""

    def filled(self, backgrounds: Sequence[Background]) -> AsinhStretch:
        """With what was left open, from the backgrounds of a sample of the survey."""
        bands = len(backgrounds[0].sky_B)
        alike = [background for background in backgrounds if len(background.sky_B) == bands]
        sky = self.sky or np.median([background.sky_B for background in alike], axis=0).tolist()
        noise = float(np.median([background.noise_B for background in alike]))
        stretch = self.stretch or noise / NOISE_OF_STRETCH or 1.0
        log.info(
            "FITS images: sky %s%s, stretch %g%s; images.fits names other values",
            ", ".join(f"{level:g}" for level in sky),
            "" if self.sky else f" found in a sample of {len(alike)}",
            stretch,
            "" if self.stretch else f" found in a sample of {len(alike)}",
        )
        return self._replace(sky=tuple(sky), stretch=stretch)

    def rgb(self, bands_BHW: np.ndarray) -> np.ndarray:
        """Bands to pixels, uint8, shape (H, W, 3); what is not finite becomes black."""
        from astropy.visualization import make_lupton_rgb

        bands = len(bands_BHW)
        sky_B = np.resize(np.asarray(self.sky or (0.0,), np.float32), bands)
        above_BHW = np.nan_to_num(bands_BHW - sky_B[:, None, None], nan=0, posinf=0, neginf=0)
        order = self.bands if bands == 3 else (0, 0, 0)
        return make_lupton_rgb(*(above_BHW[band] for band in order), minimum=0, stretch=self.stretch or 1.0, Q=self.Q)


def is_fits(path: str | Path) -> bool:
    """Whether a file starts as FITS does, or is compressed by gzip as no other image is."""
    with Path(path).open("rb") as file:
        start = file.read(9)
    return start == b"SIMPLE  =" or start.startswith(b"\x1f\x8b")


def parts(file: fits.HDUList) -> Iterator[Any]:
    """The first parts of an open FITS file."""
    return islice(file, MOST_PARTS)


def read_bands(path: str | Path, check_shape: Callable[[int, int], None]) -> np.ndarray:
    """The first image of a FITS file, float, shape (B, H, W) with B 1 or 3, the uppermost row first.

    `check_shape` is given height and width, before any pixel is read, and raises if it does not like them.

    Raises
    ------
    ValueError
        There is no image of one or three planes, or none of its pixels is a finite number.
    """
    try:
        from astropy.io import fits
    except ImportError:
        raise ValueError("astropy reads FITS images; install it with: pip install 'activezoo[fits]'") from None

    with fits.open(path, memmap=False) as file:
        image = next((hdu for hdu in parts(file) if hdu.is_image and len(hdu.shape) >= 2), None)
        if image is None:
            raise ValueError("a FITS file without an image")
        *planes, height, width = image.shape
        if planes not in ([], [1], [3]):
            raise ValueError(f"{' x '.join(map(str, planes))} planes, not one or three")
        check_shape(height, width)
        bands_BHW = np.asarray(image.data, np.float32).reshape(-1, height, width)[:, ::-1]
    if not np.isfinite(bands_BHW).any():
        raise ValueError("no pixel is a finite number")
    return bands_BHW


def measure_background(bands_BHW: np.ndarray) -> Background:
    """Level and noise of the sky in each band, without the galaxy and stars."""
    from astropy.stats import sigma_clipped_stats

    pixels_BP = bands_BHW.reshape(len(bands_BHW), -1)
    pixels_BP = pixels_BP[:, :: max(1, pixels_BP.shape[1] // PIXELS)]
    _, median_B, deviation_B = sigma_clipped_stats(pixels_BP, mask=~np.isfinite(pixels_BP), axis=1)
    return Background(np.atleast_1d(median_B), np.atleast_1d(deviation_B))
