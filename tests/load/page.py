"""How many votes a second the page takes from many people at once, and what a killed server keeps.

    python tests/load/page.py                 50 people as fast as they can, for 20 seconds
    python tests/load/page.py --rate 500      as many votes a second of all together, no more: what an answer takes then
    python tests/load/page.py --kill          the server is killed (-9) after half of the time, and started again

Each person is a connection that answers whatever is asked: a form, whose answer is the next question, and the image of
each new galaxy. Server and people are two processes on this machine: of two cores, each has one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

import numpy as np
import psutil

from activezoo.live.store import Store, database
from made_up_asks import write_ask

ANSWERS = {"smooth": ("smooth", "featured"), "bar": ("bar", "no bar")}


class Server:
    """`activezoo serve` in a folder, on a port that stays the same."""

    def __init__(self, folder: Path):
        self.folder, self.processor = folder, 0.0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "mine.yaml").write_text("survey: {name: mine}\n")
        self.results = folder / "results/mine"

    def start(self) -> None:
        """Return when it listens."""
        command = [sys.executable, "-m", "activezoo", "serve", "--configfile=mine.yaml", f"--port={self.port}"]
        self.process = subprocess.Popen(
            [*command, "--requests-per-second=10000"],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": sys.path[0]},
            stderr=subprocess.PIPE,
            text=True,
        )
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if "Uvicorn running" in line:
                self.used_at_start = self._used()
                return
        sys.exit("".join(lines))

    def kill(self) -> None:
        """End it at once (-9); add the processor's time that it took since its start to `processor`, seconds."""
        self.processor += self._used() - self.used_at_start
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def _used(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def invite(self, people: int) -> list[str]:
        """Tokens of so many people."""
        store = Store(database(self.results))
        tokens = [store.invite(f"person {person}") for person in range(people)]
        store.close()
        return tokens


class Person:
    """Somebody who answers, on one connection."""

    def __init__(self, number: int, token: str, port: int, pause: float = 0):
        self.number, self.token, self.port = number, token, port
        self.pause = pause  # seconds from vote to vote, at least
        self.rng = np.random.default_rng(number)
        self.acknowledged: list[tuple[str, str, str]] = []  # galaxy, question, answer
        self.seconds: list[float] = []
        self.cookie = self.csrf = ""
        self.asking: tuple[dict, str] | None = None  # what was answered, and may not have arrived

    async def answer(self, enough: Callable[[], bool]) -> None:
        """Answer until it is enough, or the server is gone."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            if not self.cookie:
                self.csrf = (await self.post("/join", token=self.token))["csrf"]
            shown = None if self.asking is None else await self.give(*self.asking)
            shown = shown or await self.post("/next")
            image, due = None, time.perf_counter() + self.rng.random() * self.pause
            while shown.get("state") == "question" and not enough():
                if shown["image"] != image:
                    image = shown["image"]
                    await self.request(f"GET {image} HTTP/1.1\r\n")
                await asyncio.sleep(due - time.perf_counter())
                due = max(due + self.pause, time.perf_counter())
                shown = await self.give(shown, str(self.rng.choice(ANSWERS[shown["question"]])))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    async def give(self, shown: dict, answer: str) -> dict:
        self.asking = shown, answer
        start = time.perf_counter()
        asked = {name: shown[name] for name in ("ask", "galaxy", "question")}
        following = await self.post("/answer", **asked, answer=answer)
        self.seconds.append(time.perf_counter() - start)
        if "error" in following:
            sys.exit(f"{asked}, {answer!r}: {following['error']}")
        self.acknowledged.append((shown["galaxy"], shown["question"], answer))
        self.asking = None
        return following

    async def post(self, path: str, **form) -> dict:
        body = urlencode(form | {"csrf": self.csrf})
        return json.loads(await self.request(f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n", body))

    async def request(self, head: str, body: str = "") -> bytes:
        head += f"Host: 127.0.0.1:{self.port}\r\nAccept: application/json\r\nCookie: {self.cookie}\r\n"
        self.writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode())
        answered = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in answered[1:] if line)
        for line in answered:
            if line.lower().startswith("set-cookie: "):
                self.cookie = line.split(": ", 1)[1].partition(";")[0]
        return await self.reader.readexactly(int(headers["content-length"]))


def after(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


def acknowledged(people: list[Person]) -> int:
    """How many votes the server has acknowledged."""
    return sum(len(person.acknowledged) for person in people)


async def answer_together(
    people: list[Person], enough: Callable[[], bool], kill: Callable[[], None] | None = None
) -> float:
    """All answer until it is enough, or until the server is killed then; return the seconds that it took."""
    start = time.perf_counter()
    answering = asyncio.gather(*(person.answer((lambda: False) if kill else enough) for person in people))
    if kill:
        while not enough():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(kill)
    await answering
    return time.perf_counter() - start


def lost_and_doubled(people: list[Person], results: Path) -> tuple[int, int]:
    """How many acknowledged votes are not kept as they were given; how many votes are kept that nobody gave once."""
    store = Store(database(results))
    kept = Counter((*vote[:2], vote[3], vote[2]) for vote in store.votes(0))
    store.close()
    given = Counter((*vote, f"person {person.number}") for person in people for vote in person.acknowledged)
    return (given - kept).total(), (kept - given).total()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, help="votes a second of all together, at most")
    parser.add_argument("--galaxies", type=int, default=2000)
    parser.add_argument("--kill", action="store_true", help="kill the server in the middle")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        server = Server(Path(name))
        write_ask(server.results / "asks/ask_0", galaxies=arguments.galaxies, people=arguments.people)
        server.start()
        tokens = server.invite(arguments.people)
        pause = arguments.people / arguments.rate if arguments.rate else 0
        people = [Person(number, token, server.port, pause) for number, token in enumerate(tokens)]
        used = time.process_time()
        if arguments.kill:
            took = asyncio.run(answer_together(people, after(arguments.seconds / 2), server.kill))
            server.start()
            took += asyncio.run(answer_together(people, after(arguments.seconds / 2)))
        else:
            took = asyncio.run(answer_together(people, after(arguments.seconds)))
        used = time.process_time() - used
        server.kill()
        seconds = np.concatenate([person.seconds for person in people])
        lost, doubled = lost_and_doubled(people, server.results)
    print(f"{len(people)} people, {len(seconds)} votes in {took:.1f} s: {len(seconds) / took:.0f} votes a second")
    of_server, of_people = (1e3 * used / len(seconds) for used in (server.processor, used))
    print(f"processor: {of_server:.1f} ms a vote by the server, {of_people:.1f} ms by the people")
    print("answer time: " + ", ".join(f"{q} % within {1e3 * np.percentile(seconds, q):.0f} ms" for q in (50, 95, 99)))
    print(f"acknowledged votes that are lost: {lost}; votes that nobody gave, or twice: {doubled}")


if __name__ == "__main__":
    main()
