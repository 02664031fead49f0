"""A lock counts while its holder may live, and no longer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from activezoo.running.locks import HOLDER, Holder, holder_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")

SOURCE = str(Path(__file__).parents[1] / "src")
SNAKEFILE = f"""
import sys

sys.path.insert(0, {SOURCE!r})
from activezoo.running.locks import ignore_locks_of_the_dead

ignore_locks_of_the_dead(workflow)


rule all:
    output:
        "done",
    shell:
        "echo $$ > started; read line < go; touch done"
"""


@pytest.fixture
def snakemake(tmp_path):
    """Start Snakemake; its one job writes its process id to `started` and ends when it can read from `go`."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    for name in ("started", "go"):
        os.mkfifo(tmp_path / name)
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy", "--rerun-incomplete"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen([*command, *arguments], cwd=tmp_path, start_new_session=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        with process:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def locks(folder):
    return sorted((folder / ".snakemake/locks").glob("*.lock"))


def kill_while_it_works(run, folder):
    """Kill a run and its job, and leave their lock and the marks of what is incomplete."""
    (folder / "started").read_text()
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert locks(folder)


def test_a_killed_run_goes_on_by_the_same_command(snakemake, tmp_path):
    for _ in range(2):  # also after a run that itself ignored a lock
        kill_while_it_works(snakemake(), tmp_path)
    run = snakemake()
    (tmp_path / "started").read_text()
    (tmp_path / "go").write_text("\n")
    out, _ = run.communicate()
    assert run.returncode == 0, out
    assert "does not count: that run has died" in out
    assert (tmp_path / "done").exists()
    assert locks(tmp_path) == []


def test_a_living_run_keeps_others_out_and_is_named(snakemake, tmp_path):
    living = snakemake()
    (tmp_path / "started").read_text()
    held = [path.read_text() for path in locks(tmp_path)]
    refused = snakemake()
    out, _ = refused.communicate()
    assert refused.returncode == 1
    assert f"Another run has locked its files here: process {living.pid} on " in out
    assert "--unlock" in out
    assert [path.read_text() for path in locks(tmp_path)] == held
    (tmp_path / "go").write_text("\n")
    assert living.wait() == 0


def test_a_dry_run_changes_nothing_and_sees_no_lock_of_the_dead(snakemake, tmp_path):
    kill_while_it_works(snakemake(), tmp_path)
    held = [(path.read_text(), path.stat().st_mtime_ns) for path in locks(tmp_path)]
    out, _ = snakemake("--dry-run").communicate()
    assert "cannot be locked" not in out
    assert [(path.read_text(), path.stat().st_mtime_ns) for path in locks(tmp_path)] == held


def test_a_lock_of_another_machine_counts(snakemake, tmp_path):
    kill_while_it_works(snakemake(), tmp_path)
    for path in locks(tmp_path):
        _, *files = path.read_text().splitlines()
        holder = holder_of(path)._replace(boot="another", host="elsewhere")
        path.write_text("\n".join([HOLDER + json.dumps(holder._asdict()), *files]) + "\n")
    run = snakemake()
    out, _ = run.communicate()
    assert run.returncode == 1
    assert f"locked its files here: {holder}" in out


@pytest.mark.parametrize("first_line", ["", "done", HOLDER, f"{HOLDER}{{}}", f"{HOLDER}[]", f"{HOLDER}nonsense"])
def test_a_lock_may_not_tell_its_holder(tmp_path, first_line):
    (tmp_path / "0.output.lock").write_text(f"{first_line}\ndone\n")
    assert holder_of(tmp_path / "0.output.lock") is None


def test_a_lock_that_does_not_tell_its_holder_counts(snakemake, tmp_path):
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("done\n")
    run = snakemake()
    out, _ = run.communicate()
    assert run.returncode == 1
    assert "cannot be locked" in out


def test_of_two_runs_that_start_together_one_is_refused(snakemake, tmp_path):
    runs = [snakemake(), snakemake()]
    (tmp_path / "started").read_text()
    refused = next(run for run in runs if run.pid != holder_of(locks(tmp_path)[0]).pid)
    out, _ = refused.communicate()
    assert refused.returncode == 1
    assert "cannot be locked" in out
    (tmp_path / "go").write_text("\n")
    assert [run.wait() for run in runs if run is not refused] == [0]


# Who can be dead


@pytest.fixture(scope="module")
def this():
    return Holder.this_process()


@pytest.fixture(scope="module")
def ended():
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_a_process_lives_until_it_ends(this):
    assert not this.is_dead(this)
    with subprocess.Popen(["sleep", "100"]) as child:
        started = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])
        holder = this._replace(pid=child.pid, started=started)
        assert not holder.is_dead(this)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert holder.is_dead(this)  # it has ended, but nobody has asked how
    assert holder.is_dead(this)


def test_a_later_process_of_the_same_number_is_another(this):
    assert this._replace(started=this.started - 1).is_dead(this)


def test_a_process_of_another_user_that_hides_lives(this, monkeypatch):
    def denied(pid, number):
        raise PermissionError

    monkeypatch.setattr("os.kill", denied)
    assert not this._replace(pid=1).is_dead(this)


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({"boot": "before"}, True),  # this machine has started anew
        ({"boot": "before", "machine": "other"}, False),
        ({"boot": "before", "host": "other"}, False),
        ({"pid_namespace": "pid:[1]"}, False),  # another container of this machine
    ],
)
def test_only_what_ran_on_this_machine_can_be_known_to_be_dead(this, ended, change, dead):
    here = this._replace(machine="id")
    assert here._replace(pid=ended, **change).is_dead(here) == dead


def test_without_a_machine_id_a_restart_proves_nothing(this, ended):
    here = this._replace(machine="")
    assert not here._replace(pid=ended, boot="before").is_dead(here)
    assert here._replace(pid=ended).is_dead(here)
