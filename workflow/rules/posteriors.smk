# Posteriors over the votes on any galaxy, and how far they can be trusted (paper §2).

POSTERIOR_QUESTIONS = POSTERIORS["questions"] or QUESTIONS
MEMBERS = list(range(1, POSTERIORS["ensemble"] + 1))
NETWORKS = {"networks": POSTERIORS["networks"], "draws": config["sampling"]["draws"]}

# Needs: SPLIT, VOTES and INDEX; the models of the survey whose models predict: this one, unless it has images alone.
TRAINED_ON = f"results/{POSTERIORS['trained_on'] or SURVEY['name']}/{{question}}"

# Makes: models trained on all votes but those of the test set and of the galaxies held out.
HELD_OUT = f"{RUN}/all/held_out.parquet"
HELD_OUT_FOR = [
    *(["correct"] if POSTERIORS["tune_dropout"] or POSTERIORS["rescale"] else []),
    *(["conformal"] if POSTERIORS["conformal"] else []),
]

# Makes, for each question: the predictions by each variant; the catalogue; the test set with its votes; tables and
# figures. Each variant adds one thing to the variant before it.
POSTERIOR_FOLDER = f"{QUESTION}/posteriors"
PREDICTIONS = f"{POSTERIOR_FOLDER}/{{variant}}/{{part}}.parquet"
TUNING = f"{POSTERIOR_FOLDER}/dropout_tuning.parquet"
RESCALING = f"{POSTERIOR_FOLDER}/rescaling.json"
CONFORMAL = f"{POSTERIOR_FOLDER}/conformal.parquet"
BY_GROUP = f"{POSTERIOR_FOLDER}/interval_coverage_by_group.parquet"
POSTERIOR_CATALOGUE = f"{POSTERIOR_FOLDER}/catalogue.parquet"
FITS_CATALOGUE = f"{POSTERIOR_FOLDER}/catalogue.fits"
TREE_CATALOGUE = f"{RESULTS}/tree.parquet"
BROWSE_PAGE = f"{RESULTS}/galaxies.html"
VARIANTS = [
    "mixture",
    *(["ensemble"] if POSTERIORS["ensemble"] > 1 else []),
    *(["tuned_dropout"] if POSTERIORS["tune_dropout"] else []),
    *(["rescaled"] if POSTERIORS["rescale"] else []),
]
CATALOGUE_PARTS = (
    ["test"]
    if POSTERIORS["galaxies"] == "test" and SURVEY["kind"] != "images"
    else [f"shard_{shard}" for shard in range(POSTERIORS["shards"])]
)
POSTERIOR_TABLES = ["calibration", "calibration_curve", "scores", "interval_coverage", "classification"]
POSTERIOR_PAGE_TABLES = [
    *POSTERIOR_TABLES,
    "interval_coverage_by_group",
    *(["conformal"] if POSTERIORS["conformal"] else []),
]
CALIBRATION_FIGURES = ["calibration", "diagnostics", "distributions", "classification"]


use rule step as label_all with:
    """Retrieve the votes of all galaxies but those of the test set; hold some out to correct and to calibrate by."""
    input:
        split=KNOWN,
        votes=VOTES,
        experts=lambda wildcards: EXPERTS if has_experts(wildcards.question) else [],
    output:
        labelled=f"{RUN}/all/{LABELLED}",
        held_out=HELD_OUT,
    pathvars:
        job="{question}/seed_{seed}/all/label",
    wildcard_constraints:
        question="|".join(LEARNERS),
    params:
        **step("label_all"),
        settings=flags({"fraction": POSTERIORS["held_out"], "uses": HELD_OUT_FOR}),


use rule step as tune_dropout with:
    """Find the dropout rate whose posteriors are surprised least by the votes on held-out galaxies."""
    input:
        models=expand(f"{RUN}/all/{DESCRIPTION}", seed=MEMBERS, allow_missing=True),
        weights=expand(f"{RUN}/all/{WEIGHTS}", seed=MEMBERS, allow_missing=True),
        held_out=expand(HELD_OUT, seed=1, allow_missing=True),
        index=INDEX,
    output:
        tuning=TUNING,
        csv=f"{POSTERIOR_FOLDER}/dropout_tuning.csv",
    pathvars:
        job="{question}/posteriors/tune_dropout",
    resources:
        **PREDICTION | {"mem_mb": lambda wildcards, attempt: 2 * prediction_memory(wildcards, attempt)},
    params:
        **step("tune_dropout"),
        settings=flags(NETWORKS),


use rule step as fit_rescaling with:
    """Fit a rescaling of predicted vote fractions, and of their spread, to the votes of held-out galaxies."""
    input:
        # Of the variant before the one that is rescaled.
        predictions=lambda wildcards: expand(
            PREDICTIONS, question=wildcards.question, variant=VARIANTS[-2], part="held_out"
        ),
        held_out=expand(HELD_OUT, seed=1, allow_missing=True),
    output:
        rescaling=RESCALING,
    pathvars:
        job="{question}/posteriors/fit_rescaling",
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
    params:
        **step("fit_rescaling"),


use rule step as calibrate_intervals with:
    """Calibrate conformal intervals of k by held-out galaxies that nothing was fitted to."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part="held_out", allow_missing=True),
        held_out=expand(HELD_OUT, seed=1, allow_missing=True),
    output:
        conformal=CONFORMAL,
        csv=f"{POSTERIOR_FOLDER}/conformal.csv",
    pathvars:
        job="{question}/posteriors/calibrate_intervals",
    group:
        submitted_with("posteriors")
    params:
        **step("calibrate_intervals"),
        settings=flags({"edges": POSTERIORS["conformal_edges"]}),


use rule step as predict_posteriors with:
    """Predict the test set, held-out galaxies, those that experts classed, or a shard of the survey."""
    input:
        models=of_trained_model(f"seed_{{member}}/all/{DESCRIPTION}"),
        weights=of_trained_model(f"seed_{{member}}/all/{WEIGHTS}"),
        tuned_dropout=tuned_dropout,
        galaxies=galaxies_to_predict,
        index=INDEX,
    output:
        predictions=PREDICTIONS,
    pathvars:
        job="{question}/posteriors/{variant}/predict_{part}",
    wildcard_constraints:
        variant="mixture|ensemble|tuned_dropout",
    resources:
        **PREDICTION,
    params:
        **step("predict_posteriors"),
        settings=part_settings,


use rule step as rescale_posteriors with:
    """Rescale what networks predict of some galaxies, as fitted to the votes of held-out galaxies."""
    input:
        predictions=lambda wildcards: PREDICTIONS.format(variant=VARIANTS[-2], **wildcards),
        rescaling=of_trained_model("posteriors/rescaling.json"),
    output:
        rescaled=PREDICTIONS.replace("{variant}", "rescaled"),
    pathvars:
        job="{question}/posteriors/rescaled/predict_{part}",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=1000,
        runtime=60,
        gpu=0,
    params:
        **step("rescale_posteriors"),


use rule step as posterior_catalogue with:
    """Write what the networks say about each galaxy, in a row."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part=CATALOGUE_PARTS, allow_missing=True),
        model=of_trained_model(f"seed_1/all/{DESCRIPTION}"),
        # What each galaxy was to the models, unless they are of another survey.
        split=[] if SURVEY["kind"] == "images" else expand(KNOWN, seed=1, allow_missing=True),
        labelled=[] if SURVEY["kind"] == "images" else f"{QUESTION}/seed_1/all/{LABELLED}",
        held_out=[] if SURVEY["kind"] == "images" else expand(HELD_OUT, seed=1, allow_missing=True),
        conformal=of_trained_model("posteriors/conformal.parquet") if POSTERIORS["conformal"] else [],
    output:
        catalogue=POSTERIOR_CATALOGUE,
    pathvars:
        job="{question}/posteriors/catalogue",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=1000,
        runtime=60,
        gpu=0,
    params:
        **step("posterior_catalogue"),
        settings=flags({key: POSTERIORS[key] for key in ("responses", "quantiles")}),


use rule step as tree_catalogue with:
    """Write what the same networks say of all questions of the tree about each galaxy, in a row."""
    input:
        predictions=expand(PREDICTIONS, question=QUESTIONS, variant=VARIANTS[-1], part=CATALOGUE_PARTS),
        model=of_trained_model(f"seed_1/all/{DESCRIPTION}", FIRST),
    output:
        catalogue=TREE_CATALOGUE,
    pathvars:
        job="tree_catalogue",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        **step("tree_catalogue"),


use rule step as browse_page with:
    """Write a page that browses the catalogue of posteriors: histogram, galaxies in order, search by id."""
    input:
        catalogues=expand(POSTERIOR_CATALOGUE, question=POSTERIOR_QUESTIONS),
        index=INDEX,
    output:
        html=BROWSE_PAGE,
    pathvars:
        job="browse_page",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
    params:
        **step("browse_page"),
        settings=flags({"survey": SURVEY["name"], "galaxies": POSTERIORS["browsed"]}),


use rule step as fits_catalogue with:
    """Copy the catalogue of posteriors to FITS."""
    input:
        catalogue=POSTERIOR_CATALOGUE,
    output:
        fits=FITS_CATALOGUE,
    pathvars:
        job="{question}/posteriors/fits_catalogue",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    params:
        **step("fits_catalogue"),


use rule step as calibrate with:
    """Compare the posteriors of the test set, by each variant, with its votes."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS, part="test", allow_missing=True),
        votes=VOTES,
        model=of_learner(f"{QUESTION}/seed_1/all/{DESCRIPTION}"),
        conformal=CONFORMAL if POSTERIORS["conformal"] else [],
        truth=TRUTH if SURVEY["kind"] == "simulated" else [],
    output:
        test=f"{POSTERIOR_FOLDER}/test.parquet",
        parquet=expand(f"{POSTERIOR_FOLDER}/{{table}}.parquet", table=POSTERIOR_TABLES, allow_missing=True),
        csv=report(
            expand(f"{POSTERIOR_FOLDER}/{{table}}.csv", table=POSTERIOR_TABLES, allow_missing=True),
            caption="../report/posterior_tables.rst",
            category="{question}",
            subcategory="posteriors",
        ),
    pathvars:
        job="{question}/posteriors/calibrate",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        **step("calibrate"),


use rule step as compare_groups with:
    """Find how often intervals hold the truth in groups of test galaxies that are alike."""
    input:
        test=f"{POSTERIOR_FOLDER}/test.parquet",
        catalogue=survey_file("catalogue", CATALOGUE),
        galaxies=GALAXIES,
        model=of_learner(f"{QUESTION}/seed_1/all/{DESCRIPTION}"),
        truth=TRUTH if SURVEY["kind"] == "simulated" else [],
    output:
        by_group=BY_GROUP,
        csv=f"{POSTERIOR_FOLDER}/interval_coverage_by_group.csv",
    pathvars:
        job="{question}/posteriors/compare_groups",
    group:
        submitted_with("posteriors")
    params:
        **step("compare_groups"),
        settings=flags(
            {
                "encoding": SURVEY["release"]["encoding"],
                "columns": POSTERIORS["surprise"]["other"],
            }
        ),


use rule step as plot_calibration with:
    """Plot calibration, distributions and classification of the test set."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS, part="test", allow_missing=True),
        votes=VOTES,
        curve=f"{POSTERIOR_FOLDER}/calibration_curve.parquet",
    output:
        png=report(
            expand(f"{FIGURES}/posterior_{{figure}}.png", figure=CALIBRATION_FIGURES, allow_missing=True),
            caption="../report/posterior_calibration.rst",
            category="{question}",
            subcategory="posteriors",
        ),
        pdf=expand(f"{FIGURES}/posterior_{{figure}}.pdf", figure=CALIBRATION_FIGURES, allow_missing=True),
    pathvars:
        job="{question}/posteriors/plot_calibration",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        **step("plot_calibration"),


use rule step as plot_tuning with:
    """Plot how surprise and calibration depend on the dropout rate."""
    input:
        tuning=TUNING,
    output:
        png=report(
            f"{FIGURES}/posterior_tuning.png",
            caption="../report/posterior_tuning.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "dropout rate"},
        ),
        pdf=f"{FIGURES}/posterior_tuning.pdf",
    pathvars:
        job="{question}/posteriors/plot_tuning",
    group:
        submitted_with("posteriors")
    params:
        **step("plot_tuning"),


use rule step as plot_posteriors with:
    """Show posteriors of randomly chosen test galaxies beside the images that the first network saw."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part="test", allow_missing=True),
        votes=VOTES,
        index=INDEX,
        model=of_learner(f"{QUESTION}/seed_1/all/{DESCRIPTION}"),
    output:
        png=report(
            f"{FIGURES}/posterior_examples.png",
            caption="../report/posterior_examples.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "posteriors"},
        ),
        pdf=f"{FIGURES}/posterior_examples.pdf",
    pathvars:
        job="{question}/posteriors/plot_posteriors",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=1500,
        runtime=10,
        gpu=0,
    params:
        **step("plot_posteriors"),
        settings=flags(NETWORKS),


use rule step as explain_surprise with:
    """Find what drives the surprise of the networks: morphology, or what should not."""
    input:
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part="test", allow_missing=True),
        votes=VOTES,
        feature_votes=expand(VOTES, question=POSTERIORS["surprise"]["questions"]),
        catalogue=survey_file("catalogue", CATALOGUE),
        galaxies=GALAXIES,
    output:
        parquet=f"{POSTERIOR_FOLDER}/surprise.parquet",
        csv=f"{POSTERIOR_FOLDER}/surprise.csv",
        png=report(
            f"{FIGURES}/posterior_surprise.png",
            caption="../report/posterior_surprise.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "what drives the surprise"},
        ),
        pdf=f"{FIGURES}/posterior_surprise.pdf",
    pathvars:
        job="{question}/posteriors/explain_surprise",
    group:
        submitted_with("posteriors")
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        **step("explain_surprise"),
        settings=flags(
            {
                "encoding": SURVEY["release"]["encoding"],
                "morphology": POSTERIORS["surprise"]["morphology"],
                "other": POSTERIORS["surprise"]["other"],
            }
        ),
