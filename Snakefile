# Active learning for galaxy surveys: simulate, or read, a survey; label, train, predict, rank, again; compare.


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/survey.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/loop.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        [
            f"{model(question, seed, strategy, iteration)}/metrics.parquet"
            for question in QUESTIONS
            for seed in SEEDS
            for strategy in STRATEGIES
            for iteration in range(ITERATIONS + 1)
        ],
        REPORT,
