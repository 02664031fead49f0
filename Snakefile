# Active learning for galaxy surveys: simulate, or read, a survey; label, train, predict, rank, again; compare.


configfile: os.path.join(workflow.basedir, "config/config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/survey.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/loop.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # All models, not only what the report needs of them: so one that was deleted is made again.
        expand("{folder}/metrics.parquet", folder=MODELS),
        expand(f"{RUN}/pool.parquet", question=QUESTIONS, seed=SEEDS),
        REPORT,


onstart:
    # While it limits the rate of jobs, Snakemake 9 wakes up once a second for each job that it ever started; after some
    # hundreds it does little else. Jobs on this machine need no limit.
    if not workflow.non_local_exec:
        workflow.scheduler.job_rate_limiter = None
    progress.server = forkserver.start()  # kept, for it ends when it is forgotten
    progress.expect(models=sum(job.rule.name == "evaluate" for job in workflow.dag.jobs))


onsuccess:
    show_headline()
