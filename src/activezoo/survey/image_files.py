"""The image files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from activezoo.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def image_files(folder: Path) -> pd.Series:
    """Paths of the images in a folder, at any depth, by name without suffix."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    # One walk through the folder: asking for each file in turn takes minutes on a network file system.
    found = [
        (stem, os.path.join(parent, stem + suffix))
        for parent, files in _walk(folder)
        for stem, suffix in map(os.path.splitext, files)
        if suffix.lower() in IMAGE_SUFFIXES and not stem.startswith("._")
    ]
    if not found:
        raise InputError(f"{folder}: no image ({', '.join(IMAGE_SUFFIXES)}) in it or below")
    return pd.DataFrame(found, columns=["name", "image"]).set_index("name")["image"]


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders at any depth with the names of their files; each real folder once, however many links lead there."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            folders.clear()  # by a link, perhaps to a parent, in which the walk would go round for ever
            continue
        seen.add(identity)
        folders.sort()  # so that the same link is followed whichever order the file system gives
        yield parent, files
