# Active learning for galaxy surveys: simulate, or read, a survey; label, train, predict, rank, again; compare.


configfile: os.path.join(workflow.basedir, "config/config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/survey.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/loop.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/posteriors_common.smk"
include: "workflow/rules/posteriors.smk"


# All models of the loop, not only what its report needs of them: so one that was deleted is made again.
LOOP = [
    expand("{folder}/metrics.parquet", folder=MODELS),
    expand(f"{RUN}/pool.parquet", question=QUESTIONS, seed=SEEDS),
    REPORT,
]
# Without votes there is no loop.
HAS_VOTES = SURVEY["kind"] != "images"


rule all:
    default_target: True
    input:
        LOOP if HAS_VOTES else [],
        [] if HAS_VOTES and not config["posteriors"]["with_loop"] else rules.posteriors.input,


onstart:
    # While it limits the rate of jobs, Snakemake 9 wakes up once a second for each job that it ever started; after some
    # hundreds it does little else. Jobs on this machine need no limit.
    if not workflow.non_local_exec:
        workflow.scheduler.job_rate_limiter = None
    progress.server = forkserver.start()  # kept, for it ends when it is forgotten
    progress.expect(models=sum(job.rule.name == "evaluate" for job in workflow.dag.jobs))


onsuccess:
    show_headline()
