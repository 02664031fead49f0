"""What fuzzing starts from, what it has found, and files that Hypothesis makes: see fuzzing/README.md."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from activezoo.survey.decoding import decode
from fuzzing import targets

FOLDER = Path(__file__).parent / "fuzzing"

pytest.importorskip("astropy")
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", targets.TARGETS)
def test_seeds_and_what_was_found_are_read_or_refused(name, tmp_path):
    found = sorted((FOLDER / "corpus" / name).iterdir())
    for data in [*targets.seeds(name), *(path.read_bytes() for path in found)]:
        targets.TARGETS[name](data, tmp_path)


def test_the_corpus_is_small():
    files = [path for path in (FOLDER / "corpus").rglob("*") if path.is_file()]
    assert files
    assert sum(path.stat().st_size for path in files) < 100_000


@pytest.mark.parametrize("name", targets.TARGETS)
@few
@given(st.data())
def test_a_torn_or_spoilt_file_is_read_or_refused(name, tmp_path, data):
    whole = data.draw(st.sampled_from(targets.seeds(name)))
    torn = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, max(0, len(torn) - 1)), max_size=4)) if torn else ():
        torn[place] = data.draw(st.integers(0, 255))
    targets.TARGETS[name](bytes(torn), tmp_path)


@few
@given(
    size=st.integers(17, 40),
    mode=st.sampled_from(["RGB", "L", "LA", "RGBA", "P", "CMYK", "1"]),
    kind=st.sampled_from(["PNG", "TIFF", "JPEG", "BMP", "GIF", "WEBP"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_image_of_any_kind_becomes_pixels_of_one_size(tmp_path, size, mode, kind, seed):
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[: size // 2] = rng.integers(100, 256, 3)
    image = Image.fromarray(pixels).convert(mode)
    try:
        image.save(tmp_path / "image", kind)
    except (OSError, ValueError):  # not every kind has every mode
        return
    decoded, side = decode(tmp_path / "image", 16)
    assert (decoded.shape, decoded.dtype, side) == ((16, 16, 3), np.uint8, size)
    assert decoded[:6].mean() > decoded[10:].mean() + 50 or mode in ("LA", "RGBA")
