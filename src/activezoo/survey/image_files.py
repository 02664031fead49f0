"""The image files of a folder."""

from __future__ import annotations

import logging
import os
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo.errors import InputError

log = logging.getLogger(__name__)

# Kinds of images, by their suffixes. Of several kinds in a folder, the first counts.
KINDS = {
    "JPEG or PNG": (".jpg", ".jpeg", ".png"),
    "TIFF": (".tif", ".tiff"),
    "FITS": (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz"),
}
_KIND = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes}


def image_files(folder: Path) -> pd.Series:
    """Paths of the images in a folder, at any depth, by name without suffix.

    They are those of the first of `KINDS` that there is. So a mask or table in FITS beside a JPEG is no image. Hidden
    files and folders, such as `.ipynb_checkpoints`, are passed over. In names that are not UTF-8, what is not is
    escaped.
    """
    found = {kind: [] for kind in KINDS}
    for kind, files in _images(folder):
        found[kind] += files
    counted = _kind_that_counts(folder, {kind: len(files) for kind, files in found.items()})
    return pd.DataFrame(found[counted], columns=["name", "image"]).set_index("name")["image"]


class ImageStream:
    """The images of `image_files`, a folder at a time: only the names of one folder must fit into memory.

    Attributes
    ----------
    number
        How many there are.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        hashes = {kind: array("Q") for kind in KINDS}
        for kind, files in _images(folder):
            hashes[kind].extend(_hash(name) for name, _ in files)
        self._kind = _kind_that_counts(folder, {kind: len(of) for kind, of in hashes.items()})
        self.number = len(hashes[self._kind])
        in_order = np.frombuffer(hashes[self._kind], np.uint64)
        in_order.sort()  # in place, for memory
        self._several = set(in_order[1:][in_order[1:] == in_order[:-1]].tolist())

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Columns name, image and `several`: if false, no other image has this name.

        They come in order of their folders, and of their names in each.
        """
        for kind, files in _images(self._folder):
            if kind == self._kind:
                rows = pd.DataFrame(sorted(files), columns=["name", "image"])
                yield rows.assign(several=[_hash(name) in self._several for name in rows["name"]])


def _images(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Kind of images, with name and path of each, a folder and kind at a time."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images; correct survey.release.images")
    # One walk through the folder: asking for each file in turn takes minutes on a network file system.
    for parent, files in _walk(folder):
        found = defaultdict(list)
        for file in files:
            stem, suffix = _split_suffix(file)
            kind = _KIND.get(suffix.lower())
            if kind and not file.startswith("."):
                found[kind].append((_text(stem), _text(os.path.join(parent, file))))
        yield from found.items()


def _kind_that_counts(folder: Path, numbers: Mapping[str, int]) -> str:
    """The first kind of which there are images; the others are told of."""
    kinds = [kind for kind in KINDS if numbers[kind]]
    if not kinds:
        raise InputError(f"{folder}: no image ({', '.join(_KIND)}) in it or below; correct survey.release.images")
    for kind in kinds[1:]:
        log.info("%s: %d %s files are passed over, for there are %s images", folder, numbers[kind], kind, kinds[0])
    return kinds[0]


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest())


def _text(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def name_without_suffix(path: str) -> str:
    """Last part of a path, without the suffix of an image."""
    file = path.rpartition("/")[2]
    stem, suffix = _split_suffix(file)
    return stem if suffix.lower() in _KIND else file


def _split_suffix(file: str) -> tuple[str, str]:
    """Name and suffix; of a compressed file, both suffixes."""
    stem, suffix = os.path.splitext(file)
    if suffix.lower() == ".gz":
        stem, first = os.path.splitext(stem)
        return stem, first + suffix
    return stem, suffix


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders at any depth with the names of their files; each real folder once, however many links lead there.

    A link to a folder above, such as `up -> ..`, leads out of the folder of images, and is not followed.
    """
    seen = set()
    above = {(status.st_dev, status.st_ino) for status in map(os.stat, folder.resolve().parents)}
    for parent, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        identity = (status.st_dev, status.st_ino)
        if identity in seen or identity in above:
            folders.clear()  # by a link, perhaps to a parent, in which the walk would go round for ever
            continue
        seen.add(identity)
        # Sorted, so that the same link is followed whichever order the file system gives.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield parent, files
