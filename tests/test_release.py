import hashlib
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from activezoo.errors import InputError
from activezoo.survey import release
from activezoo.survey.release import Source

CONTENT = bytes(range(256)) * 2000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `files` on this machine; `breaks` says after how many bytes the next transfers break off."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/data.csv": CONTENT}
        self.breaks = []
        self.resumes = True
        self.requests = []

    def source(self, name="data.csv", checksum=None):
        return Source(f"http://127.0.0.1:{self.server_port}/{name}", checksum)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers["Range"]
        self.server.requests.append((self.path, wanted))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.resumes else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = self.server.breaks.pop(0) if self.server.breaks else len(content)
        self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_download_and_leave_alone(server, tmp_path):
    path = tmp_path / "new" / "data.csv"
    for _ in range(2):
        release.download(path, server.source(checksum=MD5))
        assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["data.csv"]
    assert server.requests == [("/data.csv", None)]


def test_broken_transfers_are_resumed(server, tmp_path):
    server.breaks = [200_000, 400_000]
    release.download(tmp_path / "data.csv", server.source(checksum=MD5), pause=0)
    assert (tmp_path / "data.csv").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=196608-", "bytes=393216-"]


def test_a_later_run_resumes(server, tmp_path):
    server.breaks = [200_000]
    with pytest.raises(InputError, match=r"127.0.0.1.*run again to resume"):
        release.download(tmp_path / "data.csv", server.source(checksum=MD5), attempts=1)
    assert not (tmp_path / "data.csv").exists()
    release.download(tmp_path / "data.csv", server.source(checksum=MD5))
    assert (tmp_path / "data.csv").read_bytes() == CONTENT
    assert server.requests[-1] == ("/data.csv", "bytes=196608-")


def test_a_transfer_broken_at_its_very_end(server, tmp_path):
    (tmp_path / "data.csv.part").write_bytes(CONTENT)
    release.download(tmp_path / "data.csv", server.source(checksum=MD5))
    assert (tmp_path / "data.csv").read_bytes() == CONTENT


def test_a_server_that_cannot_resume_sends_all_again(server, tmp_path):
    server.breaks, server.resumes = [200_000], False
    release.download(tmp_path / "data.csv", server.source(checksum=MD5), pause=0)
    assert (tmp_path / "data.csv").read_bytes() == CONTENT


def test_wrong_checksum(server, tmp_path):
    with pytest.raises(InputError, match=r"data.csv: the checksum of what came is not md5:0000"):
        release.download(tmp_path / "data.csv", server.source(checksum="md5:" + 32 * "0"))
    assert list(tmp_path.iterdir()) == []


def test_another_file_in_its_place_is_not_overwritten(server, tmp_path):
    (tmp_path / "data.csv").write_text("mine")
    with pytest.raises(InputError, match=r"data.csv: its checksum is not md5:.*delete it"):
        release.download(tmp_path / "data.csv", server.source(checksum=MD5))
    assert (tmp_path / "data.csv").read_text() == "mine"


def test_the_first_checksum_seen_holds(server, tmp_path):
    path, record = tmp_path / "data.csv", tmp_path / "data.csv.sha256"
    release.download(path, server.source())
    assert record.read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  data.csv\n"
    release.download(path, server.source())
    path.unlink()
    server.files["/data.csv"] = CONTENT[1:]
    with pytest.raises(InputError, match=r"is not sha256:.*the published file has changed"):
        release.download(path, server.source())


def test_missing_files_are_not_tried_again(server, tmp_path):
    with pytest.raises(InputError, match=r"404 Client Error.*/other.csv"):
        release.download(tmp_path / "other.csv", server.source("other.csv"), attempts=3, pause=0)
    assert len(server.requests) == 1


def test_the_suffix_is_that_of_the_source(server, tmp_path):
    with pytest.raises(InputError, match=r"cat.csv: name it like cat.csv.gz"):
        release.download(tmp_path / "cat.csv", server.source("cat.csv.gz"))


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
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
    whole = archive(tmp_path / "a.zip", {"1.jpg": "one" * 100, "2.jpg": "two" * 100}).read_bytes()
    for broken in (whole[:-50], whole.replace(b"two" * 100, b"too" * 100), b"nothing"):
        (tmp_path / "b.zip").write_bytes(broken)
        with pytest.raises(InputError, match=r"b.zip: not a whole zip archive.*delete it"):
            release.unpack(tmp_path / "b.zip", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_whole_release(server, tmp_path):
    archive(tmp_path / "made.zip", {"images/1.jpg": "one"})
    server.files = {
        "/cat.csv.gz": b"catalogue",
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
    assert paths[0].read_bytes() == b"catalogue"
    assert paths[1].read_bytes() == b"map"
    assert (paths[2] / "images" / "1.jpg").read_text() == "one"
    (tmp_path / "gz" / "images.zip").unlink()
    release.download_release(*paths, sources)
    assert len(server.requests) == 3
