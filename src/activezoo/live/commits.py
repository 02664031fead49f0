"""Many small changes of one database, from an event loop: those that wait are committed together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from activezoo.live.store import Store

# Changes of one commit, between which nothing else happens in the event loop.
_TOGETHER = 100


class _Change(NamedTuple):
    function: Callable[[], Any]
    done: asyncio.Future


class Commits:
    """What alone changes a store.

    To reach the disk takes milliseconds, however much is written. So whatever has come while the last commit was on its
    way shares the next one. A change that raises is undone alone.

    Changes are made in the event loop. In a thread of their own, each statement would wait for the interpreter's lock,
    and the loop for that thread. Only to wait for other writers, and for the disk, is left to a thread.
    """

    def __init__(self, store: Store):
        self._store = store
        self._waiting: list[_Change] = []
        self._thread = ThreadPoolExecutor(1, "commits")
        self._work: asyncio.Task | None = None

    async def run(self, function: Callable[[], Any]) -> Any:
        """Call a function within a transaction; return what it returns once that is on disk."""
        change = _Change(function, asyncio.get_running_loop().create_future())
        self._waiting.append(change)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._commit_all())
        return await change.done

    async def close(self) -> None:
        """Commit what waits."""
        if self._work is not None:
            await self._work
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            results = await self._commit(batch)
            for change, result in zip(batch, results, strict=True):
                _resolve(change.done, result)

    async def _commit(self, batch: list[_Change]) -> list[Any]:
        """The result of each change, or what it raised: if they could not be committed, the same for all."""
        loop = asyncio.get_running_loop()
        try:
            try:
                self._store.begin(patience=0)
            except sqlite3.OperationalError:  # another connection writes now
                await loop.run_in_executor(self._thread, self._store.begin)
            results = [self._result(change.function) for change in batch]
            await loop.run_in_executor(self._thread, self._store.commit)
        except Exception as error:
            self._store.roll_back()
            return [error] * len(batch)
        return results

    def _result(self, function: Callable[[], Any]) -> Any:
        try:
            with self._store.part():
                return function()
        except Exception as error:
            return error


def _resolve(done: asyncio.Future, result: Any) -> None:
    if done.cancelled():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
