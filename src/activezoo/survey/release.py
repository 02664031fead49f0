"""The files of a published survey, fetched once: catalogue, filename map and images."""

from __future__ import annotations

import fcntl
import gzip
import json
import logging
import os
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pooch
import requests
import urllib3
from tqdm import tqdm

from activezoo.errors import InputError
from activezoo.survey.layout import FIRST_DOWNLOAD
from activezoo.tables import flush, whole_file

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


def download(
    path: str | Path, source: Source, *, attempts: int = 20, pause: float = 5.0, timeout: float = 60.0
) -> None:
    """Fetch a file, resuming a broken transfer, and check that it is whole and the one published.

    If no checksum is published, the file must be compressed: it counts as whole if it can be unpacked. The checksum of
    the first one seen is written beside it, in the format of sha256sum, and from then on, the file must have that one.

    Parameters
    ----------
    path
        Where to put it. Until it is whole, what came is in a file of this name and `.part`.
    source
        Where it is published.
    attempts, pause
        How often to try without getting any further, and seconds between. A server may ask for more.
    timeout
        Seconds without a byte, after which a transfer counts as broken.

    Raises
    ------
    InputError
        It cannot be fetched, is not whole or has another checksum.
    """
    path = Path(path)
    if path.suffix != Path(source_name(source)).suffix:
        raise InputError(f"{path}: name it like {source_name(source)}, the file at {source.url}, with the same suffix")
    if source.checksum is None and path.suffix not in READERS:
        raise ValueError(
            f"{source.url}: without a checksum, only {' and '.join(READERS)} files can be seen to be whole"
        )
    first_seen = first_seen_checksum(path)
    checksum = source.checksum or (first_seen and f"sha256:{first_seen}")
    if path.exists():
        if not pooch.hashes.hash_matches(str(path), checksum):
            raise InputError(f"{path}: its checksum is not {checksum}; delete it and download again")
        log.info("%s: there already", path)
    else:
        transfer = Transfer(path, source.url, resumes_blindly=checksum is not None)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with transfer.alone():
                _persist(transfer, attempts, pause, timeout)
                _check_whole(transfer, checksum)
                flush(transfer.partial)
                os.replace(transfer.partial, path)
                flush(path.parent)
                transfer.forget()
        except BROKEN as error:
            raise InputError(f"{source.url}: {error}; run again to resume") from None
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}; run again to resume") from None
    if checksum is None:
        with whole_file(_record(path)) as record:
            record.write_text(f"{pooch.file_hash(str(path), alg='sha256')}  {path.name}\n")


def first_seen_checksum(path: str | Path) -> str | None:
    """SHA-256 of the first file seen, if none is published; None for any other file.

    Raises
    ------
    InputError
        The record of it is damaged.
    """
    record = _record(path)
    if not record.exists():
        return None
    found = re.match(r"[0-9a-f]{64}\b", record.read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise InputError(f"{record}: not a line of sha256sum; delete it, then the checksum of the next download counts")
    return found[0]


def _record(path: str | Path) -> Path:
    return Path(f"{path}{FIRST_DOWNLOAD}")


class OtherContent(requests.RequestException):
    """The server sent something else than the rest of the same file."""


# What may break a transfer, and what of that will be the same the next time.
BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)
HOPELESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.TooManyRedirects,
)
# Of the client's errors (4xx), those that pass: timeout, too early, too many requests.
PASSING = (408, 425, 429)
LONGEST_PAUSE = 600.0


def _persist(transfer: Transfer, attempts: int, pause: float, timeout: float) -> None:
    """Try until all has come, or until so many attempts in a row bring nothing."""
    failures, furthest = 0, transfer.size()
    while True:
        try:
            return transfer.go_on(timeout)
        except BROKEN as error:
            failures = 0 if transfer.size() > furthest else failures + 1
            furthest = max(furthest, transfer.size())
            if failures >= attempts or _is_hopeless(error):
                raise
            wait = max(pause, min(_asked_pause(error), LONGEST_PAUSE))
            log.warning("%s; trying again in %g s", error, wait)
            time.sleep(wait)


def _is_hopeless(error: Exception) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    client_error = 400 <= status < 500 and status not in PASSING
    # A broken connection may raise SSLError too.
    bad_certificate = isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
    return isinstance(error, HOPELESS) or client_error or bad_certificate


def _asked_pause(error: Exception) -> float:
    """Seconds that a busy server asks to wait."""
    response = getattr(error, "response", None)
    with suppress(urllib3.exceptions.InvalidHeader):
        return urllib3.Retry().get_retry_after(response.raw) or 0.0 if response is not None else 0.0
    return 0.0


def _check_whole(transfer: Transfer, checksum: str | None) -> None:
    """See that a file is the one published, or whole at least; else delete what came.

    Raises
    ------
    InputError
        It is not.
    """
    wrong = None
    if checksum is not None:
        if not pooch.hashes.hash_matches(str(transfer.partial), checksum):
            wrong = f"the checksum of what came is not {checksum}"
    else:
        try:
            READERS[transfer.path.suffix](transfer.partial)
        except (EOFError, zipfile.BadZipFile, zlib.error, OSError) as error:
            wrong = f"what came is not a whole {transfer.path.suffix} file ({error})"
    if wrong:
        transfer.forget()
        raise InputError(
            f"{transfer.url}: {wrong}; nothing was kept: run again, and if it comes back the published file has changed"
        )


def _read_gzip(path: Path) -> None:
    with gzip.open(path) as file:
        while file.read(1 << 20):
            pass


def _read_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if broken := archive.testzip():
            raise zipfile.BadZipFile(f"{broken} is damaged")


# Formats with checksums of their own.
READERS = {".gz": _read_gzip, ".zip": _read_zip}


class Transfer:
    """What has come of a file so far, in `<name>.part`; `<name>.part.json` says of which version of the file it is.

    The rest is asked for only of the same version: by its entity tag or date (`If-Range`).

    Parameters
    ----------
    path
        Where the file is to be.
    url
        Where it is published.
    resumes_blindly
        Also go on where the server tells no version, for the checksum will tell.
    """

    def __init__(self, path: Path, url: str, resumes_blindly: bool):
        self.path, self.url = path, url
        self.partial, self.note = (path.with_name(f"{path.name}{suffix}") for suffix in (".part", ".part.json"))
        self.resumes_blindly = resumes_blindly
        self.version: dict[str, str] = {}
        self.length: int | None = None
        with suppress(OSError, ValueError, TypeError, KeyError):
            note = json.loads(self.note.read_text(encoding="utf-8"))
            if note["url"] == url:
                self.version, self.length = dict(note["version"]), note["length"]

    def size(self) -> int:
        """Bytes that have come."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing to the same partial file.

        Raises
        ------
        InputError
            One does so already.
        """
        with self.partial.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{self.partial}: another process is fetching this file; wait for it") from None
            except OSError:  # a file system without locks
                pass
            yield

    def go_on(self, timeout: float) -> None:
        """Fetch what is missing, or all anew where the server cannot go on or has another version.

        Raises
        ------
        requests.RequestException, urllib3.exceptions.HTTPError
            The transfer broke.
        """
        have = self.size()
        if have and have == self.length:
            return
        # Offsets count the bytes of the file as it is published, so it must not be compressed on the way.
        headers = {"Accept-Encoding": "identity"}
        if have and (self.version or self.resumes_blindly):
            headers |= {"Range": f"bytes={have}-"}
            headers |= {"If-Range": self.version.get("ETag") or self.version["Last-Modified"]} if self.version else {}
        with requests.get(self.url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self._note_end(response, have)
                return
            response.raise_for_status()
            if response.status_code == requests.codes.partial_content:
                self._check_continues(response, have)
            else:
                have = 0
                self._start(response)
            progress = tqdm(
                desc=self.path.name, initial=have, total=self.length, unit="B", unit_scale=True, mininterval=1
            )
            with self.partial.open("ab") as file, progress:
                # Bytes as they come: requests itself would unpack what a server takes for compressed on the way only.
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    file.write(chunk)
                    progress.update(len(chunk))

    def forget(self) -> None:
        """Delete what came."""
        self.partial.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _start(self, response: requests.Response) -> None:
        """Forget what came before and note what comes now."""
        os.truncate(self.partial, 0)
        told = {name: response.headers[name] for name in ("ETag", "Last-Modified") if name in response.headers}
        # A weak tag promises the same meaning, not the same bytes.
        self.version = {name: value for name, value in told.items() if not value.startswith("W/")}
        length = response.headers.get("Content-Length")
        self.length = int(length) if length else None
        with whole_file(self.note) as note:
            note.write_text(json.dumps({"url": self.url, "version": self.version, "length": self.length}))

    def _check_continues(self, response: requests.Response, have: int) -> None:
        """See that what comes is the rest of the same version; else forget what came, and start anew."""
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        other_length = found and found[2] != "*" and self.length not in (None, int(found[2]))
        other_version = any(response.headers.get(name, value) != value for name, value in self.version.items())
        if not found or int(found[1]) != have or other_length or other_version:
            self._start_anew("what the server sent is not the rest of the same file")

    def _note_end(self, response: requests.Response, have: int) -> None:
        """There is no more to come than `have` bytes, says the server: right if the file is as long as that."""
        found = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
        length = int(found[1]) if found else self.length
        if length is None and self.resumes_blindly:
            return
        if length != have:
            self._start_anew(f"{have} bytes have come of a file of {length}")

    def _start_anew(self, why: str) -> None:
        os.truncate(self.partial, 0)
        self.version, self.length = {}, None
        self.note.unlink(missing_ok=True)
        raise OtherContent(f"{why}; what came before is forgotten")


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a zip archive into a new folder, which appears only when it is complete; files of macOS are left out.

    Raises
    ------
    InputError
        The archive is broken, or the disk is full.
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
        os.sync()  # one by one, hundreds of thousands of files would take long
        os.replace(partial, folder)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise InputError(f"{archive}: not a whole zip archive ({error}); delete it and download again") from None
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or error}; {archive} is whole: run again to unpack it") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    log.info("%s: %d files", folder, len(names))
