"""The workflow on a real Slurm: partitions, GPUs, packed iterations, retries, and nodes and drivers that fail."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

import pytest
import yaml

import slurm_cluster
from daemons import wait_until
from test_profiles import PREAMBLE, SMOKE, linked_checkout
from workflow_runs import ROOT, snakemake

SMALLER = {
    "loop": {"seeds": [1], "iterations": 1, "strategies": ["bald"]},
    "images": {"shards": 1},
    "pool": {"shards": 1},
}
# All in one submission, so that Snakemake starts less often.
RULES = ("simulate_survey", "catalogue", "votes", "check_images", "store_images", "index_images")
SURVEY = [f"{rule}=survey" for rule in RULES]

pytestmark = pytest.mark.skipif(slurm_cluster.why_not() is not None, reason=str(slurm_cluster.why_not()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def start(cluster, process, tmp_path):
    """Start Snakemake with the profile for Slurm, in a folder that looks like this checkout."""
    linked_checkout(tmp_path)
    (tmp_path / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))

    def start(*arguments):
        command = [
            *(sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"),
            *("--slurm-partition-config", str(cluster.partitions), "--cores", "2", "--latency-wait", "5"),
            *("--slurm-init-seconds-before-status-checks", "1", *arguments),
        ]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return process(command, cwd=tmp_path, env=cluster.environment, **output)

    return start


@pytest.fixture
def new_jobs(cluster):
    """Fields of the jobs that were submitted since the test began."""
    before = len(cluster.jobs("%i"))
    return lambda *fields: cluster.jobs(*fields)[before:]


def ends_well(run):
    printed, _ = run.communicate()
    assert run.returncode == 0, printed
    return printed


def read_until(run, words):
    """The next line with some words that a run prints."""
    printed = []
    for line in run.stdout:
        printed.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} never came:\n{''.join(printed)}")


def digests(folder):
    """Of tables, images and weights, whose bits may not depend on where they were made."""
    files = [path for kind in ("parquet", "h5", "tfrecord") for path in (folder / "results").rglob(f"[!.]*.{kind}")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_smoke_run(start, cluster, new_jobs, tmp_path):
    """From submit to report, iterations packed, with GPUs, the driver killed and started again. Same bits as here."""
    arguments = ("--groups", *SURVEY, "--group-components", "iteration=1", *SMOKE, "smaller.yaml")
    driver = start(*arguments)
    name = read_until(driver, "SLURM run ID").split()[-1]
    for _ in range(2):
        read_until(driver, "has been submitted")
    driver.kill()
    driver.wait()
    cluster.run("scancel", f"--name={name}")
    again = start(*arguments)
    assert f"this ends them: scancel --name={name}" in read_until(again, "that run has died")
    ends_well(again)
    assert (tmp_path / "results/smoke/results.html").exists()

    jobs = new_jobs("%i", "%j", "%k", "%P", "%T")
    assert {state for _, run, *_, state in jobs if run != name} == {"COMPLETED"}
    shown = cluster.run("scontrol", "show", "job", "--oneliner").splitlines()
    with_gpu = {line.split()[0] for line in shown if "TresPerJob=gres:gpu:1" in line}
    assert {f"JobId={number}" for number, *_, where, _ in jobs if where == "gpu"} == with_gpu
    on_gpus = {what.partition("_smooth")[0] for *_, what, where, _ in jobs if where == "gpu"}
    assert on_gpus == {"rule_start", "rule_iterations"}

    made = digests(tmp_path)
    (tmp_path / "here").mkdir()
    target = "results/smoke/smooth/savings.parquet"
    snakemake(tmp_path / "here", target, configfiles=(ROOT / SMOKE[1], tmp_path / "smaller.yaml"))
    expected = digests(tmp_path / "here")
    assert target in expected
    assert {path: made[path] for path in expected} == expected


WAITING = """
rule wait:
    output: "whole"
    log: "wait.log"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt, runtime=60, gpu=1
    shell: "echo {resources.mem_mb} >started; [ {resources.mem_mb} != 100 ] || tail -f /dev/null; touch {output}"
"""


@pytest.fixture
def wait(start, tmp_path):
    """Start a run whose job ends by itself the second time it is tried."""
    (tmp_path / "waiting.smk").write_text(PREAMBLE + WAITING)
    return lambda *arguments: start("--snakefile", "waiting.smk", *arguments)


def test_job_killed_by_scancel_is_tried_again_with_more_memory(cluster, wait, new_jobs, tmp_path):
    """It would like a GPU, but the user says that there is none."""
    os.mkfifo(tmp_path / "started")
    run = wait("--resources", "gpu=0")
    assert (tmp_path / "started").read_text() == "100\n"
    cluster.run("scancel", new_jobs("%i")[0][0])
    assert (tmp_path / "started").read_text() == "200\n"
    ends_well(run)
    assert new_jobs("%P", "%m", "%T") == [("cpu", "100M", "CANCELLED"), ("cpu", "200M", "COMPLETED")]


def test_interrupt_cancels_jobs_that_wait(cluster, wait, new_jobs, tmp_path):
    """At once, and the folder is free for the next run."""
    with cluster.unusable("one,two", "drain"):
        run = wait("--slurm-init-seconds-before-status-checks", "600")
        read_until(run, "has been submitted")
        assert new_jobs("%P", "%T") == [("gpu", "PENDING")]
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert run.returncode != 0
        assert new_jobs("%T") == [("CANCELLED",)]
        assert not list((tmp_path / ".snakemake/locks").glob("*"))


CHAIN = """
rule second:
    input: "first"
    output: "whole"
    log: "second.log"
    resources: mem_mb=10, runtime=60, gpu=0
    shell: "echo $SLURMD_NODENAME >started; read line <go; touch {output}"

rule first:
    output: "first"
    log: "first.log"
    resources: mem_mb=10, runtime=60, gpu=0
    shell: "echo $SLURMD_NODENAME >started; read line <go; touch {output}"
"""


def test_nodes_drained_and_lost(cluster, start, new_jobs, tmp_path):
    """A job ends on the node that is drained; the next goes elsewhere; and is started again when its node is lost."""
    for name in ("started", "go"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "chain.smk").write_text(PREAMBLE + CHAIN)
    run = start("--snakefile", "chain.smk")
    drained = (tmp_path / "started").read_text().strip()
    with cluster.unusable(drained, "drain"):
        (tmp_path / "go").write_text("on\n")
        other = (tmp_path / "started").read_text().strip()
        assert {drained, other} == {"one", "two"}
    with cluster.lost(other):
        wait_until(lambda: new_jobs("%T")[1] == ("PENDING",))
        (job,) = new_jobs("%i")[1]
        cluster.run("scontrol", "update", f"jobid={job}", "starttime=now")  # else in two minutes
        assert (tmp_path / "started").read_text().strip() == drained
        (tmp_path / "go").write_text("on\n")
        ends_well(run)
    assert new_jobs("%N", "%T") == [(drained, "COMPLETED"), (drained, "COMPLETED")]
