"""What a run changes in how Snakemake goes about its jobs."""

from __future__ import annotations

from contextlib import suppress

DEFAULT_JOB_RATE = (100, 1)
"""How many jobs Snakemake starts, and in how many seconds, if nobody tells it (`--max-jobs-per-timespan`)."""


def lift_default_job_rate(workflow) -> None:
    """Let jobs on this machine start at any rate, unless the user has set one; to be called from `onstart`.

    While it limits the rate of jobs, Snakemake 9 wakes up once a second for each job that it ever started; after some
    hundreds it does little else. Jobs on this machine need no limit.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.
    """
    with suppress(AttributeError):  # of another version of Snakemake, which then runs as it would by itself
        settings, scheduler = workflow.scheduling_settings, workflow.scheduler
        rate = settings.max_jobs_per_timespan
        is_default = (rate.max_jobs, rate.timespan) == DEFAULT_JOB_RATE and settings.max_jobs_per_second is None
        if is_default and not workflow.non_local_exec and scheduler.job_rate_limiter is not None:
            scheduler.job_rate_limiter = None


def plan_without_listing_jobs() -> None:
    """Let a dry run count jobs alone.

    Snakemake formats each of thousands of jobs for the terminal, where `progress` shows a table of them. That took a
    seventh of the time of a plan.
    """
    with suppress(ImportError, AttributeError):  # of another version of Snakemake, which then takes its time
        from snakemake.executors import dryrun

        dryrun.Executor.printjob = lambda self, job: None
