"""Many small changes of one database, from an event loop: those that wait are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from activezoo.live.store import Store

# Changes of one commit; none waits longer than these take.
_TOGETHER = 100


class _Change(NamedTuple):
    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future


class Commits:
    """A thread that alone changes a store.

    To reach the disk takes milliseconds, however much is written. So whatever has come while the last commit was on its
    way shares the next one. A change that raises is undone alone.
    """

    def __init__(self, store: Store):
        self._store = store
        self._waiting: SimpleQueue[_Change | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="commits", daemon=True)
        self._thread.start()

    async def run(self, function: Callable[[], Any]) -> Any:
        """Call a function within a transaction; return what it returns once that is on disk."""
        loop = asyncio.get_running_loop()
        change = _Change(function, loop, loop.create_future())
        self._waiting.put(change)
        return await change.done

    def close(self) -> None:
        """Commit what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            results = self._commit(batch)
            for change, result in zip(batch, results, strict=True):
                change.loop.call_soon_threadsafe(_resolve, change.done, result)

    def _take(self) -> list[_Change]:
        """The changes that wait, at least one; none at the end."""
        batch = [self._waiting.get()]
        while batch[-1] is not None and len(batch) < _TOGETHER:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                return batch
        if batch[-1] is None:
            self._waiting.put(None)  # for the next time
            batch.pop()
        return batch

    def _commit(self, batch: list[_Change]) -> list[Any]:
        """The result of each change, or what it raised: if they could not be committed, the same for all."""
        results = []
        try:
            with self._store.transaction():
                for change in batch:
                    try:
                        with self._store.part():
                            results.append(change.function())
                    except Exception as error:
                        results.append(error)
        except Exception as error:
            return [error] * len(batch)
        return results


def _resolve(done: asyncio.Future, result: Any) -> None:
    if done.cancelled():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
