"""The image files of a folder, however its folders and links lie."""

import os

import pandas as pd
import pytest

from activezoo.errors import InputError
from activezoo.survey.catalogue import FolderSurvey
from activezoo.survey.image_files import ImageStream, image_files


@pytest.fixture
def folder(tmp_path):
    """Two images, one of them deeper."""
    (tmp_path / "images/deep/deeper").mkdir(parents=True)
    (tmp_path / "images/a.jpg").touch()
    (tmp_path / "images/deep/deeper/b.PNG").touch()
    return tmp_path / "images"


def found(folder):
    files = image_files(folder)
    assert all(os.path.isfile(path) for path in files)
    return sorted(files.index)


@pytest.mark.parametrize("target", [".", "..", "deep", "deep/deeper", "../images"])
def test_links_between_folders_give_each_image_once(folder, target):
    (folder / "deep/link").symlink_to((folder / target).resolve(), target_is_directory=True)
    (folder / "link").symlink_to(folder / "deep", target_is_directory=True)
    assert found(folder) == ["a", "b"]


def test_links_that_go_round_end(folder):
    (folder / "deep/one").symlink_to(folder / "deep/two")
    (folder / "deep/two").symlink_to(folder / "deep/one")
    assert found(folder) == ["a", "b"]


def test_folders_and_images_elsewhere_are_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/c.jpeg").touch()
    (folder / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (folder / "d.jpg").symlink_to(tmp_path / "elsewhere/c.jpeg")
    assert found(folder) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "hidden", [".ipynb_checkpoints/a-checkpoint.jpg", "deep/.thumbnails/b.png", ".a.jpg", "._a.jpg", ".cache/x/c.jpg"]
)
def test_hidden_files_and_folders_are_passed_over(folder, hidden):
    (folder / hidden).parent.mkdir(exist_ok=True, parents=True)
    (folder / hidden).touch()
    assert found(folder) == ["a", "b"]


@pytest.mark.parametrize("target", ["..", "../..", "/"])
def test_links_out_of_the_folder_to_one_above_are_not_followed(folder, tmp_path, target):
    (tmp_path / "thumbnail.jpg").touch()
    (folder / "deep/up").symlink_to((folder / target).resolve(), target_is_directory=True)
    assert found(folder) == ["a", "b"]


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert found(tmp_path / "link") == ["a", "b"]


def test_names_of_two_files_stay_two(folder):
    (folder / "deep/a.jpg").touch()
    assert found(folder) == ["a", "a", "b"]


def test_no_image_and_no_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="no image"):
        image_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        image_files(tmp_path / "nowhere")


def test_the_first_kind_of_image_in_a_folder_counts(folder, caplog):
    caplog.set_level("INFO")
    for name in ("a.fits", "c.tif", "d.FITS.gz", "e.Fit"):
        (folder / "deep" / name).touch()
    assert found(folder) == ["a", "b"]
    assert "1 TIFF files are passed over, for there are JPEG or PNG images" in caplog.text
    assert "3 FITS files are passed over" in caplog.text
    for name in ("a.jpg", "deep/deeper/b.PNG"):
        (folder / name).unlink()
    assert found(folder) == ["c"]
    (folder / "deep/c.tif").unlink()
    assert found(folder) == ["a", "d", "e"]


@pytest.mark.parametrize(
    "name", ["new\nline", "$(touch sprung)", "`id`; rm -rf x", "quote'\"", " blank ", "*?[a]", "-rf"]
)
def test_any_name_is_a_name(folder, name):
    (folder / f"{name}.png").touch()
    (folder / f"folder {name}").mkdir()
    (folder / f"folder {name}" / f"{name}..png").touch()
    assert found(folder) == sorted(["a", "b", name, f"{name}."])


@pytest.mark.parametrize("bits", [0, 64])
def test_a_stream_of_images_gives_them_all_and_says_which_may_share_their_names(tmp_path, monkeypatch, bits):
    """Also where all names have the same hash."""
    if not bits:
        monkeypatch.setattr("activezoo.survey.image_files._hash", lambda name: 0)
    for name in ("z.png", "b/z.jpg", "b/a.jpg", "a/c.JPG", "a/table.fits"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = pd.concat(ImageStream(tmp_path))
    assert found["image"].tolist() == [str(tmp_path / name) for name in ("z.png", "a/c.JPG", "b/a.jpg", "b/z.jpg")]
    assert found["name"].tolist() == ["z", "c", "a", "z"]
    assert found["several"].tolist() == ([True, False, False, True] if bits else [True] * 4)
    galaxies, rejected = FolderSurvey(tmp_path, 0.5).read()
    assert (sorted(galaxies["id"].to_pylist()), rejected["id"].to_pylist()) == (["a", "c"], ["z", "z"])
