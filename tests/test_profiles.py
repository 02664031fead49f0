"""Profiles: Snakemake takes them, and jobs reach a scheduler with what they need."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "profiles", "src", "envs", "tests")
SMOKE = ("--configfile", "tests/config/smoke.yaml")


def linked_checkout(folder):
    """Make a folder look like this one. Runs leave their results in it."""
    for part in PARTS:
        (folder / part).symlink_to(ROOT / part)


@pytest.fixture
def checkout(tmp_path):
    linked_checkout(tmp_path)
    return tmp_path


@pytest.fixture
def snakemake(checkout, process):
    """Start Snakemake in the checkout."""

    def start(*arguments, **environment):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return process(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=checkout,
            env=os.environ | {"PATH": path} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start


@pytest.mark.parametrize("profile", ["default", "slurm", "generic", "none"])
def test_plan(snakemake, profile):
    run = snakemake("--dry-run", "--cores", "2", "--workflow-profile", profile_path(profile), *SMOKE)
    out, _ = run.communicate()
    assert run.returncode == 0, out
    assert "evaluate                        10" in out  # 2 seeds: the first model, and 2 iterations of 2 strategies
    assert "\nrule " not in out  # a table of jobs, not a list of them


def profile_path(profile: str) -> str:
    return profile if profile == "none" else f"profiles/{profile}"


def test_cluster_profiles_agree():
    """Only how to reach the scheduler differs."""
    slurm, generic = (
        yaml.safe_load((ROOT / "profiles" / profile / "config.yaml").read_text()) for profile in ("slurm", "generic")
    )
    limits = ("cores", "resources", "set-resource-scopes")
    for key in (*limits, "jobs", "retries", "keep-going", "rerun-incomplete", "show-failed-logs", "latency-wait"):
        assert slurm[key] == generic[key]


def test_partitions_of_the_example():
    from snakemake_executor_plugin_slurm.partitions import read_partition_file

    partitions = read_partition_file(ROOT / "profiles/slurm/partitions.yaml")
    assert {partition.name: partition.limits.max_gpu for partition in partitions} == {"short": 0, "long": 0, "gpu": 4}


# Of a cluster without accounting that takes no jobs.
SLURM = {
    "sbatch": """#!/bin/sh
printf '%s\\n' "$@" >asked
echo "no such cluster" >&2
exit 1
""",
    "sacct": "#!/bin/sh\nexit 1\n",
    "sinfo": "#!/bin/sh\nexit 1\n",
}


@pytest.fixture
def slurm(snakemake, checkout):
    """Run Snakemake with a Slurm that takes no jobs, and return what it prints."""
    (checkout / "bin").mkdir()
    for name, program in SLURM.items():
        (checkout / "bin" / name).write_text(program)
        (checkout / "bin" / name).chmod(0o755)
    path = os.pathsep.join([str(checkout / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])

    def start(*arguments):
        run = snakemake("--workflow-profile", "profiles/slurm", "--retries", "0", *arguments, PATH=path)
        printed, _ = run.communicate()
        assert run.returncode == 1, printed
        return printed

    return start


@pytest.mark.parametrize("packed", [(), ("--group-components", "iteration=1")])
def test_jobs_fit_the_partitions_of_the_example(slurm, checkout, packed):
    """All are checked before the first is submitted."""
    printed = slurm(*packed)
    assert "simulate_survey: SLURM sbatch failed. The error message was 'no such cluster'; its log" in printed
    assert "has no partition for" not in printed
    asked = (checkout / "asked").read_text().splitlines()
    assert {"--cpus-per-task=4", "--ntasks=1"} <= set(asked)
    options = dict(pairwise(asked))
    assert (options["--comment"], options["-p"]) == ("rule_simulate_survey", "short")
    assert (options["--mem"], options["-t"]) == ("2500", "240")


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        (("--set-resources", "train:runtime=100000"), "train: 100000 minutes, and the largest max_runtime is 2880"),
        (
            ("--set-resources", "evaluate:gpu=5", "--resources", "gpu=8"),
            "evaluate: 5 GPUs, and the largest max_gpu is 4",
        ),
        (
            ("--set-resources", "rank:mem_mb=2000000"),
            "label, rank (one submission): 2000000 MB, and the largest max_mem_mb is 192000",
        ),
        (
            ("--set-resources", "train:runtime=2000"),  # more than the partition with GPUs has
            "2000 minutes, 1 GPUs; no partition gives that together",
        ),
    ],
)
def test_what_fits_no_partition_is_refused(slurm, checkout, demand, said):
    printed = slurm(*demand, *SMOKE)
    assert "profiles/slurm/partitions.yaml has no partition for these steps:\n" in printed
    assert said in printed
    assert "Traceback" not in printed
    assert not (checkout / "asked").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("cpu: {max_memory: 64000}", "not a table of partitions (PartitionLimits.__init__() got an unexpected keyword"),
        ("cpu: {max_mem_mb: 64 GB}", "partition cpu: max_mem_mb is '64 GB'; write a number"),
        ("cpu: 3", "not a table of partitions ("),
        ("cpu:", "not a table of partitions ("),
        ("1: {max_threads: 2}", "not a table of partitions ("),
        ("cpu: {max_runtime: forever}", "not a table of partitions ("),
        ("cpu: {max_gpu: true}", "partition cpu: max_gpu is True; write a number"),
        ("short: {max_mem_mb: 64000}", "this cluster has no partition 'short', it has cpu, gpu; write its own into"),
    ],
)
def test_a_table_that_is_none_or_of_another_cluster_is_named(slurm, checkout, table, said):
    (checkout / "bin/sinfo").write_text("#!/bin/sh\nprintf 'cpu\\ngpu\\n'\n")
    (checkout / "bin/sinfo").chmod(0o755)
    (checkout / "own.yaml").write_text(f"partitions:\n  {table}\n")
    printed = slurm("--slurm-partition-config", "own.yaml", *SMOKE)
    assert "own.yaml" in printed
    assert said in printed
    assert "Traceback" not in printed
    assert not (checkout / "asked").exists()


@pytest.fixture
def scheduler(tmp_path):
    """Environment of the stand-in scheduler, which keeps its jobs in `jobs`."""
    if not shutil.which("setsid"):
        pytest.skip("the stand-in scheduler takes setsid")
    (tmp_path / "jobs").mkdir()
    return {"ACTIVEZOO_SCHEDULER": str(ROOT / "tests/scheduler/stand_in.sh"), "STAND_IN": str(tmp_path / "jobs")}


GENERIC = ("--workflow-profile", "profiles/generic", "--seconds-between-status-checks", "1", "--latency-wait", "0")


def test_steps_through_a_scheduler(snakemake, checkout, scheduler):
    """One, and then two that share a submission, with what they ask for."""
    last = "results/smoke/images/unusable_in_sample.parquet"
    run = snakemake(last, *GENERIC, *SMOKE, **scheduler)
    out, _ = run.communicate()
    assert run.returncode == 0, out
    assert (checkout / last).exists()
    asked = {}
    for job in (checkout / "jobs").iterdir():
        name, *values, _script = (job / "asked").read_text().splitlines()
        asked[name.partition(".")[0]] = tuple(map(int, values))
    assert asked == {"simulate_survey": (4, 2500, 240, 0), "survey_catalogue_check_images": (1, 2000, 40, 0)}


FAILING = """
rule all:
    input: "never"

rule fail:
    output: "never"
    log: "fail.log"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt, runtime=1, gpu=0
    shell: "echo out of luck >{log}; false"
"""

# What the Snakefile does for runs on clusters.
PREAMBLE = """
import sys

sys.path.insert(0, "src")
from activezoo.running import clusters

clusters.pass_on_gpu_limit(workflow)
clusters.look_after_jobs_steadily()

"""
WAITING = """
rule wait:
    output: "never"
    log: "wait.log"
    resources: mem_mb=1, runtime=1, gpu=0
    shell: "echo $$ >{input_fifo}; tail -f /dev/null"
"""


def test_failed_job_is_tried_again_with_more_memory(snakemake, checkout, scheduler):
    (checkout / "failing.smk").write_text(FAILING)
    run = snakemake("-s", "failing.smk", *GENERIC, **scheduler)
    out, _ = run.communicate()
    assert run.returncode == 1
    assert "out of luck" in out
    memory = sorted(int((job / "asked").read_text().splitlines()[2]) for job in (checkout / "jobs").iterdir())
    assert memory == [100, 200, 300]


WITH_AND_WITHOUT_GPU = """
rule with_gpu:
    input: "first"
    output: "whole"
    log: "with_gpu.log"
    threads: 2
    resources: mem_mb=1500, runtime=60, gpu=1
    shell: "cp {input} {output}"

rule without_gpu:
    output: "first"
    log: "without_gpu.log"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt, runtime=5, gpu=0
    shell: "[ {resources.mem_mb} != 100 ]; echo made >{output}"
"""


def test_pods_ask_for_what_rules_say(snakemake, checkout):
    """The first fails, and gets more memory the second time."""
    (checkout / "jobs").mkdir()
    (checkout / "two.smk").write_text(WITH_AND_WITHOUT_GPU)
    path = os.pathsep.join([str(ROOT / "tests/scheduler"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"ACTIVEZOO_SCHEDULER": "profiles/generic/kubernetes.sh", "STAND_IN": str(checkout / "jobs")}
    run = snakemake("-s", "two.smk", *GENERIC, PATH=path, **environment)
    out, _ = run.communicate()
    assert run.returncode == 0, out
    assert (checkout / "whole").read_text() == "made\n"

    jobs = [yaml.safe_load(job.read_text()) for job in (checkout / "jobs").iterdir() if not job.suffix]
    jobs.sort(key=lambda job: job["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"])
    pods = [job["spec"]["template"]["spec"] for job in jobs]
    assert [job["spec"]["backoffLimit"] for job in jobs] == [0, 0, 0]
    assert [pod["activeDeadlineSeconds"] for pod in pods] == [300, 3600, 300]
    assert [job["metadata"]["annotations"]["activezoo/step"] for job in jobs] == [
        "without_gpu.1",
        "with_gpu.0",
        "without_gpu.1",
    ]
    assert [pod["containers"][0]["resources"] for pod in pods] == [
        {
            "requests": {"cpu": cores, "memory": memory, "nvidia.com/gpu": gpus},
            "limits": {"memory": memory, "nvidia.com/gpu": gpus},
        }
        for cores, memory, gpus in ((1, "100M", 0), (2, "1500M", 1), (1, "200M", 0))
    ]
    for pod in pods:
        (container,), (volume,) = pod["containers"], pod["volumes"]
        (mount,) = container["volumeMounts"]
        assert pod["restartPolicy"] == "Never"
        assert pod["securityContext"]["runAsUser"] == os.geteuid()
        assert container["workingDir"] == str(checkout)
        assert mount["name"] == volume["name"]
        assert volume["persistentVolumeClaim"] == {"claimName": "activezoo"}


SLOW = """
. "{stand_in}"
status() {{
    echo >asked
    read -r answer <answers
    echo running
}}
"""


def test_interrupt_cancels_the_jobs(snakemake, checkout, scheduler):
    """Also those whose state is asked for just then."""
    for name in ("started", "asked", "answers"):
        os.mkfifo(checkout / name)
    (checkout / "slow.sh").write_text(SLOW.format(stand_in=scheduler["ACTIVEZOO_SCHEDULER"]))
    (checkout / "waiting.smk").write_text(PREAMBLE + WAITING.replace("{input_fifo}", "started"))
    run = snakemake("-s", "waiting.smk", *GENERIC, **scheduler | {"ACTIVEZOO_SCHEDULER": str(checkout / "slow.sh")})
    job = int((checkout / "started").read_text())
    pidfd = os.pidfd_open(job)
    (checkout / "asked").read_text()
    run.send_signal(signal.SIGINT)
    assert select.select([pidfd], [], [], 60)[0]
    (checkout / "answers").write_text("\n")
    out, _ = run.communicate()
    assert run.returncode != 0, out
