"""Daemons that a test starts: their ports, and their end."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def end(pid_file: Path) -> None:
    """End a daemon, and wait until it has ended; by force if it takes ten seconds."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        daemon = os.pidfd_open(int(pid_file.read_text()))
        signal.pidfd_send_signal(daemon, signal.SIGTERM)
        if not select.select([daemon], [], [], 10)[0]:
            signal.pidfd_send_signal(daemon, signal.SIGKILL)
        os.close(daemon)


def wait_until(condition: Callable[[], bool], seconds: int = 120) -> None:
    """Ask again and again; schedulers tell nobody when something has happened."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the scheduler does not get there"
        time.sleep(0.2)
