"""A server of files on this machine that does what it is told to do wrong."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from activezoo.survey.release import Source


class Server(ThreadingHTTPServer):
    """Serves `files`, by their path.

    Attributes
    ----------
    faults
        What to do in the next requests in place of what a good server would do: functions of the handler.
    always
        What to do once there are no `faults` left, if not that.
    requests, statuses
        Path and `Range` of all requests so far; how they were answered.
    tells_version, resumes
        Whether it sends entity tags, and ranges.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[Callable[[Handler], None]] = []
        self.always: Callable[[Handler], None] = Handler.serve
        self.tells_version = self.resumes = True
        self.requests: list[tuple[str, str | None]] = []
        self.statuses: list[int] = []
        self.stopping = threading.Event()

    def source(self, name: str, checksum: str | None = None) -> Source:
        return Source(f"http://127.0.0.1:{self.server_port}/{name}", checksum)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, self.headers["Range"]))
        fault = self.server.faults.pop(0) if self.server.faults else self.server.always
        fault(self)
        self.close_connection = True

    def log_message(self, *_):
        pass

    @property
    def content(self) -> bytes | None:
        return self.server.files.get(self.path)

    def tag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'

    def serve(
        self,
        *,
        stop: int | None = None,
        length: int | None = None,
        heeds_if_range: bool = True,
        shift: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Serve the file as asked for.

        Parameters
        ----------
        stop
            Break off before this byte of the file.
        length
            What to say that the file's length is.
        heeds_if_range
            Send ranges of the version asked for only.
        shift
            By how many bytes the range sent is another one than that asked for.
        headers
            Others to send.
        """
        if self.content is None:
            return self.send_error(404)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        same_version = self.headers["If-Range"] in (None, self.tag()) or not heeds_if_range
        start = int(wanted[1]) + shift if wanted and self.server.resumes and same_version else 0
        length = len(self.content) if length is None else length
        if start and start >= len(self.content):
            return self.answer(416, {"Content-Range": f"bytes */{len(self.content)}"})
        told = {"Content-Length": str(length - start)}
        told |= {"Content-Range": f"bytes {start}-{length - 1}/{length}"} if start else {}
        told |= {"ETag": self.tag()} if self.server.tells_version else {}
        return self.answer(206 if start else 200, told | (headers or {}), self.content[start:stop])

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.server.statuses.append(status)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
