"""Image files of any kind that people have, decoded to pixels of one size and of 8 bits.

JPEG and PNG of 8 bits are decoded as they are. How bright a pixel of more bits is, in a 16-bit file or in FITS, is a
matter of the whole survey: the value that becomes white, and the stretch, come from the configuration or are found in a
sample of the survey's images, the same for all of them.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import warnings
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo.survey.fits_images import AsinhStretch, is_fits, measure_background, read_bands

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

# Decoders of Pillow that run on files from elsewhere; its others are older, or start other programs.
FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "PPM", "WEBP")
# Images of more pixels take hundreds of megabytes to decode, even from a file of kilobytes.
MOST_PIXELS = 1 << 25
# Of a JPEG; those of a progressive one are some ten, and a preview may have more of them.
START_OF_SCAN, MOST_SCANS = b"\xff\xda", 100
# Images that tell of a survey's brightness, and the numbers of bits that cameras have.
SAMPLE, BITS = 100, (8, 10, 12, 14, 16)
FULL_RANGE = 65535


class UnusableImageError(Exception):
    """Why an image cannot stand for its galaxy."""


class Brightness(NamedTuple):
    """What becomes black and white in images of more than 8 bits."""

    white: int | None = None
    """Value of white pixels in 16-bit images; brighter ones are white too. None: see `found_white`."""
    stretch: AsinhStretch = AsinhStretch()
    """Of FITS images."""
    found_white: int = FULL_RANGE
    """The same, if it was found in a sample: an image with brighter pixels is not used."""


AS_THEY_ARE = Brightness()


def _quietly(read: Callable) -> Callable:
    """Without warnings: of a corrupt file, decoders give hundreds before they fail, which is what counts."""

    @wraps(read)
    def quiet(*arguments, **options):
        with warnings.catch_warnings(action="ignore"):
            return read(*arguments, **options)

    return quiet


@_quietly
def decode(path: str | Path, size: int, brightness: Brightness = AS_THEY_ARE) -> tuple[np.ndarray, int]:
    """Read an image.

    A larger image is resized with a Hamming filter, which neither aliases nor overshoots beside bright stars. Grey
    becomes three equal channels, transparency becomes black, and a rotation that EXIF asks for is made.

    Returns
    -------
    The pixels, uint8, shape (size, size, 3), and the side that the image had.

    Raises
    ------
    UnusableImageError
        It cannot be read, is not square, is smaller than `size`, far too large, or constant.
    """
    from PIL import Image

    image = full_size(path, brightness, size)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.HAMMING))
    if (pixels == pixels[0, 0]).all():
        raise UnusableImageError(f"constant image: all pixels are {tuple(pixels[0, 0].tolist())}")
    return pixels, image.width


def full_size(path: str | Path, brightness: Brightness = AS_THEY_ARE, least: int = 1) -> Image.Image:
    """An image in RGB, of 8 bits, as large as it is.

    Raises
    ------
    UnusableImageError
        It cannot be read, is not square, has fewer than `least` pixels a side, or far too many.
    """
    from PIL import Image

    try:
        _refuse_odd_files(path)
        if is_fits(path):
            bands = read_bands(path, lambda height, width: _check_shape(width, height, least))
            return Image.fromarray(brightness.stretch.rgb(bands))
        with Image.open(path, formats=FORMATS) as file:
            _check_shape(*file.size, least)
            _refuse_many_scans(path, file.format)
            deep = _is_deep(file)
            return _rgb(_upright(file), deep, brightness)
    except UnusableImageError:
        raise
    except Exception as error:  # whatever the decoders raise on a corrupt file: there is no common base
        message = str(error).replace(str(path), "the file")
        raise UnusableImageError(f"unreadable: {message or type(error).__name__}") from error


def viewable(
    path: str | Path, brightness: Brightness, formats: Collection[str], largest: int | None = None
) -> tuple[bytes, str]:
    """An image for people to see, as a file, and the file's format: as it is, or converted to PNG, or to JPEG if small.

    Parameters
    ----------
    formats
        What need not be converted, if it has 8 bits a channel, names of Pillow.
    largest
        Bytes of the file. Of a larger one, first the quality is lowered, then the size.

    Raises
    ------
    UnusableImageError
        It cannot be read.
    OSError
        Or not even be opened.
    """
    from PIL import Image

    content = Path(path).read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as file:
            as_it_is = file.format in formats and not _is_deep(file)
            if as_it_is and (largest is None or len(content) <= largest):
                return content, file.format
    except Exception:  # FITS, to Pillow; or what is broken, of which `full_size` says why
        pass
    image = full_size(path, brightness)
    if largest is None:
        return _encoded(image, "PNG"), "PNG"
    encoded = _encoded(image, "JPEG", quality=95)
    while len(encoded) > largest:
        encoded = _encoded(image, "JPEG", quality=85)
        image = image.resize((round(image.width * 0.8),) * 2, Image.Resampling.LANCZOS)
    return encoded, "JPEG"


def _encoded(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def rows_to_measure(galaxies: int) -> np.ndarray:
    """Which galaxies of a survey `find_brightness` measures: some, the same every time."""
    return np.arange(0, galaxies, -(-galaxies // SAMPLE) or 1)


@_quietly
def find_brightness(images: Sequence[str | Path], brightness: Brightness) -> Brightness:
    """Fill in what the configuration leaves open, from the images of some galaxies, `rows_to_measure`."""
    from PIL import Image

    brightest, backgrounds = [], []
    for path in images:
        try:
            _refuse_odd_files(path)
            if is_fits(path):
                backgrounds.append(measure_background(read_bands(path, lambda *shape: _check_shape(*shape, 1))))
            else:
                with Image.open(path, formats=FORMATS) as file:
                    if _is_deep(file):
                        _check_shape(*file.size, 1)
                        brightest.append(_brightest(file))
        except Exception:  # what cannot be read is rejected, with the reason, when it is stored
            continue
    if brightest and brightness.white is None:
        most = max(brightest)
        bits = next(bits for bits in BITS if most < 1 << bits)
        brightness = brightness._replace(found_white=(1 << bits) - 1)
        log.info(
            "16-bit images: the brightest pixel of a sample of %d is %d, so they are taken to hold %d bits, and %d is "
            "white; images.white names another value",
            len(brightest),
            most,
            bits,
            brightness.found_white,
        )
    if backgrounds:
        brightness = brightness._replace(stretch=brightness.stretch.filled(backgrounds))
    return brightness


def _refuse_odd_files(path: str | Path) -> None:
    """Refuse what would keep a reader waiting for ever, such as a named pipe."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise UnusableImageError("not a regular file")


def _refuse_many_scans(path: str | Path, kind: str) -> None:
    """Refuse a JPEG that is made to be decoded again and again: each scan, of some bytes, goes through all pixels."""
    if kind in ("JPEG", "MPO"):
        scans = Path(path).read_bytes().count(START_OF_SCAN)
        if scans > MOST_SCANS:
            raise UnusableImageError(f"{scans} scans, more than {MOST_SCANS}")


def _check_shape(width: int, height: int, size: int) -> None:
    if width != height:
        raise UnusableImageError(f"not square: {width} x {height} pixels")
    if width < size:
        raise UnusableImageError(f"smaller than the stored size {size}: {width} x {height} pixels")
    if width * height > MOST_PIXELS:
        raise UnusableImageError(f"too large: {width} x {height} pixels, more than {MOST_PIXELS}")


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    image.load()  # first, for an image that fails here would count as read from then on
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read asks for no rotation
        return image


def _rgb(image: Image.Image, deep: bool, brightness: Brightness) -> Image.Image:
    from PIL import Image

    white = brightness.white or brightness.found_white
    if deep:
        most = _brightest(image)
        if brightness.white is None and most > white:
            raise UnusableImageError(
                f"pixels up to {most}, but {white} was found to be white in a sample of the survey; set images.white"
            )
        if not image.mode.startswith("I;16") and white != FULL_RANGE:
            raise UnusableImageError(
                f"16 bits a channel with {white} as white, of which only the upper 8 bits can be read; save it with 8 "
                "bits a channel"
            )
    if image.mode.startswith("I;16"):
        scaled = np.minimum(np.asarray(image), white).astype(np.uint32) * 255 // white
        image = Image.fromarray(scaled.astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UnusableImageError(f"pixels of mode {image.mode}, whose range is unknown")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """Whether a file, not loaded yet, has 16 bits a channel. Of colour images, Pillow reads the upper 8 of them."""
    return image.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _brightest(image: Image.Image) -> int:
    """The largest value of a 16-bit image; of a colour image, as far as its upper 8 bits tell."""
    if image.mode.startswith("I;16"):
        return int(np.asarray(image).max())
    return int(np.asarray(image.convert("RGB")).max()) << 8 | 0xFF
