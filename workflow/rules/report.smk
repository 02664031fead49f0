# What came out: tables, figures and the page of results.
#
# Needs: metrics.parquet of every model; labelled.parquet, acquisition.parquet and evaluation.parquet of some; the
# catalogue's redshifts, if the config names their column; the stored images.
# Makes: tables/metrics and tables/label_savings (csv and parquet), figures/<question>/<figure> (png and pdf), README.md
# and headline.txt in the folder of results.

FIGURES = f"{RESULTS}/figures/{{question}}"
REPORT = [f"{RESULTS}/README.md", f"{RESULTS}/headline.txt"]

LAST_MODELS = expand(ITERATION, seed=SEEDS, strategy=STRATEGIES, iteration=ITERATIONS, allow_missing=True)

# Galleries are of one run: the first seed, and an active strategy if there is one.
SHOWN_MODELS = expand(ITERATION, seed=SEEDS[0], iteration=range(1, ITERATIONS + 1), allow_missing=True)
SHOWN_STRATEGY = next((strategy for strategy in STRATEGIES if strategy != "random"), STRATEGIES[0])
LAST_SHOWN_MODEL = model("{question}", SEEDS[0], SHOWN_STRATEGY, ITERATIONS)

FIGURE_NAMES = [
    "learning_curves",
    "acquired_votes",
    *(["acquired_redshift"] if SURVEY["columns"]["redshift"] else []),
    "informative_galaxies",
    *[f"acquired_galaxies_{strategy}" for strategy in STRATEGIES],
]


rule metrics_table:
    """Collect the metrics of all models into one table."""
    input:
        code=code("learning_curves"),
        metrics=expand("{folder}/metrics.parquet", folder=MODELS),
    output:
        parquet=f"{RESULTS}/tables/metrics.parquet",
        csv=report(
            f"{RESULTS}/tables/metrics.csv",
            caption="../report/metrics.rst",
            category="tables",
            labels={"table": "metrics of all models"},
        ),
    log:
        f"{LOGS}/metrics_table.log",
    benchmark:
        f"{BENCHMARKS}/metrics_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    shell:
        """
        python -m activezoo metrics-table \
            --metrics {input.metrics} \
            --output {output.parquet} \
            2>{log}
        """


rule label_savings:
    """Find how many fewer labels each strategy needs than random for the same RMSE."""
    input:
        code=code("learning_curves", "randomness"),
        metrics=f"{RESULTS}/tables/metrics.parquet",
    output:
        parquet=f"{RESULTS}/tables/label_savings.parquet",
        csv=report(
            f"{RESULTS}/tables/label_savings.csv",
            caption="../report/label_savings.rst",
            category="tables",
            labels={"table": "label savings"},
        ),
    log:
        f"{LOGS}/label_savings.log",
    benchmark:
        f"{BENCHMARKS}/label_savings.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    shell:
        """
        python -m activezoo label-savings \
            --metrics {input.metrics} \
            --output {output.parquet} \
            2>{log}
        """


rule plot_learning_curves:
    """Plot losses and RMSE against labelled galaxies."""
    input:
        code=code("figures", "learning_curves"),
        metrics=f"{RESULTS}/tables/metrics.parquet",
        savings=f"{RESULTS}/tables/label_savings.parquet",
    output:
        png=report(
            f"{FIGURES}/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="{question}",
            labels={"figure": "learning curves"},
        ),
        pdf=f"{FIGURES}/learning_curves.pdf",
    log:
        f"{LOGS}/{{question}}/plot_learning_curves.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/plot_learning_curves.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    shell:
        """
        python -m activezoo plot-learning-curves \
            --question {wildcards.question} \
            --metrics {input.metrics} \
            --savings {input.savings} \
            --output {output.png} \
            2>{log}
        """


rule plot_acquired_votes:
    """Plot the vote fractions of the acquired galaxies, in total and by iteration."""
    input:
        code=code("figures", "report"),
        labelled=expand("{folder}/labelled.parquet", folder=LAST_MODELS),
        metrics=expand("{folder}/metrics.parquet", folder=LAST_MODELS),
    output:
        png=report(
            f"{FIGURES}/acquired_votes.png",
            caption="../report/acquired_votes.rst",
            category="{question}",
            labels={"figure": "acquired votes"},
        ),
        pdf=f"{FIGURES}/acquired_votes.pdf",
    log:
        f"{LOGS}/{{question}}/plot_acquired_votes.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/plot_acquired_votes.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        models=LAST_MODELS,
    shell:
        """
        python -m activezoo plot-acquired-votes \
            --models {params.models} \
            --output {output.png} \
            2>{log}
        """


rule plot_acquired_redshift:
    """Plot the redshifts of the acquired galaxies."""
    input:
        code=code("figures", "report"),
        labelled=expand("{folder}/labelled.parquet", folder=LAST_MODELS),
        metrics=expand("{folder}/metrics.parquet", folder=LAST_MODELS),
        galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
    output:
        png=report(
            f"{FIGURES}/acquired_redshift.png",
            caption="../report/acquired_redshift.rst",
            category="{question}",
            labels={"figure": "acquired redshift"},
        ),
        pdf=f"{FIGURES}/acquired_redshift.pdf",
    log:
        f"{LOGS}/{{question}}/plot_acquired_redshift.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/plot_acquired_redshift.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        models=LAST_MODELS,
        column=SURVEY["columns"]["redshift"],
    shell:
        """
        python -m activezoo plot-acquired-redshift \
            --models {params.models} \
            --galaxies {input.galaxies} \
            --column {params.column:q} \
            --output {output.png} \
            2>{log}
        """


rule plot_informative_galaxies:
    """Show the test galaxies that would inform the last model most and least."""
    input:
        code=code("figures", "report", "images"),
        evaluation=f"{LAST_SHOWN_MODEL}/evaluation.parquet",
        metrics=f"{LAST_SHOWN_MODEL}/metrics.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        png=report(
            f"{FIGURES}/informative_galaxies.png",
            caption="../report/informative_galaxies.rst",
            category="{question}",
            labels={"figure": "informative galaxies"},
        ),
        pdf=f"{FIGURES}/informative_galaxies.pdf",
    log:
        f"{LOGS}/{{question}}/plot_informative_galaxies.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/plot_informative_galaxies.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        model=lambda wildcards, input: os.path.dirname(input.metrics),
        images=lambda wildcards, input: os.path.dirname(input.index),
    shell:
        """
        python -m activezoo plot-informative-galaxies \
            --model {params.model} \
            --images {params.images} \
            --output {output.png} \
            2>{log}
        """


rule plot_acquired_galaxies:
    """Show the galaxies acquired in each iteration."""
    input:
        code=code("figures", "report", "images"),
        acquisition=expand("{folder}/acquisition.parquet", folder=SHOWN_MODELS),
        labelled=expand("{folder}/labelled.parquet", folder=SHOWN_MODELS),
        metrics=expand("{folder}/metrics.parquet", folder=SHOWN_MODELS),
        index=f"{RESULTS}/images/index.parquet",
    output:
        png=report(
            f"{FIGURES}/acquired_galaxies_{{strategy}}.png",
            caption="../report/acquired_galaxies.rst",
            category="{question}",
            labels={"figure": "acquired galaxies, {strategy}"},
        ),
        pdf=f"{FIGURES}/acquired_galaxies_{{strategy}}.pdf",
    log:
        f"{LOGS}/{{question}}/plot_acquired_galaxies_{{strategy}}.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/plot_acquired_galaxies_{{strategy}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        models=SHOWN_MODELS,
        images=lambda wildcards, input: os.path.dirname(input.index),
    shell:
        """
        python -m activezoo plot-acquired-galaxies \
            --models {params.models} \
            --images {params.images} \
            --output {output.png} \
            2>{log}
        """


rule results_page:
    """Write the headline and the page of results."""
    input:
        code=code("report", "figures"),
        metrics=f"{RESULTS}/tables/metrics.parquet",
        savings=f"{RESULTS}/tables/label_savings.parquet",
        figures=expand(f"{FIGURES}/{{figure}}.png", question=QUESTIONS, figure=FIGURE_NAMES),
    output:
        page=f"{RESULTS}/README.md",
        headline=f"{RESULTS}/headline.txt",
    log:
        f"{LOGS}/results_page.log",
    benchmark:
        f"{BENCHMARKS}/results_page.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        survey=SURVEY["name"],
        posteriors="--posteriors posteriors.md" if config["posteriors"]["with_loop"] else "",
    shell:
        """
        python -m activezoo results-page \
            --survey {params.survey} \
            --metrics {input.metrics} \
            --savings {input.savings} \
            --figures {input.figures} \
            {params.posteriors} \
            --headline {output.headline} \
            --output {output.page} \
            2>{log}
        """
