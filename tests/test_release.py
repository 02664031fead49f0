import errno
import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from activezoo.errors import InputError
from activezoo.survey import release

CONTENT = bytes(range(256)) * 2000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


def test_download_and_leave_alone(server, tmp_path):
    path = tmp_path / "new" / "data.csv"
    server.files["/data.csv"] = CONTENT
    for _ in range(2):
        release.download(path, server.source("data.csv", MD5))
        assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["data.csv"]
    assert server.requests == [("/data.csv", None)]


def test_another_file_in_its_place_is_not_overwritten(server, tmp_path):
    (tmp_path / "data.csv").write_text("mine")
    with pytest.raises(InputError, match=r"data.csv: its checksum is not md5:.*delete it"):
        release.download(tmp_path / "data.csv", server.source("data.csv", MD5))
    assert (tmp_path / "data.csv").read_text() == "mine"


def test_the_first_checksum_seen_holds(server, tmp_path):
    path, record = tmp_path / "data.csv.gz", tmp_path / "data.csv.gz.first_download.sha256"
    server.files["/data.csv.gz"] = published = gzip.compress(CONTENT)
    release.download(path, server.source("data.csv.gz"))
    digest = hashlib.sha256(published).hexdigest()
    assert record.read_text() == f"{digest}  data.csv.gz\n"
    assert release.first_seen_checksum(path) == digest
    release.download(path, server.source("data.csv.gz"))
    path.unlink()
    server.files["/data.csv.gz"] = gzip.compress(CONTENT[1:])
    with pytest.raises(InputError, match=r"is not sha256:.*the published file has changed"):
        release.download(path, server.source("data.csv.gz"))
    record.write_text("")
    with pytest.raises(InputError, match=r"data.csv.gz.first_download.sha256: not a line of sha256sum; delete it"):
        release.download(path, server.source("data.csv.gz"))


def test_what_cannot_be_checked_is_not_fetched(server, tmp_path):
    with pytest.raises(ValueError, match=r"data.csv: without a checksum, only .gz and .zip files"):
        release.download(tmp_path / "data.csv", server.source("data.csv"))
    assert server.requests == []


def test_the_suffix_is_that_of_the_source(server, tmp_path):
    with pytest.raises(InputError, match=r"cat.csv: name it like cat.csv.gz"):
        release.download(tmp_path / "cat.csv", server.source("cat.csv.gz"))


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_unpacking_leaves_out_what_macos_adds(tmp_path):
    members = {"images/1.jpg": "one", "images/._1.jpg": "x", "__MACOSX/images/._1.jpg": "x", "images/": ""}
    release.unpack(archive(tmp_path / "a.zip", members), tmp_path / "out")
    files = [entry for entry in (tmp_path / "out").rglob("*") if entry.is_file()]
    assert files == [tmp_path / "out" / "images" / "1.jpg"]
    assert files[0].read_text() == "one"


def test_unpacking_stays_in_its_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    release.unpack(archive(tmp_path / "a.zip", {"../evil.jpg": "x", "/root.jpg": "x"}), tmp_path / "deep" / "out")
    assert not list(tmp_path.glob("*.jpg"))
    assert not Path("/root.jpg").exists()
    assert sorted(entry.name for entry in (tmp_path / "deep" / "out").iterdir()) == ["evil.jpg", "root.jpg"]


def test_a_broken_archive_leaves_nothing(tmp_path):
    members = {"1.jpg": "one" * 100, "2.jpg": "two" * 100}
    whole = archive(tmp_path / "a.zip", members).read_bytes()
    deflated = archive(tmp_path / "a.zip", members, zipfile.ZIP_DEFLATED).read_bytes()
    damaged = deflated[:38] + bytes([deflated[38] ^ 255]) + deflated[39:]
    for broken in (whole[:-50], whole.replace(b"two" * 100, b"too" * 100), damaged, b"nothing"):
        (tmp_path / "b.zip").write_bytes(broken)
        with pytest.raises(InputError, match=r"b.zip: not a whole zip archive.*delete it"):
            release.unpack(tmp_path / "b.zip", tmp_path / "out")
        assert {entry.name for entry in tmp_path.iterdir()} == {"a.zip", "b.zip"}


def test_a_full_disk_leaves_the_archive_alone(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.extract", full)
    archive(tmp_path / "a.zip", {"1.jpg": "one"})
    with pytest.raises(InputError, match=r"out: No space left on device; .*a.zip is whole: run again to unpack it"):
        release.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_a_whole_release(server, tmp_path):
    archive(tmp_path / "made.zip", {"images/1.jpg": "one"})
    server.files = {
        "/cat.csv.gz": gzip.compress(b"catalogue"),
        "/map.csv": b"map",
        "/images.zip": (tmp_path / "made.zip").read_bytes(),
    }
    sources = {
        "catalogue": server.source("cat.csv.gz"),
        "filename_map": server.source("map.csv", "md5:" + hashlib.md5(b"map").hexdigest()),
        "images": server.source("images.zip"),
    }
    paths = [tmp_path / "gz" / name for name in ("cat.csv.gz", "map.csv", "images_gz2")]
    release.download_release(*paths, sources)
    assert gzip.decompress(paths[0].read_bytes()) == b"catalogue"
    assert paths[1].read_bytes() == b"map"
    assert (paths[2] / "images" / "1.jpg").read_text() == "one"
    (tmp_path / "gz" / "images.zip").unlink()
    release.download_release(*paths, sources)
    assert len(server.requests) == 3
