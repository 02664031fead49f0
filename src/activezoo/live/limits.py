"""What protects the page from its clients: who may ask how often, how much, how slowly, and from which site."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Bytes of a form; the longest that the page sends has a few hundred.
LARGEST_BODY = 16_384
# Bytes of a request before its body, cookies included; and of the rest of a body that was refused.
LARGEST_HEAD = 65_536
# Seconds for the head of a request, and for all of it with its response.
HEAD_TIMEOUT = 10
TIMEOUT = 30
# Connections at once: several for each of some hundred browsers.
CONNECTIONS = 900

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """Around the application: refuses what is too large, too slow or from another site; sets the security headers."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                names = {name for name, _ in message["headers"]}
                if b"cache-control" not in names:
                    caching = b"no-cache" if b"etag" in names else b"no-store"
                    message["headers"].append((b"cache-control", caching))
                message["headers"] += _RAW_HEADERS
            await send(message)

        async def refuse(status: int, why: str) -> None:
            response = PlainTextResponse(f"{why}\n", status, {"Connection": "close"} if status == 408 else None)
            await response(scope, receive, send_with_headers)

        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return await refuse(413, "The request is too large.")
        if scope["method"] not in ("GET", "HEAD") and not _from_here(headers):
            return await refuse(403, "The request comes from another site.")
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.app(scope, _limited(receive), send_with_headers)
        except TimeoutError:
            if started:
                raise
            await refuse(408, "The request took too long.")


def _from_here(headers: Headers) -> bool:
    """Whether a browser sent the request from this site, or whoever sent it is no browser.

    All browsers since 2023 say so in Sec-Fetch-Site, but not on plain http to another machine; there, Origin tells.
    """
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] == "same-origin"
    return "origin" not in headers or urlsplit(headers["origin"]).netloc == headers.get("host")


def _limited(receive: Receive) -> Receive:
    """The body as it comes, but for one that is too large and has not said so before."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413, "The request is too large.")
        return message

    return limited


class Rate:
    """So many requests a second for each key, after a burst of ten seconds' worth."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic):
        self.per_second = per_second
        self.burst = 10 * per_second
        self.clock = clock
        self._left: dict[object, tuple[float, float]] = {}  # requests, and when they were counted

    def allows(self, key: object) -> bool:
        now = self.clock()
        left, then = self._left.get(key, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_second)
        if len(self._left) > 10_000:  # those who have not come for long have their burst again
            self._left = {of: seen for of, seen in self._left.items() if now - seen[1] < 10}
        self._left[key] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP that gives up connections whose request does not come, and keeps only so many of them.

    uvicorn itself waits for the head of a request for ever.
    """

    _patience: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        self._expect_head()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._patience is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # of the next request on this connection
        super().data_received(data)
        if self._patience is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self.transport.abort()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(TIMEOUT, self.transport.abort)  # of a client that does not read the last response

    def _expect_head(self) -> None:
        self._head = 0
        self._patience = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
