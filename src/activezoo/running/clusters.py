"""What runs on a cluster need and Snakemake does not do by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from functools import cache, partial

SLURM = "snakemake_executor_plugin_slurm"
"""The plugin, which Snakemake imports if it is installed."""

SECONDS_FOR_SINFO = 30
GPUS = "ACTIVEZOO_GPUS_OF_A_JOB"
"""Environment variable: how many GPUs one submission may have."""


def pass_on_gpu_limit(workflow) -> None:
    """Let submitted jobs know how many GPUs they may have; to be called while the workflow is read.

    Snakemake tells them nothing of `--resources gpu=…`. Without it, a job that got no GPU would still demand one of
    Slurm, and steps that share a submission would all run at once on its GPU.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.
    """
    if not workflow.is_main_process:
        if GPUS in os.environ:
            workflow.register_resource("gpu", int(os.environ[GPUS]))
    elif (gpus := workflow.global_resources.get("gpu").value) is not None:
        os.environ[GPUS] = str(gpus)
    else:
        os.environ.pop(GPUS, None)


def look_after_jobs_steadily() -> None:
    """Ask for the state of jobs at equal intervals, and let a run end, or be interrupted, within a second.

    On Slurm, Snakemake 9 asks less and less often while no job ends, down to once in three minutes; and for as long it
    keeps a user waiting who pressed Ctrl-C. On any cluster, it does not cancel jobs whose state it asks for just then.
    """
    with suppress(ImportError):  # of another version of Snakemake, which then takes its time
        from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

        wait_for_jobs = RemoteExecutor._wait_for_jobs

        async def sleep(executor):
            interval = executor.next_seconds_between_status_checks
            settings = executor.workflow.executor_settings
            until = time.monotonic() + min(interval, getattr(settings, "init_seconds_before_status_checks", interval))
            while executor.wait and (left := until - time.monotonic()) > 0:
                await asyncio.sleep(min(left, 1))

        async def wait_and_remember(executor):
            check = executor.check_active_jobs

            async def check_and_remember(jobs):
                executor.asked_for = list(jobs)
                executor.asked_for = [job async for job in check(jobs)]
                for job in executor.asked_for:
                    yield job

            executor.check_active_jobs = check_and_remember
            await wait_for_jobs(executor)

        def cancel(executor):
            with executor.lock:
                jobs = {job.external_jobid: job for job in [*getattr(executor, "asked_for", []), *executor.active_jobs]}
            executor.cancel_jobs(list(jobs.values()))
            executor.shutdown()

        RemoteExecutor.sleep = sleep
        RemoteExecutor._wait_for_jobs = wait_and_remember
        RemoteExecutor.cancel = cancel


def submissions(workflow) -> list:
    """What a run will submit to a cluster: jobs, and groups of jobs; to be called from `onstart`."""
    dag = workflow.dag
    found = {id(one): one for one in (dag.get_job_group(job) or job for job in dag.needrun_jobs() if not job.is_local)}
    return list(found.values())


def read_partitions_strictly() -> None:
    """Let the table of Slurm partitions be read with errors that name it; to be called while the workflow is read."""
    with suppress(KeyError, AttributeError):  # it is not installed, or is another version
        slurm = sys.modules[SLURM]
        slurm.read_partition_file = partial(_partitions, slurm.read_partition_file)


def _partitions(read: Callable, table: str | os.PathLike) -> list:
    """Read a table of partitions, and look whether this cluster has them.

    Raises
    ------
    WorkflowError
        It is no such table, or the cluster has no partition of a name.
    """
    from snakemake_executor_plugin_slurm.partitions import PartitionLimits
    from snakemake_interface_common.exceptions import WorkflowError

    try:
        partitions = read(table)
    except (WorkflowError, TypeError, ValueError, KeyError, AttributeError) as error:
        limits = ", ".join(field.name for field in fields(PartitionLimits))
        raise WorkflowError(
            f"{table}: not a table of partitions ({error}); below `partitions` stand their names, as text, and below "
            f"each name its limits: {limits}"
        ) from None
    known = _names_of_partitions()
    for partition in partitions:
        for limit, value in vars(partition.limits).items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and value == value  # nan is not
            if limit.startswith("max_") and not number:
                raise WorkflowError(f"{table}, partition {partition.name}: {limit} is {value!r}; write a number")
        if known and not partition.partition_cluster and partition.name not in known:
            raise WorkflowError(
                f"{table}: this cluster has no partition {partition.name!r}, it has {', '.join(sorted(known))}; write "
                "its own into the table"
            )
    return partitions


@cache
def _names_of_partitions() -> frozenset[str]:
    """Those that Slurm tells of; none if it tells nothing."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["sinfo", "--all", "--noheader", "--format=%R"]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_FOR_SINFO)
        return frozenset(told.stdout.split())
    return frozenset()


def refuse_what_fits_no_partition(workflow) -> None:
    """Stop if a job fits no Slurm partition, now or when it is tried again; to be called from `onstart`.

    Left to itself, Snakemake submits such a job to the default partition, where it may wait for ever.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.

    Raises
    ------
    WorkflowError
        If a job asks for more than any partition of `slurm-partition-config` has.
    """
    if workflow.executor_plugin.name != "slurm" or not workflow.executor_settings.partition_config:
        return
    import snakemake_executor_plugin_slurm as slurm
    from snakemake_interface_common.exceptions import WorkflowError

    table = workflow.executor_settings.partition_config
    partitions = slurm.read_partition_file(table)
    choose = slurm.get_best_partition

    def misfit(job) -> str | None:
        fits = job.resources.get("slurm_partition") or choose(partitions, job, _Silent())
        return None if fits else _why(job, partitions)

    def refuse(why: Iterable[str]) -> None:
        if why := sorted({line for line in why if line}):
            raise WorkflowError(f"{table} has no partition for these steps:", *why, ADVICE)

    def chosen(partitions, job, logger):  # for a job that is tried again and asks for more
        refuse([misfit(job)])
        return choose(partitions, job, _Silent())

    slurm.get_best_partition = chosen
    refuse(map(misfit, submissions(workflow)))


ADVICE = (
    "If the cluster has more, correct the table. Else ask for less: of time or memory by --set-resources, such as "
    "train:runtime=60 or train:mem_mb=2000; of threads by a lower `cores` in the profile; of GPUs by `resources: gpu=0`"
)


def _why(job, partitions: list) -> str:
    """Which steps a submission has, and what they ask for that no partition gives."""
    steps = {one.rule.name: None for one in (job.jobs if job.is_group() else [job])}
    asked = {
        "max_threads": (job.threads, "threads"),
        "max_mem_mb": (job.resources.get("mem_mb") or 0, "MB"),
        "max_runtime": (job.resources.get("runtime") or 0, "minutes"),
        "max_gpu": (job.resources.get("gpu") or 0, "GPUs"),
    }
    found = []
    for limit, (number, unit) in asked.items():
        largest = max((getattr(partition.limits, limit) for partition in partitions), default=0)
        if number > largest:
            found.append(f"{number} {unit}, and the largest {limit} is {largest}")
    if not found:
        found.append(", ".join(f"{number} {unit}" for number, unit in asked.values()))
        found.append("no partition gives that together, with what else the step asks for")
    one_submission = " (one submission)" if len(steps) > 1 else ""
    return f"  {', '.join(steps)}{one_submission}: {'; '.join(found)}"


class _Silent:
    """A logger that says nothing."""

    def __getattr__(self, level):
        return lambda *arguments: None
