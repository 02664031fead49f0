"""The workflow on a real Grid Engine, through the profile for any scheduler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import yaml

import grid_engine
from daemons import wait_until
from test_profiles import PREAMBLE, SMOKE, linked_checkout
from test_slurm import SMALLER, SURVEY, WAITING, ends_well, read_until

pytestmark = pytest.mark.skipif(grid_engine.why_not() is not None, reason=str(grid_engine.why_not()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with grid_engine.GridEngine(tmp_path_factory.mktemp("sge")) as cluster:
        yield cluster


@pytest.fixture
def start(cluster, process, tmp_path):
    """Start Snakemake with the profile for any scheduler, in a folder that looks like this checkout."""
    linked_checkout(tmp_path)
    (tmp_path / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    environment = cluster.environment | {"ACTIVEZOO_SCHEDULER": "profiles/generic/grid_engine.sh"}

    def start(*arguments):
        command = [
            *(sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/generic"),
            *("--cores", "2", "--latency-wait", "5", "--seconds-between-status-checks", "1", *arguments),
        ]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return process(command, cwd=tmp_path, env=environment, **output)

    return start


def test_smoke_run(start, cluster, tmp_path):
    """To the table of savings, iterations packed, with GPUs."""
    table = "results/smoke/smooth/savings.parquet"
    ends_well(start(table, "--groups", *SURVEY, "--group-components", "iteration=1", *SMOKE, "smaller.yaml"))
    assert (tmp_path / table).exists()
    jobs = cluster.jobs()
    assert {(job["exit_status"], job["failed"]) for job in jobs} == {("0", "0")}
    with_gpu = {job["jobname"].partition("_smooth")[0] for job in jobs if "gpu=1" in job["category"]}
    assert with_gpu == {"start", "iterations"}
    assert len(jobs) == 4


def test_job_killed_by_qdel_is_tried_again_with_more_memory(cluster, start, tmp_path):
    os.mkfifo(tmp_path / "started")
    (tmp_path / "waiting.smk").write_text(PREAMBLE + WAITING)
    run = start("--snakefile", "waiting.smk", "--resources", "gpu=0")
    number = read_until(run, "with external jobid").rpartition("'")[0].rpartition("'")[2]
    assert (tmp_path / "started").read_text() == "100\n"
    cluster.run("qdel", number)
    assert (tmp_path / "started").read_text() == "200\n"
    ends_well(run)
    killed, again = cluster.jobs()[-2:]
    assert "mem_free=100M" in killed["category"]
    assert killed["exit_status"] != "0"
    assert "mem_free=200M" in again["category"]
    assert again["exit_status"] == "0"


def test_interrupt_cancels_jobs_that_wait(cluster, start, tmp_path):
    (tmp_path / "waiting.smk").write_text(PREAMBLE + WAITING)
    cluster.run("qmod", "-d", "all.q")
    try:
        run = start("--snakefile", "waiting.smk")
        read_until(run, "with external jobid")
        assert cluster.run("qstat").count(" qw ") == 1
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert run.returncode != 0
        wait_until(lambda: not cluster.run("qstat"))
    finally:
        cluster.run("qmod", "-e", "all.q")
