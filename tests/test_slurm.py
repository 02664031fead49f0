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
from test_profiles import SMOKE, linked_checkout
from workflow_runs import ROOT, snakemake

SMALLER = {
    "loop": {"seeds": [1], "iterations": 1, "strategies": ["bald"]},
    "images": {"shards": 1},
    "pool": {"shards": 1},
}
LONGER = {"loop": {"iterations": 2}}

pytestmark = pytest.mark.skipif(slurm_cluster.why_not() is not None, reason=str(slurm_cluster.why_not()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def start(cluster, tmp_path):
    """Start Snakemake with the profile for Slurm, in a folder that looks like this checkout."""
    processes = []

    linked_checkout(tmp_path)
    (tmp_path / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    (tmp_path / "longer.yaml").write_text(yaml.safe_dump(LONGER))

    def start(*arguments):
        command = [
            *(sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"),
            *("--slurm-partition-config", str(cluster.partitions), "--cores", "2", "--latency-wait", "5"),
            *("--slurm-init-seconds-before-status-checks", "1", *arguments),
        ]
        output = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=cluster.environment, **output))
        return processes[-1]

    yield start
    for process in processes:
        with process:
            process.kill()


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
    """Of all finished tables, images and weights of a run, whose bits may not depend on where it ran."""
    files = [path for kind in ("parquet", "h5", "tfrecord") for path in (folder / "results").rglob(f"[!.]*.{kind}")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_smoke_run(start, cluster, new_jobs, tmp_path):
    """On GPUs, to the report; then an iteration more, packed, without GPUs, the driver killed. Same bits as here."""
    ends_well(start(*SMOKE, "smaller.yaml"))
    assert (tmp_path / "results/smoke/results.html").exists()
    jobs = new_jobs("%i", "%k", "%P", "%T")
    assert {state for *_, state in jobs} == {"COMPLETED"}
    shown = cluster.run("scontrol", "show", "job", "--oneliner").splitlines()
    with_gpu = {line.split()[0] for line in shown if "TresPerJob=gres:gpu:1" in line}
    assert {f"JobId={number}" for number, _, where, _ in jobs if where == "gpu"} == with_gpu
    on_gpus = {what.split("_wildcards")[0] for _, what, where, _ in jobs if where == "gpu"}
    assert on_gpus == {"rule_train", "rule_evaluate", "rule_predict_pool"}

    more = ("--group-components", "iteration=2", "--resources", "gpu=0", *SMOKE, "smaller.yaml", "longer.yaml")
    driver = start(*more)
    name = read_until(driver, "SLURM run ID").split()[-1]
    read_until(driver, "has been submitted")
    driver.kill()
    driver.wait()
    cluster.run("scancel", f"--name={name}")
    ends_well(start("--unlock", *more))
    ends_well(start(*more))
    later = new_jobs("%j", "%k", "%P")[len(jobs) :]
    assert {where for *_, where in later} == {"cpu"}
    packed = [what for run, what, _ in later if run != name and "iterations_smooth_1_bald" in what]
    assert len(packed) == 1
    assert "label_predict_pool_rank_train" in packed[0]

    (tmp_path / "here").mkdir()
    snakemake(tmp_path / "here", configfiles=(ROOT / SMOKE[1], tmp_path / "smaller.yaml", tmp_path / "longer.yaml"))
    assert digests(tmp_path) == digests(tmp_path / "here")


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        (("--set-resources", "train:runtime=100000"), "train fits no partition"),
        (("--set-resources", "evaluate:gpu=3", "--resources", "gpu=4"), "evaluate fits no partition"),
        (("--set-resources", "catalogue:mem_mb=7000"), "catalogue fits no partition"),
    ],
)
def test_what_fits_no_partition_is_refused(start, new_jobs, demand, said):
    run = start(*demand, *SMOKE)
    printed, _ = run.communicate()
    assert run.returncode == 1, printed
    assert said in printed
    assert "Traceback" not in printed
    assert not new_jobs("%i")


PREAMBLE = """
import sys

sys.path.insert(0, "src")
from activezoo.running import clusters

clusters.look_after_jobs_steadily()

"""
WAITING = """
rule wait:
    output: "whole"
    log: "wait.log"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt, runtime=60, gpu=0
    shell: "echo {resources.mem_mb} >started; [ {resources.mem_mb} != 100 ] || tail -f /dev/null; touch {output}"
"""


@pytest.fixture
def waiting(start, tmp_path):
    """A run with a job that ends by itself the second time it is tried; and what the job says when it starts."""
    os.mkfifo(tmp_path / "started")
    (tmp_path / "waiting.smk").write_text(PREAMBLE + WAITING)
    return start("--snakefile", "waiting.smk"), (tmp_path / "started").read_text


def test_job_killed_by_scancel_is_tried_again_with_more_memory(cluster, waiting, new_jobs):
    run, starts = waiting
    assert starts() == "100\n"
    cluster.run("scancel", new_jobs("%i")[0][0])
    assert starts() == "200\n"
    ends_well(run)
    assert new_jobs("%m", "%T") == [("100M", "CANCELLED"), ("200M", "COMPLETED")]


def test_interrupt_cancels_jobs_that_wait(cluster, start, new_jobs, tmp_path):
    """At once, and the folder is free for the next run."""
    cluster.run("scontrol", "update", "nodename=one,two", "state=drain", "reason=test")
    try:
        arguments = ("--slurm-init-seconds-before-status-checks", "600", *SMOKE)
        run = start(*arguments)
        read_until(run, "has been submitted")
        assert new_jobs("%T") == [("PENDING",)]
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert run.returncode != 0
        assert new_jobs("%T") == [("CANCELLED",)]
        assert not list((tmp_path / ".snakemake/locks").glob("*"))
    finally:
        cluster.run("scontrol", "update", "nodename=one,two", "state=resume")


CHAIN = """
rule second:
    input: "first"
    output: "whole"
    log: "second.log"
    resources: mem_mb=10, runtime=60, gpu=0
    shell: "touch {output}"

rule first:
    output: "first"
    log: "first.log"
    resources: mem_mb=10, runtime=60, gpu=0
    shell: "echo $SLURMD_NODENAME >started; read line <go; touch {output}"
"""


def test_node_drained_in_the_middle(cluster, start, new_jobs, tmp_path):
    """Its job ends there; the next goes elsewhere."""
    for name in ("started", "go"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "chain.smk").write_text(PREAMBLE + CHAIN)
    run = start("--snakefile", "chain.smk")
    drained = (tmp_path / "started").read_text().strip()
    cluster.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")
    try:
        (tmp_path / "go").write_text("on\n")
        ends_well(run)
        other = {"one": "two", "two": "one"}[drained]
        assert new_jobs("%N", "%T") == [(drained, "COMPLETED"), (other, "COMPLETED")]
    finally:
        cluster.run("scontrol", "update", f"nodename={drained}", "state=resume")
