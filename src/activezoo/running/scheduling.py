"""What a run changes in how Snakemake goes about its jobs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from activezoo.errors import INPUT_ERROR

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


def before_planning(workflow, check: Callable[[set[str]], None]) -> None:
    """Have `check` called with the targets of a run or a dry run, whatever results there are already.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.
    check
        Raises a WorkflowError if there is no sense in planning.
    """
    execute = workflow.execute

    def checked(*arguments, **options):
        check(set(workflow.dag_settings.targets))
        return execute(*arguments, **options)

    workflow.execute = checked


def plan_quickly(workflow, list_jobs: bool) -> None:
    """Leave out of planning what takes Snakemake 9 long and changes nothing; to be called while the workflow is read.

    Some things cost time. The shares are of planning the paper's run:

    - Python looks for garbage in all that the plan has made so far, again and again: a seventh.
    - Snakemake asks for the group of each job three times, although there are none on one machine: a thirtieth.
    - It reads the signatures of the same few functions tens of thousands of times: a tenth.
    - It looks for the rule that makes a file once for each job that takes the file: a twentieth.
    - A dry run works out the resources of every job, although it starts none: a tenth.
    - A dry run expands the parameters of every job, to name conda environments that nobody asked for: a fifth.
    - A dry run formats each job for the terminal, although `progress` shows a table of them: a seventh.
    - A dry run goes through all jobs as if each of them ran and ended: a twelfth.
    - A dry run looks for files that one job makes within a folder that another one makes: a twentieth.

    Parameters
    ----------
    workflow
        Snakemake's, as Snakefiles know it.
    list_jobs
        Whether a dry run prints each job.
    """
    with suppress(ImportError, AttributeError):  # of another version of Snakemake, which then takes its time
        from snakemake import common, dag, output_index, rules
        from snakemake.scheduling import job_scheduler
        from snakemake.settings.types import DeploymentMethod

        gc.freeze()
        gc.set_threshold(100_000)
        common.get_function_params = rules.get_function_params = cache(common.get_function_params)
        expand_group = rules.Rule.expand_group
        rules.Rule.expand_group = lambda rule, wildcards: (
            None if workflow.local_exec or workflow.dryrun else expand_group(rule, wildcards)
        )
        output_index.OutputIndex.match_producers = cache(output_index.OutputIndex.match_producers)
        if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
            find_environments = dag.DAG.update_conda_envs
            dag.DAG.update_conda_envs = lambda self: None if workflow.dryrun else find_environments(self)
        check_folders = dag.DAG.check_directory_outputs
        dag.DAG.check_directory_outputs = lambda self: None if workflow.dryrun else check_folders(self)
        if not list_jobs:
            schedule = job_scheduler.JobScheduler.schedule
            job_scheduler.JobScheduler.schedule = lambda self: True if workflow.dryrun else schedule(self)
            expand_resources = rules.Rule.expand_resources
            of_rule = {}

            def resources(rule, *arguments, **options):
                """Of the rule's first job, in a dry run."""
                if not workflow.dryrun:
                    return expand_resources(rule, *arguments, **options)
                if rule not in of_rule:
                    of_rule[rule] = expand_resources(rule, *arguments, **options)
                return of_rule[rule]

            rules.Rule.expand_resources = resources


def retry_what_may_pass() -> None:
    """Try no job again whose input is at fault, whatever `--retries` says; to be called while the workflow is read.

    Another attempt would end the same, after another wait in the queue of a cluster. What may pass, such as a node that
    fails or too little memory, is tried again.
    """
    with suppress(ImportError, AttributeError):  # of another version of Snakemake, which then tries all again
        from snakemake.jobs import GroupJob, Job

        def of_job(job, times=Job.restart_times.fget):
            return 0 if _has_input_error(job.log) else times(job)

        def of_group(group):
            return min(job.restart_times for job in group.jobs)

        Job.restart_times, GroupJob.restart_times = property(of_job), property(of_group)


def _has_input_error(logs: list[str]) -> bool:
    with suppress(OSError):
        return any(
            line.startswith(INPUT_ERROR) for log in logs for line in Path(log).read_text(errors="replace").splitlines()
        )
    return False
