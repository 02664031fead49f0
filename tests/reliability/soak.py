"""Disturb a small run at random moments, again and again; each time, the same command must end with the same bits.

    nice python tests/reliability/soak.py --faults 80 --seed 1

It prints a table of faults and outcomes, and ends with status 1 if any bit differs or any run did not go on by itself.
Faults of the disk need root, for the run then lies in a file system of its own. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from workflow_runs import SMOKE, command

SMALLER = {"survey": {"simulated": {"galaxies": 120}}, "loop": {"seeds": [1]}, "pool": {"shards": 1}}
TARGETS = ("results/smoke/smooth/savings.parquet", "results/smoke/figures/smooth/learning_curves.png")
SUFFIXES = {".parquet", ".h5", ".csv", ".json", ".png", ".pdf", ".jpg", ".tfrecord"}
LATE_FILES = Path(__file__).with_name("late_files")
ROOM = "256m"
DAY = 24 * 3600
# Seconds: without warm processes, a step whose run is killed goes on to its end.
LONGEST_STEP = 600
# What a second run in a folder is told; the latter if a file goes away while it makes its plan.
REFUSALS = ("Another run has locked its files here", "a concurrent process has deleted it")
# What a user would have to do something about.
COMPLAINTS = ("--unlock", "--rerun-incomplete", "IncompleteFilesException", "ProtectedOutputException")


class Ended(Exception):
    """The run has ended before the fault could happen."""


class Run:
    """One start of Snakemake in a folder."""

    def __init__(self, folder: Path, *arguments: str, **environment: str):
        self.folder = folder
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  it lives as long as the run
        self.process = subprocess.Popen(
            command(folder, *TARGETS, *arguments, configfiles=(SMOKE, folder.parent / "smaller.yaml")),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,
        )

    def works_for(self, seconds: float) -> None:
        """Let it work; raise `Ended` if it is done before."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            raise Ended

    def end(self) -> tuple[int, str]:
        """Wait until it and all its children have ended; return its exit status and what it printed."""
        status = self.process.wait()
        latest = time.monotonic() + LONGEST_STEP
        while left := [process for process in psutil.process_iter() if self._is_of_this_run(process)]:
            if time.monotonic() > latest:
                raise AssertionError(f"processes outlive their run: {[process.cmdline() for process in left]}")
            time.sleep(0.05)
        self.log.seek(0)
        return status, self.log.read()

    def _is_of_this_run(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, ProcessLookupError):
            return os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE
        return False

    def server(self) -> psutil.Process:
        """The server that forks jobs."""
        return self._wait_for(lambda: [child for child in self._children(self.process.pid) if is_server(child)])

    def job(self) -> psutil.Process:
        """A process that does a step's work, or its client."""
        return self._wait_for(
            lambda: [
                process
                for process in self._children(self.process.pid, recursive=True)
                if "activezoo" in " ".join(process.cmdline()) and process.ppid() != self.process.pid
            ]
        )

    def _children(self, pid: int, **options) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return psutil.Process(pid).children(**options)
        return []

    def _wait_for(self, candidates: Callable[[], list[psutil.Process]]) -> psutil.Process:
        while self.process.poll() is None:
            with suppress(psutil.Error, IndexError):
                return random.choice(candidates())
            time.sleep(0.01)
        raise Ended


def is_server(process: psutil.Process) -> bool:
    return "activezoo.running.forkserver" in process.cmdline()


def signal_driver(number: signal.Signals):
    def fault(run: Run) -> None:
        run.process.send_signal(number)

    return fault


def signal_job(number: signal.Signals):
    def fault(run: Run) -> None:
        with suppress(psutil.NoSuchProcess):
            run.job().send_signal(number)

    return fault


def kill_everything(run: Run) -> None:
    os.killpg(run.process.pid, signal.SIGKILL)


def kill_server(run: Run) -> None:
    with suppress(psutil.NoSuchProcess):
        run.server().kill()


def fill_disk(run: Run) -> None:
    """Leave less room than the next files take; there is some again when the run has ended."""
    used = shutil.disk_usage(run.folder).used
    remount(run.folder, f"size={used + random.randrange(20_000)}")
    run.end()
    remount(run.folder, f"size={ROOM}")


def forbid_writing(run: Run) -> None:
    """Make the folder read-only, as soon as no file is open for writing, until the run has ended."""
    while run.process.poll() is None:
        with suppress(subprocess.CalledProcessError):
            remount(run.folder, "ro")
            run.end()
            remount(run.folder, "rw")
            return
    raise Ended


def start_another(run: Run) -> None:
    """Start the same command once more: it must be refused, and leave the first alone."""
    status, printed = Run(run.folder).end()
    if run.process.poll() is None and (status == 0 or not any(refusal in printed for refusal in REFUSALS)):
        raise AssertionError(f"a second run in the same folder was not refused:\n{printed}")


def move_clock(seconds: int):
    """Kill all, and give all files so far times as if the clock had been wrong until now."""

    def fault(run: Run) -> None:
        kill_everything(run)
        run.end()
        for path in run.folder.rglob("*"):
            status = path.lstat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 10**9), follow_symlinks=False)

    return fault


def see_files_late(run: Run) -> None:
    """Nothing more: the run was started with files that appear late."""
    run.process.wait()


class Fault(NamedTuple):
    happen: Callable[[Run], None]
    is_kill: bool = False
    run_goes_on: bool = False
    needs_own_disk: bool = False
    late_files: bool = False
    share: int = 1


# A job that was killed is tried again, as on a cluster.
RETRIES = ("--retries", "3")
LATENCY_WAIT = ("--latency-wait", "30")
LATE = {"PYTHONPATH": os.pathsep.join(filter(None, [str(LATE_FILES), os.environ.get("PYTHONPATH")]))}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FAULTS = {
    **{f"Snakemake gets {number.name}": Fault(signal_driver(number), is_kill=True) for number in SIGNALS},
    **{
        f"a job gets {number.name}": Fault(signal_job(number), is_kill=True, run_goes_on=True, share=3)
        for number in SIGNALS
    },
    "all processes get SIGKILL": Fault(kill_everything, is_kill=True),
    "the server of warm processes gets SIGKILL": Fault(kill_server, is_kill=True, run_goes_on=True),
    "all get SIGKILL; files seem a day newer (clock goes back)": Fault(move_clock(DAY), is_kill=True),
    "all get SIGKILL; files seem a day older (clock goes forth)": Fault(move_clock(-DAY), is_kill=True),
    "disk full": Fault(fill_disk, needs_own_disk=True),
    "folder read-only": Fault(forbid_writing, needs_own_disk=True),
    "a second run in the folder": Fault(start_another, run_goes_on=True),
    "files appear up to three seconds late": Fault(see_files_late, late_files=True),
}


@contextmanager
def own_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system at a folder, if this user may."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder], capture_output=True)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True, capture_output=True)


def digests(folder: Path) -> dict[str, str]:
    """Checksums of all results, but for records of runs, which tell the time."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("results/**/*")
        if path.suffix in SUFFIXES and path.parent.name != "provenance" and not path.name.startswith(".")
    }


def finished(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Let a run end undisturbed; return checksums of its results, and what was wrong with it."""
    status, printed = Run(folder).end()
    wrong = [] if status == 0 else [f"the same command failed:\n{printed}"]
    wrong += [f"{complaint} in:\n{printed}" for complaint in COMPLAINTS if complaint in printed]
    if not wrong:
        _, plan = Run(folder, "--dry-run").end()
        wrong += [] if "Nothing to be done" in plan else [f"a finished run has something to do:\n{plan}"]
    return digests(folder), wrong


def in_random_order(names: Iterable[str]) -> Iterator[tuple[str, Fault]]:
    """Faults without end: each as often as its share, in a new order each time."""
    names = [name for name in names for _ in range(FAULTS[name].share)]
    while True:
        yield from ((name, FAULTS[name]) for name in random.sample(names, len(names)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=80, help="how many faults")
    parser.add_argument("--in-one-run", type=int, default=14, help="how many of them until a run may end")
    parser.add_argument("--pause", type=float, help="seconds between them at most; a twelfth of an undisturbed run")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and of the order of faults")
    parser.add_argument("--only", choices=FAULTS, action="append", help="this fault; may be repeated")
    options = parser.parse_args()
    random.seed(options.seed)
    happened, failed, runs = Counter(), Counter(), 0
    faults = in_random_order(options.only or FAULTS)
    with tempfile.TemporaryDirectory(prefix="activezoo-soak-") as place:
        place = Path(place)
        (place / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
        start = time.monotonic()
        reference, wrong = finished(place / "reference")
        duration = time.monotonic() - start
        if wrong:
            raise SystemExit("\n".join(wrong))
        print(f"undisturbed: {duration:.0f} s, {len(reference)} files compared", flush=True)
        while happened.total() < options.faults:
            runs += 1
            folder = place / f"run_{runs}"
            in_this_run: list[str] = []
            warm = {} if runs % 3 else {"ACTIVEZOO_FORKSERVER": ""}  # every third run does without warm processes
            with own_disk(folder) as has_own_disk:
                run = None
                while len(in_this_run) < options.in_one_run:
                    name, fault = next(faults)
                    if (
                        (fault.needs_own_disk and not has_own_disk)
                        or (fault.happen is kill_server and warm)
                        or (fault.late_files and run)
                    ):
                        continue
                    if run is None:
                        arguments, environment = (LATENCY_WAIT, LATE) if fault.late_files else ((), {})
                        run = Run(folder, *RETRIES, *arguments, **warm, **environment)
                    try:
                        if not fault.late_files:
                            run.works_for(random.uniform(0.5, options.pause or duration / 12))
                        fault.happen(run)
                    except Ended:
                        break
                    in_this_run.append(name)
                    print(f"run {runs}, fault {happened.total() + len(in_this_run)}: {name}", flush=True)
                    if not fault.run_goes_on:
                        run.end()
                        run = None
                if run:
                    run.end()
                found, wrong = finished(folder)
            changed = sorted(path for path in reference.keys() | found if reference.get(path) != found.get(path))
            wrong += [f"differs from the undisturbed run: {path}" for path in changed]
            happened.update(in_this_run)
            failed.update(in_this_run if wrong else [])
            print(f"run {runs}: {'; '.join(wrong) or 'the same bits'}", flush=True)
            shutil.rmtree(folder)
    kills = sum(happened[name] for name in FAULTS if FAULTS[name].is_kill)
    print(f"\n{runs} runs, {happened.total()} faults, {kills} of them kills\n")
    print("| fault | times | in runs that ended otherwise |\n|---|---|---|")
    for name in FAULTS:
        print(f"| {name} | {happened[name]} | {failed[name]} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
