# The active-learning loop.

# Needs: USABLE and INDEX; VOTES, for `check_pool`, `label_initial`, `label` and `evaluate` alone.
# Makes, for each question and seed: the role of each galaxy, and how large the pool is.
SPLIT = f"{RUN}/split.parquet"
# The roles of the galaxies that have votes: in a live survey, some of those.
KNOWN = f"{QUESTION}/known.parquet" if IS_LIVE else SPLIT
POOL = f"{RUN}/pool.parquet"

# Makes, for each model: the galaxies labelled so far, and how they were chosen; what the model is, its weights and losses;
# its predictions for the test set, how good they are galaxy by galaxy, and how good they are on average.
LABELLED = "labelled.parquet"
ACQUISITION = "acquisition.parquet"
DESCRIPTION = "model.json"
WEIGHTS = "model.weights.h5"
HISTORY = "training.parquet"
TEST_PREDICTIONS = "test_predictions.parquet"
EVALUATION = "evaluation.parquet"
METRICS = "metrics.parquet"
# Ends of the names of the pool's predictions: of the first look at all galaxies, and of closer ones at some.
LOOKS = ["", *(f"_look_{look}" for look in range(1, 1 + len(config["pool"]["closer_looks"])))]


use rule step as train with:
    """Train the network on all galaxies labelled so far."""
    input:
        labelled=(
            expand(f"{MODEL}/{LABELLED}", question=QUESTIONS, allow_missing=True)
            if TOGETHER
            else f"{MODEL}/{LABELLED}"
        ),
        index=INDEX,
        start=weights_to_continue,
    output:
        model=f"{MODEL}/{DESCRIPTION}",
        weights=f"{MODEL}/{WEIGHTS}",
        history=f"{MODEL}/{HISTORY}",
    pathvars:
        job="{question}/seed_{seed}/{model}/train",
    group:
        submitted_with_iteration()
    resources:
        **TRAINING,
    params:
        **step("train"),
        settings=training_settings,


use rule step as evaluate with:
    """Predict the test set with a trained model, and compare the predictions with its votes."""
    input:
        model=of_learner(f"{MODEL}/{DESCRIPTION}"),
        weights=of_learner(f"{MODEL}/{WEIGHTS}"),
        history=of_learner(f"{MODEL}/{HISTORY}"),
        labelled=f"{MODEL}/{LABELLED}",
        split=KNOWN,
        votes=VOTES,
        index=INDEX,
    output:
        predictions=f"{MODEL}/{TEST_PREDICTIONS}",
        by_galaxy=f"{MODEL}/{EVALUATION}",
        metrics=f"{MODEL}/{METRICS}",
    pathvars:
        job="{question}/seed_{seed}/{model}/evaluate",
    group:
        submitted_with_iteration()
    resources:
        **PREDICTION,
    params:
        **step("evaluate"),
        settings=flags(config["sampling"]),


use rule step as predict_pool with:
    """Predict one shard of the galaxies that votes can be asked of, for strategies; look closer at the best of them."""
    input:
        model=f"{MODEL}/{DESCRIPTION}",
        weights=f"{MODEL}/{WEIGHTS}",
        split=SPLIT,
        labelled=f"{MODEL}/{LABELLED}",
        index=INDEX,
    output:
        predictions=temp(
            expand(f"{MODEL}/pool_predictions/shard_{{shard}}{{look}}.parquet", look=LOOKS, allow_missing=True)
        ),
    pathvars:
        job="{question}/seed_{seed}/{model}/predict_pool_{shard}",
    group:
        submitted_with_iteration()
    resources:
        **PREDICTION,
    params:
        **step("predict_pool"),
        settings=scoring_settings,


# The votes are on record, and simulated volunteers give them; see live.smk for people.
if not IS_LIVE:

    use rule step as split with:
        """Fix the test set of a question, and draw the initial galaxies of a seed; the rest is the pool."""
        input:
            usable=USABLE,
            index=INDEX,
        output:
            split=SPLIT,
        pathvars:
            job="{question}/seed_{seed}/split",
        wildcard_constraints:
            question="|".join(LEARNERS),
        group:
            submitted_with("start_{question}_{seed}")
        params:
            **step("split"),
            settings=lambda wildcards: flags(
                {"initial": initial_galaxies(wildcards.question), "test_galaxies": config["loop"]["test_galaxies"]}
            ),

    # No other step takes its output: if one did, raising the iterations would run that step again. Its priority puts it
    # first.
    use rule step as check_pool with:
        """Stop before any training if the pool cannot feed all iterations."""
        input:
            split=SPLIT,
            votes=VOTES,
        output:
            pool=POOL,
        pathvars:
            job="{question}/seed_{seed}/check_pool",
        priority: 100
        group:
            submitted_with("start_{question}_{seed}")
        params:
            **step("check_pool"),
            settings=pool_settings,

    use rule step as label_initial with:
        """Ask for the votes of the initial galaxies."""
        input:
            split=SPLIT,
            votes=VOTES,
        output:
            labelled=f"{RUN}/initial/{LABELLED}",
        pathvars:
            job="{question}/seed_{seed}/initial/label",
        wildcard_constraints:
            question="|".join(LEARNERS),
        group:
            submitted_with("start_{question}_{seed}")
        params:
            **step("label_initial"),
            settings=of_question("few_votes"),

    use rule step as rank with:
        """Order what to ask next: of which galaxies a strategy wants votes, and how many."""
        input:
            predictions=pool_predictions,
            model=previous_model(DESCRIPTION),
            labelled=previous_model(LABELLED),
            split=SPLIT,
        output:
            acquisition=f"{ITERATION}/{ACQUISITION}",
        pathvars:
            job="{question}/seed_{seed}/{strategy}/iteration_{iteration}/rank",
        group:
            submitted_with_iteration("select_{question}_{seed}_{strategy}_{iteration}")
        resources:
            mem_mb=2000,
            runtime=20,
            gpu=0,
        params:
            **step("rank"),
            strategy_code=lambda wildcards: steps.code(f"acquisition.{wildcards.strategy}"),
            settings=of_question("few_votes", "acquire", scored=config["pool"]["scored"]),

    use rule step as label with:
        """Ask for votes, the most wanted first, until the budget is spent, and add them to those before."""
        input:
            acquisition=f"{ITERATION}/{ACQUISITION}",
            labelled_before=previous_model(LABELLED),
            votes=VOTES,
        output:
            labelled=f"{ITERATION}/{LABELLED}",
        pathvars:
            job="{question}/seed_{seed}/{strategy}/iteration_{iteration}/label",
        wildcard_constraints:
            question="|".join(LEARNERS),
        group:
            submitted_with_iteration("select_{question}_{seed}_{strategy}_{iteration}")
        params:
            **step("label"),
            settings=of_question("acquire", "unit"),


if TOGETHER:

    use rule step as split_below with:
        """Give the galaxies of a question the roles that they have for the first question of the tree."""
        input:
            first=of_learner(SPLIT),
            usable=USABLE,
        output:
            split=SPLIT,
        pathvars:
            job="{question}/seed_{seed}/split",
        wildcard_constraints:
            question="|".join(BELOW) or "-",
        params:
            **step("split_below"),

    use rule step as label_below with:
        """Give a question below another one the answers of those who came to it."""
        input:
            before=question_before(f"{MODEL}/{{votes_of}}.parquet"),
            votes=VOTES,
        output:
            below=f"{MODEL}/{{votes_of}}.parquet",
        pathvars:
            job="{question}/seed_{seed}/{model}/{votes_of}_below",
        wildcard_constraints:
            question="|".join(BELOW) or "-",
            votes_of="labelled|held_out",
        params:
            **step("label_below"),
            settings=leading_answers,
