"""The files of a published survey, fetched once: catalogue, filename map and images."""

from __future__ import annotations

import logging
import os
import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pooch
import requests
from tqdm import tqdm

from activezoo.errors import InputError

# Bytes that a broken transfer loses at most.
CHUNK = 1 << 16

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """Where a file is published, and its checksum, "algorithm:digits", if that is published too."""

    url: str
    checksum: str | None = None


# Hart et al. 2016, and the images and their names of Zenodo record 3565489.
GALAXY_ZOO_2 = {
    "catalogue": Source("https://gz2hart.s3.amazonaws.com/gz2_hart16.csv.gz"),
    "filename_map": Source(
        "https://zenodo.org/records/3565489/files/gz2_filename_mapping.csv",
        "md5:7e28465e6dfbf96c0d828c595a5bbd80",
    ),
    "images": Source(
        "https://zenodo.org/records/3565489/files/images_gz2.zip",
        "md5:bc647032d31e50c798770cf4430525c7",
    ),
}


def download_release(
    catalogue: str | Path,
    filename_map: str | Path | None,
    images: str | Path,
    sources: Mapping[str, Source] = GALAXY_ZOO_2,
    *,
    attempts: int = 20,
    pause: float = 5.0,
) -> None:
    """Fetch what is missing of a release; what is there and whole is left alone.

    Parameters
    ----------
    catalogue, filename_map
        Where to put these files; without a filename map none is fetched.
    images
        Folder to unpack the archive of the images into; the archive stays beside it.
    sources
        Source of each of the three.
    attempts, pause
        How often to try each file, and seconds between.

    Raises
    ------
    InputError
        A file cannot be fetched, or is not the one published.
    """
    download(catalogue, sources["catalogue"], attempts=attempts, pause=pause)
    if filename_map:
        download(filename_map, sources["filename_map"], attempts=attempts, pause=pause)
    if Path(images).exists():
        log.info("%s: there already", images)
        return
    archive = Path(images).parent / source_name(sources["images"])
    download(archive, sources["images"], attempts=attempts, pause=pause)
    unpack(archive, images)


def source_name(source: Source) -> str:
    """Name of the file at the source."""
    return source.url.rpartition("/")[2]


def download(path: str | Path, source: Source, *, attempts: int = 20, pause: float = 5.0) -> None:
    """Fetch a file, resuming a broken transfer, and check that it is the one published.

    If no checksum is published, that of the first file seen is written beside it, in the format of sha256sum. From
    then on, the file must have that checksum.

    Raises
    ------
    InputError
        It cannot be fetched, or has another checksum.
    """
    path = Path(path)
    if path.suffix != Path(source_name(source)).suffix:
        raise InputError(f"{path}: name it like {source_name(source)}, the file at {source.url}, with the same suffix")
    record = path.with_name(f"{path.name}.sha256")
    checksum = source.checksum
    if checksum is None and record.exists():
        checksum = f"sha256:{record.read_text().split()[0]}"
    if path.exists():
        if checksum is not None and not _has_checksum(path, checksum):
            raise InputError(f"{path}: its checksum is not {checksum}; delete it and download again")
        log.info("%s: there already", path)
    else:
        downloader = ResumingDownloader(path.with_name(f"{path.name}.part"), attempts, pause)
        try:
            pooch.retrieve(source.url, checksum, path.name, path.parent, downloader=downloader)
        except requests.RequestException as error:
            raise InputError(f"{source.url}: {error}; run again to resume") from None
        except ValueError:
            raise InputError(
                f"{source.url}: the checksum of what came is not {checksum}; nothing was kept: run again, and if it "
                "comes back the published file has changed"
            ) from None
    if checksum is None:
        record.write_text(f"{pooch.file_hash(str(path), alg='sha256')}  {path.name}\n")


def _has_checksum(path: Path, checksum: str) -> bool:
    algorithm, _, digits = checksum.partition(":")
    return pooch.file_hash(str(path), alg=algorithm) == digits


class ResumingDownloader:
    """A downloader for Pooch that keeps what a broken transfer brought and asks for the rest.

    Pooch itself starts every transfer from the first byte.
    """

    def __init__(self, partial: Path, attempts: int, pause: float):
        self.partial = partial
        self.attempts = attempts
        self.pause = pause

    def __call__(self, url: str, output_file: str, _: pooch.Pooch | None) -> None:
        for attempt in range(1, self.attempts + 1):
            try:
                self._transfer(url)
                break
            except requests.RequestException as error:
                if attempt == self.attempts or getattr(error.response, "status_code", None) in (403, 404, 410):
                    raise
                log.warning("%s; trying again in %g s (%d of %d)", error, self.pause, attempt, self.attempts)
                time.sleep(self.pause)
        os.replace(self.partial, output_file)

    def _transfer(self, url: str) -> None:
        have = self.partial.stat().st_size if self.partial.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=60) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                return  # there is no more to come: the checksum tells whether that is right
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0  # the server cannot resume
            left = response.headers.get("Content-Length")
            progress = tqdm(
                desc=self.partial.stem,
                initial=have,
                total=have + int(left) if left else None,
                unit="B",
                unit_scale=True,
                mininterval=1,
            )
            with self.partial.open("ab" if have else "wb") as file, progress:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    progress.update(len(chunk))


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a zip archive into a new folder, which appears only when it is complete; files of macOS are left out.

    Raises
    ------
    InputError
        The archive is broken.
    """
    archive, folder = Path(archive), Path(folder)
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as members:
            names = [
                name
                for name in members.namelist()
                if not (name.startswith("__MACOSX/") or Path(name).name.startswith("._") or name.endswith("/"))
            ]
            partial.mkdir(parents=True)
            # ZipFile.extract keeps every member inside the folder, whatever path it claims.
            for name in tqdm(names, desc=archive.name, unit=" files", mininterval=1):
                members.extract(name, partial)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{archive}: not a whole zip archive ({error}); delete it and download again") from None
    os.replace(partial, folder)
    log.info("%s: %d files", folder, len(names))
