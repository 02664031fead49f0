"""The rate of jobs: none on this machine, unless the user wants one. And plans, made without what nobody asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from activezoo.running.scheduling import DEFAULT_JOB_RATE, lift_default_job_rate

SNAKEFILE = """
import sys

sys.path.insert(0, {src!r})
from activezoo.running.scheduling import lift_default_job_rate


rule all:
    localrule: True
    output:
        "done",
    shell:
        "touch {{output}}"


onstart:
    before = workflow.scheduler.job_rate_limiter
    lift_default_job_rate(workflow)
    rate = workflow.scheduler.job_rate_limiter
    print("rate:", (before.max_jobs, int(before.timespan)), rate and (rate.max_jobs, int(rate.timespan)))
"""

CLUSTER = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "false", "--jobs", "1")
CLUSTER += ("--seconds-between-status-checks", "1")


@pytest.mark.parametrize(
    ("arguments", "profile", "before", "after"),
    [
        ((), "", DEFAULT_JOB_RATE, None),
        (("--max-jobs-per-timespan", "100/2s"), "", (100, 2), (100, 2)),
        ((), "max-jobs-per-timespan: 5/1s", (5, 1), (5, 1)),
        (("--max-jobs-per-second", "3"), "", DEFAULT_JOB_RATE, DEFAULT_JOB_RATE),
        (CLUSTER, "", DEFAULT_JOB_RATE, DEFAULT_JOB_RATE),
    ],
    ids=["default", "own", "profile", "deprecated", "cluster"],
)
def test_only_the_default_rate_is_lifted(tmp_path, arguments, profile, before, after):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(src=str(Path(__file__).parents[1] / "src")))
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(f"cores: 1\n{profile}")
    command = [sys.executable, "-m", "snakemake", "--scheduler", "greedy", "--workflow-profile", "profile", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"rate: {before} {after}"


def workflow() -> SimpleNamespace:
    """As much of a workflow of Snakemake 9 as matters here."""
    rate = SimpleNamespace(max_jobs=DEFAULT_JOB_RATE[0], timespan=DEFAULT_JOB_RATE[1])
    return SimpleNamespace(
        scheduling_settings=SimpleNamespace(max_jobs_per_timespan=rate, max_jobs_per_second=None),
        scheduler=SimpleNamespace(job_rate_limiter="a limiter"),
        non_local_exec=False,
    )


def test_is_lifted():
    changed = workflow()
    lift_default_job_rate(changed)
    assert changed.scheduler.job_rate_limiter is None


@pytest.mark.parametrize(
    "missing",
    [
        "scheduling_settings",
        "scheduling_settings.max_jobs_per_timespan",
        "scheduling_settings.max_jobs_per_timespan.max_jobs",
        "scheduling_settings.max_jobs_per_second",
        "scheduler",
        "scheduler.job_rate_limiter",
        "non_local_exec",
    ],
)
def test_another_snakemake_is_left_alone(missing):
    changed, untouched = workflow(), workflow()
    *parents, last = missing.split(".")
    for each in (changed, untouched):
        for parent in parents:
            each = getattr(each, parent)
        delattr(each, last)
    lift_default_job_rate(changed)
    assert changed == untouched


PLANNED = """
import sys

sys.path.insert(0, {src!r})
from activezoo.running.scheduling import plan_quickly

plan_quickly(workflow, list_jobs={list_jobs})


rule one:
    localrule: True
    output:
        "done",
    conda:
        "environment.yaml"
    params:
        word=lambda wildcards: print("expanded") or "word",
    shell:
        "touch {{output}}"
"""


@pytest.mark.parametrize("list_jobs", [True, False])
@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_plan_expands_parameters_only_to_show_them(tmp_path, list_jobs, arguments):
    src = str(Path(__file__).parents[1] / "src")
    (tmp_path / "Snakefile").write_text(PLANNED.format(src=src, list_jobs=list_jobs))
    (tmp_path / "environment.yaml").write_text("name: environment\ndependencies: [python]\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert (tmp_path / "done").exists() == (not arguments)
    assert ("rule one:" in printed) == (list_jobs or not arguments)
    assert ("expanded" in printed) == (list_jobs or not arguments)


RETRIED = """
import sys

sys.path.insert(0, {src!r})
from activezoo.running.scheduling import retry_what_may_pass

retry_what_may_pass()


rule all:
    input:
        "input_error",
        "system_error",


rule fail:
    output:
        "{{name}}_error",
    log:
        "{{name}}.log",
    shell:
        "echo once >> {{wildcards.name}}.tried; echo {{wildcards.name}} error: no > {{log}}; exit 1"
"""


@pytest.mark.parametrize("grouped", [False, True])
def test_bad_input_is_not_tried_again(tmp_path, grouped):
    (tmp_path / "Snakefile").write_text(RETRIED.format(src=str(Path(__file__).parents[1] / "src")))
    command = [sys.executable, "-m", "snakemake", "--scheduler", "greedy", "--retries", "2", "--keep-going"]
    command += ["--workflow-profile", "none"]
    if grouped:  # jobs are submitted in groups to a scheduler that runs them at once
        submit = ["--cluster-generic-submit-cmd", "sh", "--cluster-generic-status-cmd", "echo failed; true"]
        command += ["--executor", "cluster-generic", *submit, "--seconds-between-status-checks", "1", "--jobs", "2"]
        command += ["--groups", "fail=g", "--latency-wait", "0"]
    else:
        command += ["--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    tried = {name: (tmp_path / f"{name}.tried").read_text().count("once") for name in ("input", "system")}
    assert tried == {"input": 1, "system": 3}, done.stderr
