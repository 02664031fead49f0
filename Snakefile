# Active learning for galaxy surveys: simulate, or read, a survey; label, train, predict, rank, again; compare.


configfile: os.path.join(workflow.basedir, "config/config.yaml")


# Where `snakemake --report` opens.
report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


rule step:
    """What the rules of all steps have in common. It runs nothing itself: others are made of it."""
    log:
        "<logs>/<job>.log",
    benchmark:
        "<benchmarks>/<job>.tsv"
    pathvars:
        job="step",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **LIGHT,
    params:
        settings="",
    shell:
        "{params.command} {params.settings} 2>{log}"


include: "workflow/rules/survey.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/loop.smk"
include: "workflow/rules/posteriors.smk"
include: "workflow/rules/experts.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/housekeeping.smk"


if IS_LIVE:

    include: "workflow/rules/live.smk"


# Every model of the loop, and not its report alone. So a model that was deleted is made again.
LOOP = [
    expand(f"{{folder}}/{METRICS}", folder=MODELS),
    [] if IS_LIVE else expand(POOL, question=[FIRST] if TOGETHER else QUESTIONS, seed=SEEDS),
    *([HTML_PAGE.format(page="progress")] if IS_LIVE else [RESULTS_PAGE, HEADLINE, HTML_PAGE.format(page="results")]),
]
# Without votes there is no loop. A live survey has none until its first ask is closed.
HAS_VOTES = SURVEY["kind"] != "images" and MODELS


rule all:
    default_target: True
    input:
        LOOP if HAS_VOTES else [],
        [] if HAS_VOTES and not POSTERIORS["with_loop"] else all_posterior_results,


onstart:
    clusters.refuse_what_fits_no_partition(workflow)
    record_provenance()
    lift_default_job_rate(workflow)
    progress.server = forkserver.start()  # kept, for it ends when it is forgotten
    models = sum(job.rule.name == "evaluate" for job in workflow.dag.jobs)
    progress.expect(models, submits=workflow.non_local_exec)


onsuccess:
    if makes_results():
        show_headline()
