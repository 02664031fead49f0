"""What runs on a cluster need and Snakemake does not do by itself."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

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
    choose = slurm.get_best_partition

    def chosen(partitions, job, logger):
        name = choose(partitions, job, logger)
        if name is None:
            asked = job.resources
            raise WorkflowError(
                f"{job.name} fits no partition of {table}: it asks for {job.threads} threads, {asked.get('mem_mb')} "
                f"MB, {asked.get('runtime')} minutes and {asked.get('gpu', 0)} GPUs. If the cluster has more than the "
                "table says, correct the table. Else ask for less: --cores 2, --resources gpu=0 or, for a rule, "
                "--set-resources train:runtime=60"
            )
        return name

    slurm.get_best_partition = chosen
    partitions = slurm.read_partition_file(table)
    for job in submissions(workflow):
        if not job.resources.get("slurm_partition"):
            chosen(partitions, job, _Silent())


class _Silent:
    """A logger that says nothing."""

    def __getattr__(self, level):
        return lambda *arguments: None
