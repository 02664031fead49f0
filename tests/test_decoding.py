"""Images of every kind that people have: 16 bits, FITS, CMYK, turned by EXIF; and what holds nothing, or too much."""

import gzip
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from activezoo.survey.decoding import (
    AS_THEY_ARE,
    SAMPLE,
    Brightness,
    UnusableImageError,
    decode,
    find_brightness,
    rows_to_measure,
    viewable,
)
from activezoo.survey.fits_images import AsinhStretch, measure_background, read_bands

RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)


def save(array, path, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def deep(most, path):
    """A grey image of 16 bits a pixel whose values go from 0 to `most`."""
    return save(np.linspace(0, most, 32 * 32).astype(np.uint16).reshape(32, 32), path)


def png_of_16_bits_a_channel(array, path):
    """Pillow writes none; see the specification of PNG."""

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, _ = array.shape
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def cutout(bands, seed=0, side=64, sky=100.0, noise=2.0, flux=400.0):
    """A galaxy in the middle, brightest in the last band, on a noisy sky. Shape (bands, side, side)."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    galaxy = np.exp(-np.hypot(x, y) / 4)
    rng = np.random.default_rng(seed)
    return np.stack(
        [sky + flux * (band + 1) * galaxy + noise * rng.standard_normal((side, side)) for band in range(bands)]
    ).astype(np.float32)


def write_fits(data, path, **header):
    from astropy.io import fits

    fits.PrimaryHDU(data, fits.Header(header)).writeto(path)
    return path


# --- 16 bits


@pytest.mark.parametrize(
    ("most", "white"), [(200, 255), (1000, 1023), (4095, 4095), (5000, 16383), (16384, 65535), (65535, 65535)]
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_range_of_16_bit_images_is_found_in_the_survey(tmp_path, caplog, most, white, suffix):
    caplog.set_level("INFO")
    paths = [deep(most // 2, tmp_path / f"a{suffix}"), deep(most, tmp_path / f"b{suffix}")]
    brightness = find_brightness(paths, Brightness())
    assert brightness.found_white == white
    assert f"the brightest pixel of a sample of 2 is {most}" in caplog.text
    for path, brightest in zip(paths, (most // 2, most), strict=True):
        assert decode(path, 32, brightness)[0].max() == brightest * 255 // white


def test_an_image_brighter_than_the_sample_is_not_used(tmp_path):
    brightness = find_brightness([deep(4000, tmp_path / "a.png")], Brightness())
    with pytest.raises(UnusableImageError, match=r"pixels up to 5000, but 4095 was found to be white.*images\.white"):
        decode(deep(5000, tmp_path / "b.png"), 32, brightness)


def test_white_that_is_given_holds_and_what_is_brighter_is_white(tmp_path):
    paths = [deep(most, tmp_path / f"{most}.png") for most in (1000, 5000)]
    brightness = find_brightness(paths, Brightness(white=2000))
    assert [decode(path, 32, brightness)[0].max() for path in paths] == [127, 255]


def test_16_bit_colour_is_used_only_where_its_upper_8_bits_are_the_image(tmp_path):
    full = png_of_16_bits_a_channel(RNG.integers(0, 65536, (32, 32, 3)), tmp_path / "full.png")
    brightness = find_brightness([full], Brightness())
    assert brightness.found_white == 65535
    np.testing.assert_array_equal(decode(full, 32, brightness)[0], np.asarray(Image.open(full).convert("RGB")))
    dark = png_of_16_bits_a_channel(RNG.integers(0, 4096, (32, 32, 3)), tmp_path / "dark.png")
    brightness = find_brightness([dark], Brightness())
    assert brightness.found_white == 4095
    with pytest.raises(UnusableImageError, match="16 bits a channel with 4095 as white"):
        decode(dark, 32, brightness)


def test_images_of_8_bits_need_no_range(tmp_path):
    paths = [save(NOISE, tmp_path / "a.png"), save(NOISE, tmp_path / "a.jpg"), tmp_path / "absent.png"]
    assert find_brightness(paths, Brightness()) == Brightness()
    assert find_brightness([], Brightness()) == Brightness()


def test_the_sample_is_of_the_whole_survey(tmp_path):
    few, many = deep(200, tmp_path / "few.png"), deep(60000, tmp_path / "many.png")
    images = [few] * (SAMPLE * 3) + [many] * 10
    measured = rows_to_measure(len(images))
    assert len(measured) <= SAMPLE
    assert find_brightness([images[row] for row in measured], Brightness()).found_white == 65535


def test_what_cannot_be_read_is_passed_over_without_a_word(tmp_path):
    torn = b"SIMPLE  =                    T" + b" " * 50 + b"BITPIX  =                  -32"
    (tmp_path / "torn.fits").write_bytes(torn)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        find_brightness([tmp_path / "torn.fits"], Brightness())
    assert not said


# --- JPEG of any kind


def test_cmyk_is_resolved(tmp_path):
    smooth = np.asarray(Image.fromarray(NOISE[:4, :4]).resize((32, 32)))
    path = save(smooth, tmp_path / "a.jpg", mode="CMYK", quality=95)
    np.testing.assert_allclose(decode(path, 32)[0].astype(int), smooth, atol=12)


def test_progressive_is_the_same_as_baseline(tmp_path):
    pixels = [decode(save(NOISE, tmp_path / f"{kind}.jpg", progressive=kind), 32)[0] for kind in (False, True)]
    np.testing.assert_array_equal(*pixels)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda pixels: pixels),
        (2, lambda pixels: pixels[:, ::-1]),
        (3, lambda pixels: pixels[::-1, ::-1]),
        (6, lambda pixels: np.rot90(pixels, -1)),
        (8, np.rot90),
    ],
)
def test_the_rotation_of_exif_is_made(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = decode(save(NOISE, tmp_path / "a.jpg"), 32)[0]
    np.testing.assert_array_equal(decode(save(NOISE, tmp_path / "b.jpg", exif=exif), 32)[0], turn(upright))


def test_broken_exif_asks_for_no_rotation(tmp_path):
    pixels = decode(save(NOISE, tmp_path / "a.jpg"), 32)[0]
    path = save(NOISE, tmp_path / "b.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(path, 32)[0], pixels)


# --- what holds nothing, or too much


@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_images_are_no_images(tmp_path, value):
    for array in (np.full((40, 40, 3), value, np.uint8), np.full((40, 40), value, np.uint8)):
        with pytest.raises(UnusableImageError, match=rf"constant image: all pixels are \({value}, {value}, {value}\)"):
            decode(save(array, tmp_path / "a.png"), 32)
    almost = np.full((32, 32, 3), value, np.uint8)
    almost[3, 4, 1] = 128
    assert decode(save(almost, tmp_path / "b.png"), 32)[0].max() >= 128


def test_images_too_large_to_decode_are_told_by_their_size(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 1e5
    with pytest.raises(UnusableImageError, match="too large: 9000 x 9000 pixels"):
        decode(tmp_path / "a.png", 32)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n(/etc/passwd) (r) file\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>',
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00",
        b"MZ\x90\x00" * 50,
    ],
)
def test_files_of_other_kinds_are_no_images(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnusableImageError, match="unreadable: cannot identify image file"):
        decode(tmp_path / "a.jpg", 16)


# --- FITS


@pytest.mark.parametrize("bands", [1, 3])
def test_fits_cut_outs_are_stretched_from_the_sky_up(tmp_path, caplog, bands):
    caplog.set_level("INFO")
    paths = [write_fits(np.squeeze(cutout(bands, seed)), tmp_path / f"{seed}.fits") for seed in range(3)]
    brightness = find_brightness(paths, Brightness())
    np.testing.assert_allclose(brightness.stretch.sky, 100, atol=2)
    assert 40 < brightness.stretch.stretch < 160
    assert "FITS images: sky 10" in caplog.text
    pixels, side = decode(paths[0], 64, brightness)
    assert (pixels.shape, pixels.dtype, side) == ((64, 64, 3), np.uint8, 64)
    grey = pixels.mean(axis=-1)
    assert grey[:8, :8].mean() < 15  # the sky is nearly black, but its noise is seen
    assert grey[:8, :8].std() > 0.3
    assert grey[31:33, 31:33].mean() > 100
    middle = pixels[31, 31].astype(int)
    if bands == 1:
        assert middle[0] == middle[1] == middle[2]
    else:
        assert middle[0] > middle[1] > middle[2]  # the last plane is red


def test_the_stretch_is_that_of_lupton(tmp_path):
    """Brightness, of a pixel that is as bright in all bands, is asinh(Q x / stretch), up to a factor."""
    values = np.linspace(0, 500, 32 * 32, dtype=np.float32).reshape(32, 32)
    stretch = AsinhStretch(sky=(10.0,), stretch=20.0, Q=5.0)
    pixels = decode(write_fits(values + 10, tmp_path / "a.fits"), 32, Brightness(stretch=stretch))[0][::-1, :, 0]
    expected = np.arcsinh(5 * values / 20) / np.arcsinh(0.1 * 5) * 0.1 * 255
    np.testing.assert_allclose(pixels, np.minimum(expected, 255), atol=1.5)


def test_what_is_given_is_not_looked_for(tmp_path):
    path = write_fits(cutout(3), tmp_path / "a.fits")
    given = AsinhStretch(sky=(90.0, 95.0, 100.0), stretch=50.0)
    assert find_brightness([path], Brightness(stretch=given)).stretch == given


def test_the_bands_can_be_named(tmp_path):
    path = write_fits(cutout(3), tmp_path / "a.fits")
    stretch = AsinhStretch(sky=(100.0,), stretch=60.0)
    red_first, blue_first = (
        decode(path, 64, Brightness(stretch=stretch._replace(bands=bands)))[0] for bands in ((2, 1, 0), (0, 1, 2))
    )
    np.testing.assert_array_equal(red_first, blue_first[..., ::-1])


def test_compressed_scaled_and_second_images_are_read(tmp_path):
    from astropy.io import fits

    data = cutout(1)[0]
    plain = read_bands(write_fits(data, tmp_path / "a.fits"), lambda *_: None)
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    np.testing.assert_array_equal(read_bands(tmp_path / "b.fits.gz", lambda *_: None), plain)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(tmp_path / "c.fits")
    np.testing.assert_array_equal(read_bands(tmp_path / "c.fits", lambda *_: None), plain)
    scaled = fits.PrimaryHDU(data)
    scaled.scale("int16", bzero=300, bscale=0.02)
    scaled.writeto(tmp_path / "d.fits")
    np.testing.assert_allclose(read_bands(tmp_path / "d.fits", lambda *_: None), plain, atol=0.02)


def test_pixels_that_are_not_finite_are_black(tmp_path):
    data = cutout(1)[0]
    data[:5] = np.nan
    data[-1, 0] = np.inf
    path = write_fits(data, tmp_path / "a.fits")
    background = measure_background(read_bands(path, lambda *_: None))
    np.testing.assert_allclose([*background.sky_B, *background.noise_B], [100, 2], atol=1.5)
    pixels = decode(path, 64, Brightness(stretch=AsinhStretch(sky=(50.0,), stretch=60.0)))[0]
    assert pixels[-5:].max() == 0  # the first row of FITS is the lowest
    assert pixels[0, 0].max() == 0
    assert pixels[5:-5].min() > 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.full((40, 40), 7.5), "constant image"),
        (np.full((40, 40), np.nan), "no pixel is a finite number"),
        (np.zeros((4, 40, 40)), "4 planes, not one or three"),
        (np.zeros((2, 3, 40, 40)), "2 x 3 planes, not one or three"),
        (np.zeros(40), "a FITS file without an image"),
        (np.zeros((40, 50)), "not square: 50 x 40"),
        (np.zeros((20, 20)), "smaller than the stored size 32"),
    ],
)
def test_fits_files_that_are_no_cut_outs_have_a_reason(tmp_path, data, reason):
    with pytest.raises(UnusableImageError, match=reason):
        decode(write_fits(data, tmp_path / "a.fits"), 32)


def test_a_fits_header_that_promises_too_much_is_not_believed(tmp_path):
    path = write_fits(np.zeros((40, 40)), tmp_path / "a.fits")
    content = path.read_bytes().replace(b"NAXIS1  =                   40", b"NAXIS1  =              1000000")
    path.write_bytes(content.replace(b"NAXIS2  =                   40", b"NAXIS2  =              1000000"))
    with pytest.raises(UnusableImageError, match="too large: 1000000 x 1000000"):
        decode(path, 32)
    path.write_bytes(content[:2880])
    with pytest.raises(UnusableImageError, match=r"not square|unreadable"):
        decode(path, 32)


@settings(max_examples=60, deadline=None)
@given(
    position=st.integers(0, 3000),
    junk=st.binary(min_size=1, max_size=60),
    kind=st.sampled_from(["fits", "png", "jpg", "tif"]),
)
def test_a_damaged_image_is_decoded_or_has_a_reason(tmp_path_factory, position, junk, kind):
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"whole.{kind}"
    if not path.exists():
        write_fits(cutout(1, side=32)[0], path) if kind == "fits" else save(NOISE, path)
    content = path.read_bytes()
    damaged = folder / f"damaged.{kind}"
    damaged.write_bytes(content[:position] + junk + content[position + len(junk) :])
    try:
        pixels, side = decode(damaged, 16)
    except UnusableImageError:
        return
    assert pixels.shape == (16, 16, 3)
    assert side >= 16


# --- for people


def shown(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_people_see_files_that_browsers_show_as_they_are(tmp_path, suffix):
    path = save(NOISE, tmp_path / f"a{suffix}")
    content, format = viewable(path, AS_THEY_ARE, ("PNG", "JPEG"))
    assert content == path.read_bytes()
    assert format == {".png": "PNG", ".jpg": "JPEG"}[suffix]


def test_people_see_other_images_as_models_do(tmp_path):
    paths = [
        deep(4095, tmp_path / "a.png"),
        deep(4000, tmp_path / "b.tif"),
        save(NOISE, tmp_path / "c.tif"),
        png_of_16_bits_a_channel(NOISE * np.uint16(257), tmp_path / "d.png"),
    ]
    brightness = Brightness(found_white=4095)
    for path in paths:
        of = AS_THEY_ARE if path.name == "d.png" else brightness
        content, format = viewable(path, of, ("PNG", "JPEG"))
        assert format == "PNG"
        np.testing.assert_array_equal(shown(content), decode(path, 32, of)[0])
    fits = [write_fits(cutout(3, seed), tmp_path / f"{seed}.fits") for seed in range(3)]
    brightness = find_brightness(fits, Brightness())
    content, _ = viewable(fits[0], brightness, ("PNG", "JPEG"))
    np.testing.assert_array_equal(shown(content), decode(fits[0], 64, brightness)[0])


def test_a_file_that_is_too_large_becomes_smaller_until_it_is_not(tmp_path):
    noise = RNG.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    path = save(noise, tmp_path / "a.png")
    content, format = viewable(path, AS_THEY_ARE, ("PNG",), 60_000)
    assert (format, len(content) <= 60_000) == ("JPEG", True)
    content, _ = viewable(path, AS_THEY_ARE, ("PNG",), 10_000)
    assert len(content) <= 10_000
    assert shown(content).shape[0] < 300


def test_what_cannot_be_shown_has_a_reason(tmp_path):
    (tmp_path / "a.png").write_bytes(b"none")
    with pytest.raises(UnusableImageError, match="unreadable"):
        viewable(tmp_path / "a.png", AS_THEY_ARE, ("PNG",))
    with pytest.raises(OSError, match=r"b\.png"):
        viewable(tmp_path / "b.png", AS_THEY_ARE, ("PNG",))
