"""What a download makes of what can go wrong on the way.

| outcome | what it means |
|---|---|
| whole | the right file, by one transfer |
| resumed | the right file, and what had come was kept |
| anew | the right file, from its first byte on again |
| refused | an error at once, and nothing kept |
| given up | an error after some attempts; the next call goes on |

Never is there a file under its name that is not the right one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from functools import partial

import pytest

from activezoo.errors import InputError
from activezoo.survey import release
from faulty_server import Handler, Server

OUTCOMES = """
| fault                                                        | checksum published | compressed, without |
|--------------------------------------------------------------|--------------------|---------------------|
| none                                                         | whole              | whole               |
| connection dropped, twice                                    | resumed            | resumed             |
| connection dropped in a chunked reply                        | resumed            | resumed             |
| connection dropped by a server that tells no version         | resumed            | anew                |
| connection dropped by a server that cannot send ranges       | anew               | anew                |
| connection dropped, then the server sends another range      | anew               | anew                |
| connection dropped, then no range can be had                 | anew               | anew                |
| connection always dropped at the same byte                   | given up           | given up            |
| server silent in the middle                                  | resumed            | resumed             |
| nobody listens                                               | given up           | given up            |
| length told is too large                                     | resumed            | resumed             |
| length told is too small                                     | refused            | refused             |
| no length told, and the connection dropped                   | refused            | refused             |
| some bytes are wrong                                         | refused            | refused             |
| another page in its place                                    | refused            | refused             |
| file changed between two attempts                            | anew               | anew                |
| file changed, and the server sends the rest of the new one   | anew               | anew                |
| file changed, and the server does not say so                 | refused            | refused             |
| the server takes a compressed file for a compressed transfer | whole              | whole               |
| redirected                                                   | whole              | whole               |
| redirected, and the connection dropped                       | resumed            | resumed             |
| redirected in a circle                                       | refused            | refused             |
| 500, then 200                                                | anew               | anew                |
| 429 with a time to wait                                      | anew               | anew                |
| 503 each time                                                | given up           | given up            |
| 404                                                          | refused            | refused             |
| 403                                                          | refused            | refused             |
| 410                                                          | refused            | refused             |
"""

CONTENT = gzip.compress(bytes(range(256)) * 2000, compresslevel=0, mtime=0)
BEFORE = gzip.compress(bytes(reversed(range(256))) * 2000, compresslevel=0, mtime=0)
NAME = "/data.csv.gz"
MIDDLE = len(CONTENT) // 2


def drop(handler: Handler, at: int = MIDDLE) -> None:
    handler.serve(stop=at)


def drop_chunked(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    chunk = handler.content[:MIDDLE]
    body = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    handler.answer(200, {"Transfer-Encoding": "chunked", "Content-Length": None, "ETag": handler.tag()}, body)


def fall_silent(handler: Handler) -> None:
    drop(handler)
    handler.wfile.flush()
    handler.server.stopping.wait(10)


def replace_file(handler: Handler) -> None:
    """Drop the connection, and have another version by the next request."""
    drop(handler)
    handler.server.files[NAME] = CONTENT


def redirect(handler: Handler, to: str) -> None:
    handler.answer(302, {"Location": to})


def status(number: int, **headers: str):
    return lambda handler: handler.answer(number, {name.replace("_", "-"): of for name, of in headers.items()})


def script(server: Server, fault: str) -> None:
    """Let a server do this wrong."""
    server.files[NAME] = CONTENT
    damaged = CONTENT[:MIDDLE] + bytes(100) + CONTENT[MIDDLE + 100 :]
    match fault:
        case "none":
            pass
        case "connection dropped, twice":
            server.faults = [drop, partial(drop, at=MIDDLE + 100_000)]
        case "connection dropped in a chunked reply":
            server.faults = [drop_chunked]
        case "connection dropped by a server that tells no version":
            server.tells_version, server.faults = False, [drop]
        case "connection dropped by a server that cannot send ranges":
            server.resumes, server.faults = False, [drop]
        case "connection dropped, then the server sends another range":
            server.faults = [drop, partial(Handler.serve, shift=-100)]
        case "connection dropped, then no range can be had":
            server.faults = [drop, status(416)]
        case "connection always dropped at the same byte":
            server.resumes, server.always = False, drop
        case "server silent in the middle":
            server.faults = [fall_silent]
        case "nobody listens":
            server.always = None
        case "length told is too large":
            server.always = partial(Handler.serve, length=len(CONTENT) + 1000)
        case "length told is too small":
            server.always = partial(Handler.serve, length=MIDDLE)
        case "no length told, and the connection dropped":
            server.always = partial(Handler.serve, stop=MIDDLE, headers={"Content-Length": None})
        case "some bytes are wrong":
            server.files[NAME] = damaged
        case "another page in its place":
            server.files[NAME] = b"<html>Please log in.</html>"
        case "file changed between two attempts":
            server.files[NAME], server.faults = BEFORE, [replace_file]
        case "file changed, and the server sends the rest of the new one":
            server.files[NAME] = BEFORE
            server.faults = [replace_file, partial(Handler.serve, heeds_if_range=False)]
        case "file changed, and the server does not say so":
            server.files[NAME] = BEFORE
            silent = partial(Handler.serve, heeds_if_range=False, headers={"ETag": None})
            server.faults = [replace_file, silent]
        case "the server takes a compressed file for a compressed transfer":
            server.always = partial(Handler.serve, headers={"Content-Encoding": "gzip"})
        case "redirected":
            server.files["/moved"] = CONTENT
            server.faults = [partial(redirect, to="/moved")]
        case "redirected, and the connection dropped":
            server.files["/moved"] = CONTENT
            server.faults = [partial(redirect, to="/moved"), drop, partial(redirect, to="/moved")]
        case "redirected in a circle":
            server.always = partial(redirect, to=NAME)
        case "500, then 200":
            server.faults = [status(500)]
        case "429 with a time to wait":
            server.faults = [status(429, Retry_After="1")]
        case "503 each time":
            server.always = status(503)
        case _:
            server.always = status(int(fault))


def rows() -> Iterator:
    _, _, *lines = OUTCOMES.strip().splitlines()
    for line in lines:
        fault, published, none = (cell.strip() for cell in line.strip("|").split("|"))
        yield pytest.param(fault, True, published, id=f"{fault}: checksum")
        yield pytest.param(fault, False, none, id=f"{fault}: compressed")


ATTEMPTS = 3


@pytest.mark.parametrize(("fault", "published", "expected"), list(rows()))
def test_outcome(server, tmp_path, monkeypatch, fault, published, expected):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    script(server, fault)
    source = server.source(NAME[1:], f"md5:{hashlib.md5(CONTENT).hexdigest()}" if published else None)
    if server.always is None:
        server.server_close()
    path = tmp_path / "new" / NAME[1:]

    def fetch():
        release.download(path, source, attempts=ATTEMPTS, pause=0, timeout=0.5 if "silent" in fault else 60)

    if expected in ("refused", "given up"):
        with pytest.raises(InputError, match=r"http://127.0.0.1"):
            fetch()
        assert not path.exists()
        if expected == "refused":
            assert not any(entry.stat().st_size for entry in path.parent.iterdir())
            assert not waits or "changed" in fault
        else:
            assert len(waits) >= ATTEMPTS - 1
        return
    fetch()
    assert path.read_bytes() == CONTENT
    assert {entry.name for entry in path.parent.iterdir()} == {
        path.name,
        *([] if published else [f"{path.name}.first_download.sha256"]),
    }
    assert bool(waits) == (expected != "whole")
    assert (server.statuses[-1] in (206, 416)) == (expected == "resumed")
    if fault.startswith("429"):
        assert waits == [1]


@pytest.mark.parametrize("published", [True, False])
def test_a_download_that_was_given_up_goes_on(server, tmp_path, published):
    server.files[NAME] = CONTENT
    server.faults = [drop, status(503)]
    source = server.source(NAME[1:], f"md5:{hashlib.md5(CONTENT).hexdigest()}" if published else None)
    path = tmp_path / NAME[1:]
    with pytest.raises(InputError, match=r"127.0.0.1.*run again to resume"):
        release.download(path, source, attempts=1, pause=0)
    assert not path.exists()
    have = path.with_name(f"{path.name}.part").stat().st_size
    assert have == pytest.approx(MIDDLE, abs=release.CHUNK)
    release.download(path, source)
    assert path.read_bytes() == CONTENT
    assert server.requests[2:] == [(NAME, f"bytes={have}-")]


def test_a_long_download_may_break_off_more_often_than_it_is_tried(server, tmp_path):
    server.files[NAME] = CONTENT
    server.faults = [partial(drop, at=at) for at in range(70_000, len(CONTENT), 70_000)]
    assert len(server.faults) > 5
    release.download(tmp_path / NAME[1:], server.source(NAME[1:]), attempts=2, pause=0)
    assert (tmp_path / NAME[1:]).read_bytes() == CONTENT


def test_two_processes_do_not_fetch_the_same_file(server, tmp_path):
    server.files[NAME] = CONTENT
    path = tmp_path / NAME[1:]
    with (
        release.Transfer(path, "elsewhere", resumes_blindly=True).alone(),
        pytest.raises(InputError, match=r"data.csv.gz.part: another process is fetching this file"),
    ):
        release.download(path, server.source(NAME[1:]))
    assert server.requests == []


def test_a_full_disk_is_named_and_what_came_is_kept(server, tmp_path, monkeypatch):
    import resource

    server.files[NAME] = CONTENT
    path = tmp_path / NAME[1:]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIDDLE, limits[1]))
    try:
        with pytest.raises(InputError, match=r"data.csv.gz: File too large; run again to resume"):
            release.download(path, server.source(NAME[1:]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
    release.download(path, server.source(NAME[1:]))
    assert path.read_bytes() == CONTENT
    assert server.requests[-1][1] is not None
