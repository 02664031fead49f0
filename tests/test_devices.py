"""Devices: jobs side by side get different ones, for as long as they live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from activezoo.model import devices

JOB = """
import sys
from activezoo.model.devices import claim

print(*claim(sys.argv[2].split(), int(sys.argv[1])), flush=True)
"""
WAIT = "sys.stdin.read()"


@pytest.fixture
def job(process, tmp_path):
    """Start a job that claims so many of some devices; return it and what it got."""

    def start(number: int, *names: str, then: str = WAIT, visible: str | None = None):
        environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(devices.__file__).parents[2])}
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        command = [sys.executable, "-c", JOB + then, str(number), " ".join(names)]
        return process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    return start


def claimed(job) -> list[str]:
    return job.stdout.readline().split()


def test_jobs_side_by_side_get_different_devices(job):
    jobs = [job(1, *"abcd") for _ in range(4)]
    assert sorted(chain(*map(claimed, jobs))) == ["a", "b", "c", "d"]


def test_several_devices_for_each_job(job):
    jobs = [job(2, *"abcd") for _ in range(2)]
    first, second = map(claimed, jobs)
    assert len(first) == len(second) == 2
    assert sorted(first + second) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_device_of_an_ended_job_is_free(job, end):
    first, second = job(1, *"ab"), job(1, *"ab")
    of_first, of_second = claimed(first), claimed(second)
    if end == "kill":
        first.kill()
    first.communicate()
    assert claimed(job(1, *"ab")) == of_first
    second.communicate()
    assert claimed(job(1, *"ab")) == of_second


FORKS = {
    "fork": "import os\nos.fork() or print('child', flush=True)\nsys.stdin.read()",
    "pool": "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
    "with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:\n"
    "  pool.submit(print, 'child', flush=True).result()\n  sys.stdin.read()",
    "subprocess": "import subprocess\ncode = 'import sys; print(\"child\", flush=True); sys.stdin.read()'\n"
    "subprocess.run([sys.executable, '-c', code], close_fds=False)",
}


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS)
def test_children_do_not_keep_a_device(job, fork):
    first = job(1, *"ab", then=fork)
    assert claimed(first) == ["a"]
    assert claimed(first) == ["child"]
    assert claimed(job(1, *"ab")) == ["b"]  # nor does a child free it
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert claimed(job(1, *"ab")) == ["a"]


def test_devices_are_shared_evenly_where_too_few_are_free(job):
    jobs = [job(1, *"ab") for _ in range(6)]
    assert sorted(chain(*map(claimed, jobs))) == ["a", "a", "a", "b", "b", "b"]


def test_more_than_there_are(job):
    assert claimed(job(3, *"ab")) == ["a", "b"]
    assert claimed(job(3, *"ab")) == ["a", "b"]
    assert claimed(job(3)) == []


def test_none_wanted_takes_none(job, tmp_path):
    assert claimed(job(0, *"ab")) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", ["2,0", " 2, 0", "GPU-8c,GPU-1f", "MIG-GPU-8c/1/0,MIG-GPU-8c/2/0"])
def test_names_are_those_of_the_machine(job, names):
    """Each of these jobs calls the first device that it sees 0."""
    first, second = (name.strip() for name in names.split(","))
    assert claimed(job(1, "x", "y", visible=names)) == ["x"]
    assert claimed(job(1, "y", "x", visible=f"{second},{first}")) == ["y"]
    assert claimed(job(2, "x", "y", "z", visible=f"{names},7")) == ["x", "z"]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, ["0", "1"]), ("", ["0", "1"]), ("3", ["0", "1"]), ("3,4", ["3", "4"]), ("3,4,5", ["3", "4"])],
)
def test_visible_names(monkeypatch, visible, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.visible_names(2) == expected


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where this process has its locks."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield devices._folder()
    devices._forget()


def test_a_process_that_claims_again_gets_the_same(place, job):
    other = job(1, *"ab")
    assert claimed(other) == ["a"]
    assert devices.claim(["a", "b"], 1) == ["b"]
    other.communicate()
    assert devices.claim(["a", "b"], 1) == ["b"]
    assert devices.claim(["a", "b"], 2) == ["a", "b"]


def test_folder_is_private(place):
    assert place.stat().st_mode & 0o777 == 0o700


def test_does_without_a_folder_of_another_user(place, monkeypatch, caplog):
    owner = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    (place.parent / place.name.replace(f"-{owner}-", f"-{owner + 1}-")).mkdir()
    assert devices.claim(["a", "b", "c"], 2) == ["a", "b"]
    assert "belongs to another user" in caplog.text


def test_does_without_a_folder_that_cannot_be_made(place, caplog):
    place.rmdir()
    place.write_text("in the way")
    assert devices.claim(["a", "b", "c"], 2) == ["a", "b"]
    assert "cannot be locked" in caplog.text


def test_does_without_locks_where_the_file_system_has_none(place, monkeypatch, caplog):
    def flock(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    assert devices.claim(["a", "b", "c"], 2) == ["a", "b"]
    assert "No locks available" in caplog.text


def test_a_job_that_finds_fewer_gpus_than_it_asked_for_says_so(place, caplog):
    assert devices.claim([], 1) == []
    assert "GPUs: 1 are asked for, and TensorFlow sees 0" in caplog.text
    assert devices.claim(["a"], 2) == ["a"]
    assert "GPUs: 2 are asked for, and TensorFlow sees 1" in caplog.text
    caplog.clear()
    assert devices.claim(["a"], 1) == ["a"]
    assert not caplog.records
