"""Locks of runs that died, which count no longer.

Snakemake locks the files of a run against other runs. If it is killed, by `kill -9` or a power cut, its locks stay, and
the next run is refused until somebody types `--unlock`. So here a lock tells who holds it. It counts as long as the
holder may live. A holder is dead only if that is certain: its process is gone from the same running kernel, or the same
machine has started anew since. What was started on another machine may live.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

HOLDER = "held by "
"""How the first line of a lock file starts. The other lines are the locked files; none of them has such a name."""

LOCKS = "[0-9]*.*.lock"

SLURM_RUN = re.compile(r"SLURM run ID: ([\w-]+)")
"""How a run's log names all its jobs on Slurm."""


class Holder(NamedTuple):
    """A process that holds a lock, and where it runs."""

    host: str
    machine: str
    """The machine's id, which outlives a restart; empty where there is none, as in most containers."""
    boot: str
    """Changes whenever the kernel starts."""
    pid_namespace: str
    """Each container has its own, and a process number means something only within one."""
    pid: int
    started: int | None
    """Clock ticks from the start of the kernel to that of the process: no later process of the same number has it."""
    since: str
    log: str = ""
    """Snakemake's log of the run."""

    @classmethod
    def this_process(cls) -> Holder:
        """This process, which has no log yet.

        Raises
        ------
        OSError
            The system does not tell so much; only Linux does.
        """
        machine = Path("/etc/machine-id")
        return cls(
            host=socket.gethostname(),
            machine=machine.read_text().strip() if machine.exists() else "",
            boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            pid_namespace=os.readlink("/proc/self/ns/pid"),
            pid=os.getpid(),
            started=_start_of_running(os.getpid()),
            since=f"{datetime.now().astimezone():%Y-%m-%d %H:%M %z}",
        )

    def is_dead(self, observer: Holder) -> bool:
        """Whether the observer, this process, can be certain that the holder has ended."""
        if (self.boot, self.pid_namespace) == (observer.boot, observer.pid_namespace):
            try:
                os.kill(self.pid, 0)
                return _start_of_running(self.pid) != self.started
            except ProcessLookupError:
                return True
            except OSError:  # another user's process, of which the system tells no more
                return False
        same_machine = bool(self.machine) and (self.host, self.machine) == (observer.host, observer.machine)
        return same_machine and self.boot != observer.boot

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


def _start_of_running(pid: int) -> int | None:
    """Clock ticks from the start of the kernel to that of a process; None of one that has ended but for its number."""
    # The second word, the name of the program, may hold spaces and parentheses.
    state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return None if state in "ZX" else int(numbers[18])


def holder_of(lock: str | Path) -> Holder | None:
    """Who holds a lock, by its file; None if the file does not tell, or is gone."""
    with suppress(OSError, ValueError, TypeError):
        first = Path(lock).read_text(encoding="utf-8").partition("\n")[0]
        return Holder(**json.loads(first.removeprefix(HOLDER))) if first.startswith(HOLDER) else None
    return None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait for other processes that are in this block with the same folder, if the file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def left_behind(log: str) -> str:
    """What to do about Slurm jobs of a run that has died, by its log; nothing if it had none."""
    with suppress(OSError):
        if run := SLURM_RUN.search(Path(log).read_text(encoding="utf-8", errors="replace")):
            return f" Its jobs may still run; this ends them: scancel --name={run[1]}"
    return ""


def ignore_locks_of_the_dead(workflow) -> None:
    """Let Snakemake tell in its locks who holds them, and ignore those of the dead; called while it reads a workflow.

    No lock is removed here, so that a dry run changes nothing. Snakemake removes all when a run ends. Besides, of two
    runs that start at the same moment, one is refused. By itself, Snakemake first looks and then locks.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.
    """
    with suppress(ImportError, AttributeError, OSError):  # then a lock counts until `--unlock`
        from snakemake.exceptions import LockException
        from snakemake.logging import logger
        from snakemake.persistence.file import FilePersistence

        this = Holder.this_process()
        told = set()
        lock, write = FilePersistence.lock, FilePersistence._write_locks

        def write_with_holder(self, kind, files):
            files = list(files)
            holder = this._replace(log=next(iter(workflow.logger_manager.get_logfile()), ""))
            write(self, kind, [HOLDER + json.dumps(holder._asdict()), *files] if files else [])

        def read_those_of_the_living(self):
            for path in sorted(Path(self._lockdir).glob(LOCKS)):
                holder = holder_of(path)
                if holder and holder.is_dead(this):
                    if holder not in told:
                        logger.info(f"The lock of {holder} does not count: that run has died.{left_behind(holder.log)}")
                    told.add(holder)
                    continue
                with suppress(FileNotFoundError):  # the other run ends just now
                    yield from ((path.suffixes[0].removeprefix("."), line) for line in path.read_text().splitlines())

        @contextmanager
        def lock_and_say_who_does(self):
            with ExitStack() as stack:
                with _one_at_a_time(self.path):
                    try:
                        stack.enter_context(lock(self))
                    except LockException:
                        holders = {holder_of(path) for path in Path(self._lockdir).glob(LOCKS)} - {None}
                        for holder in sorted(holder for holder in holders if not holder.is_dead(this)):
                            logger.error(f"Another run has locked its files here: {holder}.")
                        raise
                yield

        FilePersistence._write_locks = write_with_holder
        FilePersistence._read_locks = read_those_of_the_living
        FilePersistence.lock = lock_and_say_who_does
