"""The page on which people answer: one galaxy at a time, and a page for administrators."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import uvicorn
from anyio.to_thread import run_sync
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from activezoo.errors import InputError
from activezoo.live import published
from activezoo.live.commits import Commits
from activezoo.live.limits import Guard, ImpatientProtocol, Rate
from activezoo.live.store import Person, Progress, Refused, Store, database
from activezoo.survey import asks
from activezoo.survey.decoding import AS_THEY_ARE, Brightness, UnusableImageError, viewable

log = logging.getLogger(__name__)

# Image formats that browsers show; others are converted.
SHOWN_AS_THEY_ARE = ("JPEG", "PNG", "WEBP")
# Seconds between two looks at the folders of asks; between two files of the votes, while they come; and for which the
# progress of an ask is not counted again.
LOOK = 1
EXPORT = 30
COUNT = 1
# Images that are kept in memory: people who answer at the same time are shown the same ones.
IMAGES = 64
# Requests a second of whoever has not signed in, for each address.
STRANGERS = 5.0
# Name of a form's field, and of the header that says the same; and how many fields there may be.
CSRF = "csrf"
FIELDS = 8

Endpoint = Callable[["Visit"], Awaitable[Response]]


class Visit(NamedTuple):
    """A request, by whom, and what was sent with it."""

    request: Request
    person: Person
    csrf: str
    form: dict[str, str]

    def text(self, field: str) -> str:
        if field not in self.form:
            raise HTTPException(400, f"the field {field!r} is missing")
        return self.form[field]

    def number(self, field: str) -> int:
        return _number(self.text(field))


class Watcher:
    """Takes up new asks from their folders, and writes the votes where the workflow finds them.

    An ask is closed when its votes have been taken (`votes.parquet` in its folder). The connection is its own, for it
    works in other threads than the event loop's.
    """

    def __init__(self, results: Path, votes: Path):
        self.asks, self.votes = results / "asks", votes
        self.store = Store(database(results))
        self._lock = Lock()
        self._known: set[Path] = set()
        self._exported = (0.0, None)  # when, and which version of the database
        self._final: set[int] = set()

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await run_sync(self.look)
            except (InputError, OSError, sqlite3.Error) as error:
                log.error("%s", error)

    def look(self) -> None:
        """Take up asks that have come, close those whose votes have been taken, and write votes if it is time."""
        with self._lock:
            for folder in published.folders(self.asks):
                if folder not in self._known:
                    self.store.add(published.read(folder))
                    self._known.add(folder)
            states = self.store.states()
            for ask, state in states.items():
                if state != "closed" and (asks.folder(self.asks, ask) / asks.VOTES).exists():
                    self.store.set_state(ask, "closed")
            closed = {ask for ask, state in self.store.states().items() if state == "closed"}
            done = states and self.store.progress(max(states)).is_complete
        then, version = self._exported
        due = done or time.monotonic() - then > EXPORT
        if closed - self._final or (due and version != self.store.version()):
            self.export()

    def export(self) -> None:
        """Write the votes on all asks; those on a closed one for the last time."""
        with self._lock:
            self._exported = time.monotonic(), self.store.version()
            for ask, state in self.store.states().items():
                if ask not in self._final:
                    path = votes_file(self.votes, ask)
                    log.info("%s: %d votes on ask %d", path, self.store.export(ask, path), ask)
                    if state == "closed":
                        self._final.add(ask)


class Page:
    """The application of a survey's page.

    Parameters
    ----------
    results
        Folder of the survey's results, with `asks/`. The votes are in its `votes.sqlite`.
    votes
        Folder for tables of the votes; by default, `votes/` of the results.
    requests_per_second
        Of each person.
    root_path
        Under which a proxy shows the page, without a slash at its end.
    brightness
        Of images of more than 8 bits.

    Raises
    ------
    InputError
        An ask, or the database, cannot be used.
    """

    def __init__(
        self,
        results: Path,
        votes: Path | None = None,
        requests_per_second: float = 10,
        root_path: str = "",
        brightness: Brightness = AS_THEY_ARE,
    ):
        self.results, self.votes = results, votes or results / "votes"
        self.brightness = brightness
        self.root = root_path
        self.cookie = f"activezoo-{results.name}"
        self.store = Store(database(results))
        self.reader = Store(database(results))  # of the event loop's thread; writers do not hold it up
        self.people, self.strangers = Rate(requests_per_second), Rate(STRANGERS)
        self.templates = Environment(
            loader=PackageLoader("activezoo.live", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self.templates.globals |= {"root": root_path, "survey": results.name}
        self.watcher = Watcher(results, self.votes)
        self.watcher.look()
        self._progress: dict[int, tuple[float, Progress]] = {}
        self._images: dict[tuple[str, int], tuple[bytes, str]] = {}  # by path and time of the last change
        self.app = Guard(
            Starlette(
                routes=[
                    Route("/answer", self._visit(self.answer), methods=["POST"]),
                    Route("/image/{ask}/{place}", self._visit(self.image)),
                    Route("/", self._visit(self.show)),
                    Route("/join", self.invitation),
                    Route("/join", self.join, methods=["POST"]),
                    Route("/next", self._visit(self.go_on), methods=["POST"]),
                    Route("/undo", self._visit(self.undo), methods=["POST"]),
                    Route("/leave", self._visit(self.leave), methods=["POST"]),
                    Route("/admin", self._visit(self.administration, administrator=True)),
                    Route("/admin", self._visit(self.administer, administrator=True), methods=["POST"]),
                    Route("/figure/{question}", self._visit(self.figure, administrator=True)),
                    Mount("/static", StaticFiles(packages=[("activezoo.live", "page/static")])),
                ],
                exception_handlers={HTTPException: self.failed, Refused: self.refused},
                lifespan=self._lifespan,
            )
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette):
        self.commits = Commits(self.store)
        watching = asyncio.create_task(self.watcher.watch())
        yield
        watching.cancel()
        await asyncio.wait([watching])
        await self.commits.close()
        self.watcher.export()
        for store in (self.store, self.reader, self.watcher.store):
            store.close()

    # What all requests share

    def _visit(self, endpoint: Endpoint, administrator: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for those who have signed in; with a form, if the page itself has given it to them."""

        @wraps(endpoint)
        async def checked(request: Request) -> Response:
            session = request.cookies.get(self.cookie, "")
            person = self.reader.person(session)
            if person is None:
                self._count_stranger(request)
                raise HTTPException(401, "Please follow the link of your invitation first.")
            if not self.people.allows(person.id):
                raise HTTPException(429, "That was too fast. Please wait a moment.", {"Retry-After": "1"})
            if administrator and not person.administrator:
                raise HTTPException(403, "This page is for administrators.")
            csrf, form = _csrf(session), {}
            if request.method == "POST":
                form = await _form(request)
                given = form.get(CSRF) or request.headers.get(f"x-{CSRF}", "")
                if not hmac.compare_digest(given.encode(), csrf.encode()):
                    raise HTTPException(403, "The form is out of date. Please load the page again.")
            return await endpoint(Visit(request, person, csrf, form))

        return checked

    def _count_stranger(self, request: Request) -> None:
        if not self.strangers.allows(request.client and request.client.host):
            raise HTTPException(429, "Too many requests. Please wait a moment.", {"Retry-After": "1"})

    def _html(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.templates.get_template(template).render(**values), status)

    async def failed(self, request: Request, error: HTTPException) -> Response:
        if _wants_json(request):
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        response = self._html("message.html", error.status_code, title="Sorry", text=error.detail)
        response.headers.update(error.headers or {})
        return response

    async def refused(self, request: Request, error: Refused) -> Response:
        return await self.failed(request, HTTPException(409, str(error)))

    def _count(self, store: Store, ask: int) -> Progress:
        counted, progress = self._progress.get(ask, (-COUNT, None))
        if time.monotonic() - counted >= COUNT:
            progress = store.progress(ask)
            self._progress[ask] = time.monotonic(), progress
        return progress

    # The page of everybody

    def state(self, store: Store, person: Person, next: bool = False) -> dict[str, Any]:
        """What the page says to a person, also as JSON.

        Parameters
        ----------
        next
            Show another galaxy, if there is none before this person.
        """
        states = store.states()
        ask = max(states, default=None)
        if ask is not None and self._count(store, ask).looks_wanted == 0:
            return {"state": "finished"}
        if ask is None or states[ask] == "closed":
            return {"state": "waiting"}
        shown = store.next(person, ask) if next else store.current(person, ask)
        progress = self._count(store, ask)._asdict() | {"own": store.own(person, ask)}
        if shown is None:
            # Without a look for one, nobody knows whether there is another galaxy.
            found = "paused" if states[ask] == "paused" else "done" if next else "ready"
            return {"state": found, "ask": ask, "progress": progress}
        return {
            "state": "question",
            "ask": ask,
            "galaxy": shown.galaxy,
            "image": f"{self.root}/image/{ask}/{shown.place}",
            "question": shown.name,
            "text": shown.question.text,
            "help": shown.question.help,
            "answers": list(shown.question.answers),
            "answered": shown.answers,
            "progress": progress,
        }

    async def show(self, visit: Visit) -> Response:
        state = self.state(self.reader, visit.person)
        if _wants_json(visit.request):
            return JSONResponse(state)
        if state["state"] == "ready" and visit.request.query_params.get("looked"):
            state["state"] = "done"
        return self._html("page.html", visit=visit, CANT_TELL="", **{"progress": None} | state)

    async def _changed(self, visit: Visit, change: Callable[[], None]) -> Response:
        """Make a change, show what comes next."""

        def change_and_look() -> dict[str, Any]:
            change()
            return self.state(self.store, visit.person, next=True)

        state = await self.commits.run(change_and_look)
        if _wants_json(visit.request):
            return JSONResponse(state)
        looked = "?looked=1" if state["state"] == "done" else ""
        return RedirectResponse(f"{self.root}/{looked}", 303)

    async def go_on(self, visit: Visit) -> Response:
        return await self._changed(visit, lambda: None)

    async def answer(self, visit: Visit) -> Response:
        ask, galaxy, question = visit.number("ask"), visit.text("galaxy"), visit.text("question")
        answer = visit.text("answer") or None
        return await self._changed(visit, partial(self.store.answer, visit.person, ask, galaxy, question, answer))

    async def undo(self, visit: Visit) -> Response:
        return await self._changed(visit, partial(self.store.undo, visit.person, visit.number("ask")))

    async def image(self, visit: Visit) -> Response:
        ask, place = (_number(visit.request.path_params[name]) for name in ("ask", "place"))
        path = self.reader.image(visit.person, ask, place)
        if path is None:
            raise HTTPException(404, "There is no such image, or it is not for you.")
        try:
            file = path, Path(path).stat().st_mtime_ns
            if file not in self._images:
                self._images[file] = await run_sync(viewable, path, self.brightness, SHOWN_AS_THEY_ARE)
            content, format = self._images[file]
        except (OSError, UnusableImageError) as error:
            log.error("%s cannot be shown: %s", path, error)
            raise HTTPException(404, "The image cannot be read.") from error
        if len(self._images) > IMAGES:
            del self._images[next(iter(self._images))]
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(content, media_type=f"image/{format.lower()}", headers=headers)

    # Coming and going

    async def invitation(self, request: Request) -> Response:
        self._count_stranger(request)
        return self._html("join.html")

    async def join(self, request: Request) -> Response:
        self._count_stranger(request)
        token = (await _form(request)).get("token", "")
        session = await self.commits.run(partial(self.store.sign_in, token.strip()))
        if not session:
            raise HTTPException(403, "This invitation is not known. Ask for another link.")
        person = self.reader.person(session)
        await self.commits.run(partial(self.state, self.store, person, next=True))  # which is what "/" shows
        if _wants_json(request):
            response = JSONResponse({"name": person.name, CSRF: _csrf(session)})
        else:
            response = RedirectResponse(f"{self.root}/", 303)
        self._set_cookie(request, response, session)
        return response

    async def leave(self, visit: Visit) -> Response:
        await self.commits.run(partial(self.store.sign_out, visit.request.cookies[self.cookie]))
        response = RedirectResponse(f"{self.root}/join", 303)
        self._set_cookie(visit.request, response, "", max_age=0)
        return response

    def _set_cookie(self, request: Request, response: Response, value: str, max_age: int = 90 * 86400) -> None:
        response.set_cookie(
            self.cookie,
            value,
            max_age=max_age,
            path=f"{self.root}/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )

    # The administrator's page

    async def administration(self, visit: Visit) -> Response:
        states = self.reader.states()
        wanted = _number(visit.request.query_params.get("ask", str(max(states, default=0))))
        if states and wanted not in states:
            raise HTTPException(404, f"There is no ask {wanted}.")
        values = await run_sync(self._summary, wanted) if states else {}
        return self._html("admin.html", visit=visit, states=states, ask=wanted, **values)

    def _summary(self, ask: int) -> dict[str, Any]:
        """What is shown of an ask; read on a connection of its own, for it may take long."""
        store = Store(database(self.results))
        try:
            people = store.people(ask)
            for person in people:
                if person["last"] is not None:
                    person["last"] = f"{datetime.fromtimestamp(person['last'], UTC):%Y-%m-%d %H:%M} UTC"
            return {
                "people": people,
                "progress": store.progress(ask),
                "votes": votes_file(self.votes, ask),
                "most_wanted": store.most_wanted(ask),
                "figures": [name for name in store.questions(ask) if self._figure(name).exists()],
            }
        finally:
            store.close()

    async def administer(self, visit: Visit) -> Response:
        ask, action = visit.number("ask"), visit.text("action")
        states = {"pause": "paused", "resume": "open", "close": "closed"}
        if action in states:
            await self.commits.run(partial(self.store.set_state, ask, states[action]))
            await run_sync(self.watcher.export)
            log.info("%s: ask %d is %s", visit.person.name, ask, states[action])
        elif action == "export":
            await run_sync(self.watcher.export)
        else:
            raise HTTPException(400, f"{action!r} is no action")
        return RedirectResponse(f"{self.root}/admin?ask={ask}", 303)

    def _figure(self, question: str) -> Path:
        return self.results / "figures" / question / "progress.png"

    async def figure(self, visit: Visit) -> Response:
        question, states = visit.request.path_params["question"], self.reader.states()
        if not states or question not in self.reader.questions(max(states)) or not self._figure(question).exists():
            raise HTTPException(404, "There is no such figure.")
        return Response(await run_sync(self._figure(question).read_bytes), media_type="image/png")


def server(page: Page, host: str, port: int, trusted_proxy: str | None = None) -> uvicorn.Server:
    """What serves the page on a port.

    Parameters
    ----------
    trusted_proxy
        Address of a proxy whose word is taken for the address of the client and the scheme. Others could lie.
    """
    return uvicorn.Server(
        uvicorn.Config(
            page.app,
            host=host,
            port=port,
            root_path=page.root,
            http=ImpatientProtocol,
            ws="none",
            proxy_headers=trusted_proxy is not None,
            forwarded_allow_ips=trusted_proxy,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=5,
        )
    )


def votes_file(folder: Path, ask: int) -> Path:
    """The file of an ask's votes on the page, in the folder where the workflow looks for votes (`live.votes`)."""
    return folder / f"page_ask_{ask}.parquet"


def _csrf(session: str) -> str:
    """What only the pages of a session know, and no other site."""
    return hmac.digest(session.encode(), b"csrf", "sha256").hex()


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, as browsers send it by default."""
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HTTPException(400, f"{text[:20]!r} is not a number")
    return int(text)


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")
