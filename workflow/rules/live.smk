# A live survey: people are asked, the models learn from their votes, and say what to ask next.

# Needs: GALAXIES and INDEX; of the models METRICS, EVALUATION, TEST_PREDICTIONS, LABELLED and DESCRIPTION.
# Makes: the folders of asks. An ask that is published, and the votes of one that is closed, are made by no rule any more:
# whatever else runs again, they stay as they are.
ASK = f"{ASKS}/ask_{{ask}}"
OPEN_ASK, NEXT_ASK = f"{ASKS}/ask_{CLOSED - 1}", f"{ASKS}/ask_{CLOSED}"
CLOSED_ASKS = expand(ASK, ask=range(CLOSED))

# Makes, for each question: what people are asked next; which galaxies have votes, and are of the pool or to test with.
CHOICE = f"{QUESTION}/asks/ask_{CLOSED}.parquet"
# And how far the survey has come: the learning curve, what the next ask would buy, how far the last models can be trusted.
CURVE = f"{QUESTION}/progress"
FORECAST = f"{QUESTION}/forecast"
CALIBRATION = f"{QUESTION}/progress_calibration"
PROGRESS_FIGURE = f"{FIGURES}/progress"

LAST_MODEL = f"{RUN}/{model_name(STRATEGIES[0], CLOSED - 1)}"


use rule step as reserve_tests with:
    """Reserve galaxies to test the models of a live survey with; the rest is the pool."""
    input:
        galaxies=GALAXIES,
        index=INDEX,
    output:
        split=SPLIT,
    pathvars:
        job="{question}/seed_{seed}/reserve_tests",
    group:
        submitted_with("start_{question}_{seed}")
    params:
        **step("reserve_tests"),
        settings=flags({"test_share": config["live"]["test_share"]}),


use rule step as label_asked with:
    """Count the votes that people gave so far, on all galaxies but those reserved for tests."""
    input:
        votes=lambda wildcards: expand(
            f"{ASK}/votes.parquet", ask=range(strategy_and_iteration(wildcards.model)[1] + 1)
        ),
        split=SPLIT,
    output:
        labelled=f"{MODEL}/{LABELLED}",
    pathvars:
        job="{question}/seed_{seed}/{model}/label",
    wildcard_constraints:
        model=rf"initial|({'|'.join(STRATEGIES)})/iteration_[1-9]\d*",
    group:
        submitted_with("select_{question}_{seed}_{model}")
    params:
        **step("label_asked"),
        settings=of_question(*Answers._fields),


use rule step as count_votes with:
    """Count the votes of all closed asks, and tell which galaxies have some: of the pool, or asked about to test models."""
    input:
        frozen=expand(f"{ASK}/votes.parquet", ask=range(CLOSED)),
        asked=expand(f"{ASK}/galaxies.parquet", ask=range(CLOSED)),
        split=expand(SPLIT, seed=SEEDS[0], allow_missing=True),
    output:
        votes=VOTES,
        known=KNOWN,
    pathvars:
        job="{question}/count_votes",
    params:
        **step("count_votes"),
        settings=of_question(*Answers._fields),


use rule step as measure_progress with:
    """Measure, on the test galaxies, how good the models have become, and extrapolate what further votes would buy."""
    input:
        evaluations=[f"{folder}/{EVALUATION}" for folder in MODELS_OF_QUESTION],
        predictions=expand(f"{LAST_MODEL}/{TEST_PREDICTIONS}", seed=SEEDS, allow_missing=True),
        frozen=expand(f"{ASK}/votes.parquet", ask=range(CLOSED)),
    output:
        curve=f"{CURVE}.parquet",
        forecast=f"{FORECAST}.parquet",
        calibration=f"{CALIBRATION}.parquet",
        csv=expand("{table}.csv", table=[CURVE, FORECAST, CALIBRATION], allow_missing=True),
    pathvars:
        job="{question}/measure_progress",
    params:
        **step("measure_progress"),
        settings=lambda wildcards: flags(
            {
                **section(Answers, config["questions"][wildcards.question]),
                "next_votes": votes_to_ask(wildcards.question),
                **{key: config["live"][key] for key in ("target_rmse", "min_gain")},
            }
        ),


use rule step as plot_progress with:
    """Plot the learning curve of a live survey, and what the next ask would buy."""
    input:
        curve=f"{CURVE}.parquet",
        forecast=f"{FORECAST}.parquet",
    output:
        png=f"{PROGRESS_FIGURE}.png",
        pdf=f"{PROGRESS_FIGURE}.pdf",
    pathvars:
        job="{question}/plot_progress",
    params:
        **step("plot_progress"),
        settings=flags({"target_rmse": config["live"]["target_rmse"]}),


use rule step as progress_page with:
    """Write the page on how far a live survey has come, and its headline."""
    input:
        curves=expand(f"{CURVE}.parquet", question=QUESTIONS),
        forecasts=expand(f"{FORECAST}.parquet", question=QUESTIONS),
        calibrations=expand(f"{CALIBRATION}.parquet", question=QUESTIONS),
        figures=expand(f"{PROGRESS_FIGURE}.png", question=QUESTIONS),
    output:
        page=PROGRESS_PAGE,
        headline=PROGRESS_HEADLINE,
    pathvars:
        job="progress_page",
    params:
        **step("progress_page"),
        settings=flags({"survey": SURVEY["name"], "target_rmse": config["live"]["target_rmse"]}),


# No rule makes what is there already: see above.
if CLOSED > STATE.closed:

    use rule step as close_ask with:
        """Freeze the votes on an ask; those that come later go to the next one."""
        input:
            sources=SOURCES,
            galaxies=GALAXIES,
        output:
            votes=protected(f"{OPEN_ASK}/votes.parquet"),
            rejected=protected(f"{OPEN_ASK}/rejected.parquet"),
        pathvars:
            job=f"asks/close_ask_{CLOSED - 1}",
        localrule: True
        params:
            **step("close_ask"),
            settings=flags({"folder": ASKS, "ask": CLOSED - 1, "close": config["live"]["close"]}),


if not IS_WAITING:

    use rule step as choose_galaxies with:
        """Choose the galaxies that people are asked about next: to learn from, and to test with."""
        input:
            split=expand(SPLIT, seed=SEEDS[0], allow_missing=True),
            asked=expand(f"{ASK}/galaxies.parquet", ask=range(CLOSED)),
            models=expand(f"{LAST_MODEL}/{DESCRIPTION}", seed=SEEDS, allow_missing=True) if CLOSED else [],
            predictions=predictions_of_last_models,
            labelled=expand(f"{LAST_MODEL}/{LABELLED}", seed=SEEDS[0], allow_missing=True) if CLOSED else [],
            forecast=f"{FORECAST}.parquet" if CLOSED else [],
        output:
            choice=temp(CHOICE),
        pathvars:
            job=f"{{question}}/choose_galaxies_{CLOSED}",
        resources:
            mem_mb=2000,
            runtime=20,
            gpu=0,
        params:
            **step("choose_galaxies", *STRATEGIES),
            settings=choice_settings,

    use rule step as publish_ask with:
        """Write the folder of an ask: the galaxies with their images, and the questions."""
        input:
            choices=expand(CHOICE, question=QUESTIONS),
            catalogue=GALAXIES,
        output:
            galaxies=f"{NEXT_ASK}/galaxies.parquet",
            manifest=f"{NEXT_ASK}/manifest.json",
        pathvars:
            job=f"asks/publish_ask_{CLOSED}",
        params:
            **step("publish_ask"),
            settings=flags(
                {
                    "survey": SURVEY["name"],
                    "ask": CLOSED,
                    "questions": questions_in_json("text", "help", "answers", "asked_if"),
                }
            ),


# It has no output, so each call tells where things are. A benchmark would count as an output, so it has none.
rule ask:
    """Say what to do now: show an ask to people, wait for their votes, or write the catalogue."""
    input:
        manifest=[] if IS_WAITING else f"{NEXT_ASK}/manifest.json",
        page=HTML_PAGE.format(page="progress") if CLOSED else [],
        catalogue=all_posterior_results if STATE.stop else [],
    log:
        "<logs>/ask.log",
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        **LIGHT,
    params:
        **step("ask"),
        settings=flags({"folder": ASKS, "sources": SOURCES}),
    shell:
        "{params.command} {params.settings} 2>{log}"
