# What came out: tables, figures and the page of results.

# Needs: of every model METRICS and EVALUATION; of some LABELLED and ACQUISITION; INDEX; CATALOGUE, for redshifts.
LAST_MODELS = expand(ITERATION, seed=SEEDS, strategy=STRATEGIES, iteration=ITERATIONS, allow_missing=True)
# Galleries are of one run: the first seed, and an active strategy if there is one.
SHOWN_MODELS = expand(ITERATION, seed=SEEDS[0], iteration=range(1, ITERATIONS + 1), allow_missing=True)
SHOWN_STRATEGY = next((strategy for strategy in STRATEGIES if strategy != registry.BASELINE), STRATEGIES[0])
LAST_SHOWN_MODEL = model("{question}", SEEDS[0], SHOWN_STRATEGY, ITERATIONS)

# Makes: tables and figures of each question, the answer, and the page that tells all.
METRICS_TABLE = f"{QUESTION}/metrics"
SAVINGS = f"{QUESTION}/savings"
FIGURE_NAMES = [
    "learning_curves",
    "acquired_votes",
    "spent_votes",
    *(["acquired_redshift"] if SURVEY["columns"]["redshift"] else []),
    "informative_galaxies",
    *[f"acquired_galaxies_{strategy}" for strategy in STRATEGIES],
]
# What is acquired for all questions together is shown once.
LOOP_FIGURES = [
    f"{FIGURES}/{name}.png".format(question=question)
    for question in QUESTIONS
    for name in FIGURE_NAMES
    if question in LEARNERS or not name.startswith("acquired_galaxies")
]
HEADLINE = f"{RESULTS}/headline.txt"
RESULTS_PAGE = f"{RESULTS}/README.md"
PROGRESS_HEADLINE, PROGRESS_PAGE = f"{RESULTS}/progress.txt", f"{RESULTS}/progress.md"
PLAN = f"{RESULTS}/plan"
POSTERIORS_PAGE = f"{RESULTS}/posteriors.md"
HTML_PAGE = f"{RESULTS}/{{page}}.html"
# The report of Snakemake sorts its categories, and stars go before letters.
ANSWER = "★ The answer"


use rule step as metrics_table with:
    """Collect the metrics of all models of a question into one table."""
    input:
        metrics=expand(f"{{folder}}/{METRICS}", folder=MODELS_OF_QUESTION),
    output:
        parquet=f"{METRICS_TABLE}.parquet",
        csv=report(
            f"{METRICS_TABLE}.csv",
            caption="../report/metrics.rst",
            category="{question}",
            labels={"table": "metrics of all models"},
        ),
    pathvars:
        job="{question}/metrics_table",
    group:
        submitted_with("report")
    params:
        **step("metrics_table"),


use rule step as savings with:
    """Find how many fewer votes each strategy needs than those that choose without a model, for the same RMSE."""
    input:
        metrics=f"{METRICS_TABLE}.parquet",
        evaluations=expand(f"{{folder}}/{EVALUATION}", folder=MODELS_OF_QUESTION),
        of_models=expand(f"{{folder}}/{METRICS}", folder=MODELS_OF_QUESTION),
    output:
        parquet=f"{SAVINGS}.parquet",
        csv=report(
            f"{SAVINGS}.csv",
            caption="../report/savings.rst",
            category="{question}",
            labels={"table": "savings"},
        ),
    pathvars:
        job="{question}/savings",
    group:
        submitted_with("report")
    params:
        **step("savings", *STRATEGIES),


use rule step as plot_learning_curves with:
    """Plot RMSE and losses against votes."""
    input:
        metrics=f"{METRICS_TABLE}.parquet",
        savings=f"{SAVINGS}.parquet",
    output:
        png=report(
            f"{FIGURES}/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="{question}",
            labels={"figure": "learning curves"},
        ),
        pdf=f"{FIGURES}/learning_curves.pdf",
    pathvars:
        job="{question}/plot_learning_curves",
    group:
        submitted_with("report")
    params:
        **step("plot_learning_curves", *STRATEGIES),


use rule step as plot_acquired_votes with:
    """Plot the vote fractions of the acquired galaxies, in total and by iteration."""
    input:
        labelled=expand(f"{{folder}}/{LABELLED}", folder=LAST_MODELS),
        metrics=expand(f"{{folder}}/{METRICS}", folder=LAST_MODELS),
        votes=VOTES,
    output:
        png=report(
            f"{FIGURES}/acquired_votes.png",
            caption="../report/acquired_votes.rst",
            category="{question}",
            labels={"figure": "acquired votes"},
        ),
        pdf=f"{FIGURES}/acquired_votes.pdf",
    pathvars:
        job="{question}/plot_acquired_votes",
    group:
        submitted_with("report")
    params:
        **step("plot_acquired_votes", *STRATEGIES),


use rule step as plot_spent_votes with:
    """Plot how each strategy spends votes."""
    input:
        labelled=expand(f"{{folder}}/{LABELLED}", folder=LAST_MODELS),
        metrics=expand(f"{{folder}}/{METRICS}", folder=LAST_MODELS),
        votes=VOTES,
    output:
        png=report(
            f"{FIGURES}/spent_votes.png",
            caption="../report/spent_votes.rst",
            category="{question}",
            labels={"figure": "spent votes"},
        ),
        pdf=f"{FIGURES}/spent_votes.pdf",
    pathvars:
        job="{question}/plot_spent_votes",
    group:
        submitted_with("report")
    params:
        **step("plot_spent_votes", *STRATEGIES),


use rule step as plot_acquired_redshift with:
    """Plot the redshifts of the acquired galaxies."""
    input:
        labelled=expand(f"{{folder}}/{LABELLED}", folder=LAST_MODELS),
        metrics=expand(f"{{folder}}/{METRICS}", folder=LAST_MODELS),
        catalogue=survey_file("catalogue", CATALOGUE),
        galaxies=GALAXIES,
    output:
        png=report(
            f"{FIGURES}/acquired_redshift.png",
            caption="../report/acquired_redshift.rst",
            category="{question}",
            labels={"figure": "acquired redshift"},
        ),
        pdf=f"{FIGURES}/acquired_redshift.pdf",
    pathvars:
        job="{question}/plot_acquired_redshift",
    group:
        submitted_with("report")
    params:
        **step("plot_acquired_redshift", *STRATEGIES),
        settings=flags(
            {
                "redshift": SURVEY["columns"]["redshift"],
                "encoding": SURVEY["release"]["encoding"],
            }
        ),


use rule step as plot_informative_galaxies with:
    """Show the test galaxies that would inform the last model most and least."""
    input:
        evaluation=f"{LAST_SHOWN_MODEL}/{EVALUATION}",
        metrics=f"{LAST_SHOWN_MODEL}/{METRICS}",
        index=INDEX,
    output:
        png=report(
            f"{FIGURES}/informative_galaxies.png",
            caption="../report/informative_galaxies.rst",
            category="{question}",
            labels={"figure": "informative galaxies"},
        ),
        pdf=f"{FIGURES}/informative_galaxies.pdf",
    pathvars:
        job="{question}/plot_informative_galaxies",
    group:
        submitted_with("report")
    params:
        **step("plot_informative_galaxies", SHOWN_STRATEGY),


use rule step as plot_acquired_galaxies with:
    """Show the galaxies acquired in each iteration."""
    input:
        acquisition=expand(f"{{folder}}/{ACQUISITION}", folder=SHOWN_MODELS),
        labelled=expand(f"{{folder}}/{LABELLED}", folder=SHOWN_MODELS),
        metrics=expand(f"{{folder}}/{METRICS}", folder=SHOWN_MODELS),
        index=INDEX,
    output:
        png=report(
            f"{FIGURES}/acquired_galaxies_{{strategy}}.png",
            caption="../report/acquired_galaxies.rst",
            category="{question}",
            labels={"figure": "acquired galaxies, {strategy}"},
        ),
        pdf=f"{FIGURES}/acquired_galaxies_{{strategy}}.pdf",
    pathvars:
        job="{question}/plot_acquired_galaxies_{strategy}",
    group:
        submitted_with("report")
    params:
        **step("plot_acquired_galaxies"),
        strategy_code=lambda wildcards: steps.code(f"acquisition.{wildcards.strategy}"),


use rule step as plan with:
    """Extrapolate what a survey would cost for a wanted RMSE: votes, days and computing time."""
    input:
        metrics=expand(f"{METRICS_TABLE}.parquet", question=QUESTIONS),
        splits=expand(SPLIT, question=QUESTIONS, seed=SEEDS[0]),
    output:
        csv=f"{PLAN}.csv",
        page=f"{PLAN}.md",
    pathvars:
        job="plan",
    group:
        submitted_with("report")
    params:
        **step("plan", *STRATEGIES),
        settings=flags({"survey": SURVEY["name"], "benchmarks": BENCHMARKS, **config["plan"]}),


use rule step as results_page with:
    """Write the headline and the page of results."""
    input:
        metrics=expand(f"{METRICS_TABLE}.parquet", question=QUESTIONS),
        savings=expand(f"{SAVINGS}.parquet", question=QUESTIONS),
        planned=f"{PLAN}.csv",
        figures=LOOP_FIGURES,
    output:
        page=RESULTS_PAGE,
        headline=report(
            HEADLINE,
            caption="../report/headline.rst",
            category=ANSWER,
            labels={"what": "headline"},
        ),
    pathvars:
        job="results_page",
    group:
        submitted_with("report")
    params:
        **step("results_page", *STRATEGIES),
        settings=flags(
            {
                "survey": SURVEY["name"],
                "posteriors": "posteriors.md" if POSTERIORS["with_loop"] else None,
                "provenance": PROVENANCE,
                "galaxies": config["plan"]["galaxies"],
                "votes_per_day": config["plan"]["votes_per_day"],
            }
        ),


rule posteriors:
    """Everything about posteriors."""
    input:
        all_posterior_results,


use rule step as posteriors_page with:
    """Write the page about posteriors."""
    input:
        tables=expand(
            f"{POSTERIOR_FOLDER}/{{table}}.parquet", question=POSTERIOR_QUESTIONS, table=POSTERIOR_PAGE_TABLES
        ),
        models=expand(of_learner(f"{QUESTION}/seed_1/all/{DESCRIPTION}"), question=POSTERIOR_QUESTIONS),
        figures=[
            path
            for question in POSTERIOR_QUESTIONS
            for path in expand(
                f"{FIGURES}/posterior_{{figure}}.png", question=question, figure=posterior_figures(question)
            )
        ],
    output:
        page=POSTERIORS_PAGE,
    pathvars:
        job="posteriors_page",
    group:
        submitted_with("posteriors")
    params:
        **step("posteriors_page"),
        settings=flags({"survey": SURVEY["name"], "folders": expand(POSTERIOR_FOLDER, question=POSTERIOR_QUESTIONS)}),


use rule step as html_page with:
    """Write pages of results as one HTML file that needs no other."""
    input:
        pages=pages_in_markdown,
        headline=lambda wildcards: {"results": HEADLINE, "progress": PROGRESS_HEADLINE}.get(wildcards.page, []),
        shown=shown_on_pages,
    output:
        html=report(
            HTML_PAGE,
            caption="../report/html_page.rst",
            category=ANSWER,
            labels={"what": "page of {page}"},
        ),
    pathvars:
        job="html_page_{page}",
    group:
        submitted_with("report")
    params:
        **step("html_page"),
