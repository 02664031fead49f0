"""Images from the files that people have to the numbers that networks see, and back from their shards."""

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from activezoo import tables
from activezoo.cli import main
from activezoo.errors import InputError
from activezoo.survey import decoding, image_shards, images
from activezoo.survey.shards import shard_rows

RNG = np.random.default_rng(1)
NOISE = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)


def others(number):
    """So many images, no two of them the same."""
    return [np.roll(NOISE, shift, axis=0) for shift in range(number)]


def save(array, path, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def galaxies_of(folder, arrays):
    """Write images and the table that names them."""
    paths = [str(save(array, folder / f"{number}.png")) for number, array in enumerate(arrays)]
    tables.write(
        {"id": [f"galaxy {number}" for number in range(len(paths))], "image": paths}, folder / "galaxies.parquet"
    )
    return folder / "galaxies.parquet"


def store(galaxies, shards, size=32, max_rejected=0.05):
    folder = galaxies.parent
    parts = [
        [folder / f"shard_{shard}.{part}" for part in ("tfrecord", "index", "rejected")] for shard in range(shards)
    ]
    for shard, (output, index, rejected) in enumerate(parts):
        image_shards.write_shard(galaxies, shard, shards, size, output, index, rejected)
    _, indexes, rejected = zip(*parts, strict=True)
    outputs = [folder / "index.parquet", folder / "rejected.parquet"]
    image_shards.merge_indexes(galaxies, indexes, rejected, *outputs, max_rejected)
    return tables.read(folder / "index.parquet")


# --- decoding


def test_colour_is_kept(tmp_path):
    pixels, side = decoding.decode(save(NOISE, tmp_path / "a.png"), 32)
    assert pixels.dtype == np.uint8
    assert side == 32
    np.testing.assert_array_equal(pixels, NOISE)


def test_jpeg_is_what_pillow_reads(tmp_path):
    path = save(NOISE, tmp_path / "a.jpg")
    np.testing.assert_array_equal(decoding.decode(path, 32)[0], np.asarray(Image.open(path)))


def test_grey_becomes_three_equal_channels(tmp_path):
    for suffix in (".png", ".jpg"):
        path = save(NOISE[..., 0], tmp_path / f"a{suffix}")
        expected = np.asarray(Image.open(path))
        np.testing.assert_array_equal(decoding.decode(path, 32)[0], np.stack([expected] * 3, axis=-1))


def test_sixteen_bits_are_scaled(tmp_path):
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    pixels, _ = decoding.decode(save(ramp, tmp_path / "a.png"), 32)
    assert pixels.min() == 0
    assert pixels.max() == 255
    np.testing.assert_allclose(pixels[..., 0], ramp / 257, atol=1)


def test_transparency_becomes_black(tmp_path):
    alpha = RNG.integers(0, 256, (32, 32, 1), dtype=np.uint8)
    pixels, _ = decoding.decode(save(np.concatenate([NOISE, alpha], axis=-1), tmp_path / "a.png"), 32)
    np.testing.assert_allclose(pixels, NOISE * (alpha / 255), atol=1)
    pixels, _ = decoding.decode(save(np.concatenate([NOISE[..., :1], alpha], axis=-1), tmp_path / "b.png"), 32)
    np.testing.assert_allclose(pixels, np.repeat(NOISE[..., :1] * (alpha / 255), 3, axis=-1), atol=1)


def test_palettes_are_resolved(tmp_path):
    path = save(NOISE, tmp_path / "a.png", mode="P")
    np.testing.assert_array_equal(decoding.decode(path, 32)[0], np.asarray(Image.open(path).convert("RGB")))
    transparent = Image.open(path).getpixel((5, 7))
    Image.open(path).save(tmp_path / "b.png", transparency=transparent)
    assert decoding.decode(tmp_path / "b.png", 32)[0][7, 5].tolist() == [0, 0, 0]


def test_resizing_keeps_the_light_and_does_not_overshoot(tmp_path):
    stars = np.full((424, 424, 3), 40, np.uint8)
    stars[204:220, 204:220] = 250
    pixels, side = decoding.decode(save(stars, tmp_path / "a.png"), 256)
    assert pixels.shape == (256, 256, 3)
    assert side == 424
    assert pixels.min() == 40
    assert pixels.max() == 250
    assert abs(pixels.mean() - stars.mean()) < 0.05
    np.testing.assert_array_equal(pixels, pixels[::-1])  # nothing is shifted
    np.testing.assert_array_equal(pixels, pixels.transpose(1, 0, 2))


def encoded(kind):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable: cannot identify image file"),
        (b"<html>not found</html>", "unreadable: cannot identify image file"),
        (encoded("JPEG")[:400], "unreadable: "),
        (encoded("JPEG")[:-100], "unreadable: .*truncated"),
        (encoded("PNG")[:-100], "unreadable: "),
        (encoded("PNG")[:100] + bytes(50) + encoded("PNG")[150:], "unreadable: "),
    ],
)
def test_broken_images_have_a_reason(tmp_path, content, reason):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(decoding.UnusableImageError, match=reason):
        decoding.decode(tmp_path / "a.jpg", 32)


def test_unusable_images_have_a_reason(tmp_path):
    save(NOISE[:20], tmp_path / "wide.png")
    with pytest.raises(decoding.UnusableImageError, match="not square: 32 x 20 pixels"):
        decoding.decode(tmp_path / "wide.png", 16)
    with pytest.raises(decoding.UnusableImageError, match="smaller than the stored size 33: 32 x 32 pixels"):
        decoding.decode(save(NOISE, tmp_path / "small.png"), 33)
    with pytest.raises(decoding.UnusableImageError, match="pixels of mode F, whose range is unknown"):
        decoding.decode(save(NOISE[..., 0].astype(np.float32), tmp_path / "float.tif"), 32)
    with pytest.raises(decoding.UnusableImageError, match="No such file"):
        decoding.decode(tmp_path / "absent.png", 32)


# --- shards


@given(galaxies=st.integers(0, 10**6), shards=st.integers(1, 200))
def test_shards_share_the_galaxies(galaxies, shards):
    rows = shard_rows(galaxies, shards)
    assert len(rows) == shards
    assert rows[0][0] == 0
    assert rows[-1][1] == galaxies
    assert all(stop == start for (_, stop), (start, _) in pairwise(rows))
    sizes = [stop - start for start, stop in rows]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_round_trip(tmp_path, shards):
    arrays = RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    index = store(galaxies_of(tmp_path, arrays), shards)
    assert index["id"].to_pylist() == [f"galaxy {number}" for number in range(5)]
    assert index.select(["shard", "offset"]).schema == pa.schema({"shard": pa.int32(), "offset": pa.int64()})
    np.testing.assert_array_equal(images.read_pixels(index, tmp_path), arrays)
    order = np.array([3, 0, 4, 4, 1])
    np.testing.assert_array_equal(images.read_pixels(index.take(order), tmp_path), arrays[order])


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_grey_reader(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(images, "IN_MEMORY", in_memory)
    arrays = RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    store(galaxies_of(tmp_path, arrays), 2)
    index = tmp_path / "index.parquet"
    read = images.grey_reader(index, ["galaxy 4", "galaxy 0", "galaxy 2"], stored_size=32)
    expected = images.grey(arrays[[4, 0, 2]])
    np.testing.assert_array_equal(read(slice(1, 3)), expected[1:])
    np.testing.assert_array_equal(read(np.array([2, 0])), expected[[2, 0]])
    with pytest.raises(InputError, match=r"index.parquet: no image of galaxy other"):
        images.grey_reader(index, ["galaxy 4", "other"])
    images.grey_reader(index, [], stored_size=16)


def test_images_of_another_size_than_the_model_was_trained_on(tmp_path):
    store(galaxies_of(tmp_path, others(2)), 1)
    index, ids = tmp_path / "index.parquet", ["galaxy 1", "galaxy 0"]
    message = r"index.parquet: images are stored with 32 pixels a side, but the model was trained on images of 24; set"
    with pytest.raises(InputError, match=message):
        images.grey_reader(index, ids, stored_size=24)
    assert images.grey_reader(index, ids)(slice(2)).shape == (2, 32, 32)


def test_rejected_images_are_counted(tmp_path):
    galaxies = galaxies_of(tmp_path, RNG.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8))
    (tmp_path / "3.png").write_bytes(encoded("PNG")[:-100])
    save(NOISE[:20], tmp_path / "8.png")
    index = store(galaxies, 3, max_rejected=0.2)
    assert index["id"].to_pylist() == [f"galaxy {number}" for number in (0, 1, 2, 4, 5, 6, 7, 9)]
    first, second = tables.read(tmp_path / "rejected.parquet").to_pylist()
    assert first["id"] == "galaxy 3"
    assert first["image"] == str(tmp_path / "3.png")
    assert first["reason"].startswith("unreadable: ")
    assert (second["id"], second["reason"]) == ("galaxy 8", "not square: 32 x 20 pixels")
    with pytest.raises(InputError, match=r"2 of 10 images cannot be used.*1 not square.*\(first: .*3\.png\)"):
        store(galaxies, 3, max_rejected=0.19)


def test_steps(tmp_path):
    galaxies = galaxies_of(tmp_path, others(3))
    expected = store(galaxies, 2)
    made = tmp_path / "made"
    parts = []
    for shard in range(2):
        records, index, rejected = (made / f"shard_{shard}.{part}" for part in ("tfrecord", "index", "rejected"))
        outputs = [f"--records={records}", f"--index={index}", f"--rejected={rejected}"]
        which = [f"--galaxies={galaxies}", f"--shard={shard}", "--shards=2", "--stored-size=32", "--Q=8"]
        assert main(["store_images", *which, *outputs]) == 0
        parts += [f"--shard-indexes={index}", f"--shard-rejections={rejected}"]
    outputs = [f"--index={made}/index.parquet", f"--rejected={made}/rejected.parquet"]
    assert main(["index_images", f"--galaxies={galaxies}", *parts, "--max-rejected=0", *outputs]) == 0
    assert tables.read(made / "index.parquet").equals(expected)
    assert tables.read(made / "rejected.parquet").num_rows == 0
    np.testing.assert_array_equal(images.read_pixels(expected, made), others(3))


def test_other_sizes_are_counted(tmp_path, caplog):
    galaxies = galaxies_of(tmp_path, [*others(2), np.repeat(np.repeat(NOISE, 2, axis=0), 2, axis=1)])
    store(galaxies, 1)
    assert "images of several sizes, all taken for the same field of view: 2 of 32, 1 of 64 pixels" in caplog.text


def test_shards_of_other_galaxies(tmp_path):
    store(galaxies_of(tmp_path, others(4)), 2)
    tables.write({"id": ["a"], "image": ["a.png"]}, tmp_path / "galaxies.parquet")
    parts = [[tmp_path / f"shard_{shard}.{part}" for shard in range(2)] for part in ("index", "rejected")]
    with pytest.raises(InputError, match="1 galaxies, but the shards are of 4"):
        image_shards.merge_indexes(tmp_path / "galaxies.parquet", *parts, tmp_path / "i", tmp_path / "r", 0.05)


@pytest.mark.parametrize("copies", [[0, 0, 1, 2], [0, 1, 2, 0, 1], [1, 1, 1, 0]])
def test_copies_of_an_image_are_rejected_all_of_them(tmp_path, copies):
    """Else a galaxy could be in the test set under one id, and trained on under another."""
    once = [f"galaxy {place}" for place, image in enumerate(copies) if copies.count(image) == 1]
    index = store(galaxies_of(tmp_path, [others(3)[image] for image in copies]), 2, max_rejected=0.9)
    assert index["id"].to_pylist() == once
    assert index.column_names == ["id", "image", "shard", "offset", "size"]
    rejected = tables.read(tmp_path / "rejected.parquet").to_pylist()
    assert len(rejected) == len(copies) - len(once)
    assert {row["reason"] for row in rejected} == {"same image as that of another galaxy"}


def test_damaged_shards(tmp_path):
    index = store(galaxies_of(tmp_path, others(4)), 2)
    shard = tmp_path / "shard_1.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-5])
    np.testing.assert_array_equal(images.read_pixels(index.slice(0, 3), tmp_path), others(3))
    with pytest.raises(InputError, match=r"shard_1.tfrecord: shorter than its index says; delete it and run again"):
        images.read_pixels(index, tmp_path)
    shard.unlink()
    with pytest.raises(InputError, match=r"shard_1.tfrecord: no such file"):
        images.read_pixels(index, tmp_path)


def test_images_of_two_sizes(tmp_path):
    index = pa.table({"shard": [0, 0], "offset": [0, 100], "size": [32, 16]})
    with pytest.raises(InputError, match=r"sizes \[16, 32\], not one size"):
        images.read_pixels(index, tmp_path)


def test_a_shard_is_the_same_bytes_every_time(tmp_path):
    galaxies = galaxies_of(tmp_path, RNG.integers(0, 256, (4, 40, 40, 3), dtype=np.uint8))
    store(galaxies, 1)
    first = (tmp_path / "shard_0.tfrecord").read_bytes()
    store(galaxies, 1)
    assert (tmp_path / "shard_0.tfrecord").read_bytes() == first


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    path = str(save(RNG.integers(0, 256, (128, 128, 3), dtype=np.uint8), tmp_path / "a.png"))
    peaks = []
    for number in (5, 5, 100):  # the first call imports
        tables.write({"id": list(map(str, range(number))), "image": [path] * number}, tmp_path / "galaxies.parquet")
        tracemalloc.start()
        image_shards.write_shard(tmp_path / "galaxies.parquet", 0, 1, 128, *(tmp_path / name for name in "abc"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 128 * 128 * 3


@given(pixels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9).map(lambda s: (*s, 3))))
def test_grey_is_the_mean(pixels):
    result = images.grey(pixels)
    assert result.dtype == np.float32
    assert result.shape == pixels.shape[:-1]
    np.testing.assert_allclose(result, pixels.mean(axis=-1) / 255, atol=1e-7)
    assert result.min(initial=0) >= 0
    assert result.max(initial=0) <= 1


# --- as other programs see it


def parse(tensorflow, record):
    features = {name: tensorflow.io.FixedLenFeature([], kind) for name, kind in (("id", "string"), ("image", "string"))}
    features["size"] = tensorflow.io.FixedLenFeature([], "int64")
    example = tensorflow.io.parse_single_example(record, features)
    size = example["size"]
    return example["id"], tensorflow.reshape(tensorflow.io.decode_raw(example["image"], "uint8"), (size, size, 3))


def test_tensorflow_reads_the_same_bits(tensorflow, tmp_path):
    arrays = RNG.integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)
    index = store(galaxies_of(tmp_path, arrays), 2, size=36)
    records = tensorflow.data.TFRecordDataset([str(tmp_path / f"shard_{shard}.tfrecord") for shard in range(2)])
    ids, pixels = zip(*(parse(tensorflow, record) for record in records), strict=True)
    assert [galaxy.numpy().decode() for galaxy in ids] == index["id"].to_pylist()
    np.testing.assert_array_equal(np.stack(pixels), images.read_pixels(index, tmp_path))


@settings(max_examples=30, deadline=None)
@given(galaxy=st.text(max_size=200), size=st.integers(1, 50))
def test_tensorflow_reads_any_example(tensorflow, galaxy, size):
    pixels = RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)
    name, read = parse(tensorflow, image_shards._example(galaxy, size, pixels.tobytes()))
    assert name.numpy() == galaxy.encode()
    np.testing.assert_array_equal(read, pixels)
