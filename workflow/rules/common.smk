# What rules share: the validated configuration, folders, and all functions, most of which say what a step needs.

import json
import os
import shlex
import sys
from contextlib import contextmanager

import yaml
from snakemake.logging import logger

PACKAGE = os.path.join(workflow.basedir, "src")
sys.path.insert(0, PACKAGE)

import activezoo
from activezoo.acquisition import registry
from activezoo.errors import InputError
from activezoo.model.augmentation import View
from activezoo.model.network import Architecture
from activezoo.running import clusters, forkserver, provenance, steps
from activezoo.running.configuration import as_written, validated
from activezoo.running.locks import ignore_locks_of_the_dead
from activezoo.running.progress import Progress
from activezoo.running.runtime import prepend_to_python_path
from activezoo.running.scheduling import before_planning, lift_default_job_rate, plan_quickly, retry_what_may_pass
from activezoo.running.steps import flags, section
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.layout import Answers, ClassColumns, Columns, Fractions, refuse_missing_file


@contextmanager
def input_errors_told():
    """Have Snakemake say what is wrong with the input, without a traceback."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error))


with open(os.path.join(workflow.basedir, "workflow/schemas/config.schema.yaml")) as schema, input_errors_told():
    config = validated(as_written(config, workflow.configfiles), yaml.safe_load(schema))

progress = Progress.attach("snakemake.logging", model_rule="evaluate")
ignore_locks_of_the_dead(workflow)
retry_what_may_pass()
plan_quickly(workflow, list_jobs=not progress.terminal or workflow.output_settings.printshellcmds)
clusters.pass_on_gpu_limit(workflow)
clusters.look_after_jobs_steadily()
clusters.read_partitions_strictly()

# Jobs, here and on the nodes of a cluster, run the package of this checkout, installed or not. Snakemake removes
# PYTHONPATH from jobs in a conda environment, so the shell sets it once more. The rest is Snakemake's own prefix, which
# this one replaces: without it, a step that fails before `| tee` would count as done.
python_path = prepend_to_python_path(PACKAGE)
shell.prefix(f"set -euo pipefail; export PYTHONPATH={shlex.quote(python_path)}; ")

SURVEY = config["survey"]
IS_LIVE = SURVEY["kind"] == "live"
QUESTIONS = config["loop"]["questions"]
SEEDS = config["loop"]["seeds"]
STRATEGIES = config["loop"]["strategies"]
POSTERIORS = config["posteriors"]
# Questions that are learnt together: the first one's folders hold the models, and what they learn from and choose.
TOGETHER = config["network"]["questions"] == "together"
FIRST, BELOW = QUESTIONS[0], QUESTIONS[1:] if TOGETHER else []
LEARNERS = [FIRST] if TOGETHER else list(config["questions"])

# Folders of results: of all asks of a live survey; of a question, of one of its seeds, of any model of the seed, and of the model of an iteration.
RESULTS = f"results/{SURVEY['name']}"
ASKS = f"{RESULTS}/asks"
QUESTION = f"{RESULTS}/{{question}}"
RUN = f"{QUESTION}/seed_{{seed}}"
MODEL = f"{RUN}/{{model}}"
ITERATION = f"{RUN}/{{strategy}}/iteration_{{iteration}}"
FIGURES = f"{RESULTS}/figures/{{question}}"
# Records of the runs that made them.
PROVENANCE = f"{RESULTS}/provenance"
# How long each job took.
BENCHMARKS = f"logs/{SURVEY['name']}/benchmarks"

# A live survey has a model for each ask that is closed. An ask that has what it wants is closed by this run. Jobs on the
# nodes of a cluster read this again: to them, it is closed once its votes are frozen.
if IS_LIVE:
    from activezoo.survey import asks, volunteers

    with input_errors_told():
        SOURCES = volunteers.files(config["live"]["votes"])
        STATE = asks.state(ASKS)
        CLOSED = STATE.closed
        if STATE.is_open and workflow.is_main_process:
            CLOSED += asks.can_be_closed(ASKS, STATE.closed, SOURCES, config["live"]["close"])
    IS_WAITING = STATE.is_open and CLOSED == STATE.closed
    ITERATIONS = CLOSED - 1
else:
    ITERATIONS = config["loop"]["iterations"]

# Folders of all models of the loop, of one question and of all questions. The first model of a seed is listed once.
MODELS_OF_QUESTION = [
    *(expand(f"{RUN}/initial", seed=SEEDS, allow_missing=True) if ITERATIONS >= 0 else []),
    *expand(ITERATION, seed=SEEDS, strategy=STRATEGIES, iteration=range(1, ITERATIONS + 1), allow_missing=True),
]
MODELS = expand(MODELS_OF_QUESTION, question=QUESTIONS)

ENVIRONMENT = os.path.join(workflow.basedir, "envs/activezoo.yaml")
# Targets that need no file of the survey, and make no results.
WITHOUT_SURVEY = {"check", "download", "disk_use", "prune"}
# Of a step that takes seconds. Memory in MB, time in minutes.
LIGHT = {"mem_mb": 1000, "runtime": 10, "gpu": 0}


pathvars:
    logs=f"logs/{SURVEY['name']}",
    benchmarks=BENCHMARKS,


wildcard_constraints:
    question="|".join(config["questions"]),
    seed=r"\d+",
    strategy="|".join(STRATEGIES),
    iteration=r"[1-9]\d*",
    # `all` is trained on all labelled galaxies, `experts` on experts' classes; see posteriors.smk and experts.smk.
    model=rf"initial|all|experts|({'|'.join(STRATEGIES)})/iteration_[1-9]\d*",
    shard=r"\d+",
    variant="mixture|ensemble|tuned_dropout|rescaled",
    part=r"test|held_out|experts|shard_\d+",
    page="results|progress|posteriors",


def step(name, *strategies):
    """Parameters for a step: its command, and a digest of the code that can change its results.

    The flags are the arguments of the step's `run`. They come, by name, from the rule's inputs, outputs, wildcards,
    threads and GPUs; the rule's `settings` add others. The step runs again after an edit of its file, of anything that
    the file imports, or of one of the `strategies`.
    """

    def command(wildcards, input, output, threads, resources):
        values = {**wildcards, **input, **output, "threads": threads, "gpu": resources.gpu}
        return steps.command(name, values)

    def code(wildcards):
        return steps.code(f"steps.{name}", *(f"acquisition.{of}" for of in strategies))

    return {"command": command, "code": code}


def submitted_with(group):
    """Group of jobs: steps of a second or two share a submission to a cluster with their neighbours.

    On one machine there are no groups (`plan_quickly`).
    """

    def of(wildcards):
        resolved = group.format(**wildcards)
        workflow.parent_groupids[resolved] = group  # as Snakemake does for groups that are plain text
        return resolved

    return of


def submitted_with_iteration(group=None):
    """Group of the jobs of an iteration: `group`, unless a profile packs iterations (`group-components: iteration=5`).

    Then so many iterations of a chain share a submission. The first model of a seed comes with the start of the seed.
    """

    def of(wildcards):
        packed = workflow.group_settings.group_components.get("iteration")  # not known before the workflow is read
        strategy, iteration = wildcards.get("strategy"), wildcards.get("iteration")
        if strategy is None:
            strategy, iteration = strategy_and_iteration(wildcards.model)
        if packed and strategy in STRATEGIES:
            first = (int(iteration) - 1) // packed * packed + 1
            return submitted_with(f"iterations_{{question}}_{{seed}}_{strategy}_from_{first}")(wildcards)
        if packed and strategy == "initial":
            return submitted_with("start_{question}_{seed}")(wildcards)
        return submitted_with(group)(wildcards) if group else None

    return of


def model_name(strategy, iteration):
    """Folder of a model within its seed; the first one is shared by all strategies."""
    return f"{strategy}/iteration_{iteration}" if int(iteration) else "initial"


def model(question, seed, strategy, iteration):
    """Folder of a model."""
    return f"{RUN}/{model_name(strategy, iteration)}".format(question=question, seed=seed)


def strategy_and_iteration(model):
    """Strategy and iteration, from the folder of a model within its seed.

    The first model, and a model outside the loop, have the folder's name (`initial`, `all`, `experts`) and iteration 0.
    """
    strategy, _, folder = model.partition("/")
    return strategy, int(folder.rpartition("_")[2] or 0)


def of_learner(paths):
    """Paths, or one, with the question whose folder holds the models: each question's own, or the first."""
    if isinstance(paths, str):
        return paths.replace("{question}", FIRST) if TOGETHER else paths
    return [of_learner(path) for path in paths]


def question_before(file):
    """Input function: a file of the question that leads to this one; of the first, if everybody is asked this one."""

    def path(wildcards):
        before = config["questions"][wildcards.question]["asked_if"]
        return file.format(**{**wildcards, "question": before["question"] if before else FIRST})

    return path


def leading_answers(wildcards):
    """Settings: the answers that lead to a question; none if everybody is asked it."""
    before = config["questions"][wildcards.question]["asked_if"]
    return flags({"leading": before["answers"] if before else []})


def previous_model(file):
    """Input function: a file of the model before this iteration's."""
    return lambda wildcards: "{}/{}".format(
        model(wildcards.question, wildcards.seed, wildcards.strategy, int(wildcards.iteration) - 1), file
    )


def survey_file(key, path):
    """Input function: a file of the survey, or an error that says where to put it."""

    def existing(wildcards):
        if path and SURVEY["kind"] != "simulated":
            refuse_missing(key, path)
        return path or []

    return existing


def refuse_missing(key, path):
    """Say where to put a file of the survey that is not there."""
    with input_errors_told():
        refuse_missing_file(key, path, is_release=SURVEY["kind"] == "release")


def refuse_missing_survey(targets, files, stored_images):
    """Look whether the files of the survey are there, before anything is planned.

    Snakemake asks the rules that read them only as long as what these made is not there. Without the folder of images,
    what needs only `stored_images` goes on.
    """
    if SURVEY["kind"] == "simulated" or (targets and targets <= WITHOUT_SURVEY):
        return
    for key, path in files.items():
        if key == "images" and path and not os.path.exists(path) and os.path.exists(stored_images):
            logger.warning(
                f"{path}: no such folder of images; those stored in {os.path.dirname(stored_images)} are used"
            )
        elif path:
            refuse_missing(key, path)


def of_question(*keys, **others):
    """Settings: some keys of the question's configuration, and others."""
    return lambda wildcards: flags({key: config["questions"][wildcards.question][key] for key in keys} | others)


def votes_settings(wildcards):
    """Settings of `votes`: the columns of a question, of each of its answers if they have names, and how they are read."""
    named = config["questions"][wildcards.question]["answers"]
    return of_question(
        *Answers._fields,
        *Fractions._fields,
        "min_responses",
        named=json.dumps(named) if isinstance(named, dict) else None,
        encoding=SURVEY["release"]["encoding"],
        empty_votes=SURVEY["release"]["empty_votes"],
        max_rejected=SURVEY["max_rejected"],
    )(wildcards)


def initial_galaxies(question):
    """How many galaxies the first model learns from."""
    section = config["questions"][question]
    return -(-section["initial"] // section["few_votes"]) if section["unit"] == "votes" else section["initial"]


def pool_settings(wildcards):
    """How much of the pool is asked for; of a strategy of few votes, each galaxy gives no more than these."""
    few = any(registry.load(strategy).votes == "few" for strategy in STRATEGIES)
    return of_question("acquire", "unit", *(["few_votes"] if few else []), iterations=ITERATIONS)(wildcards)


def votes_to_ask(question, key="acquire"):
    """How many votes an ask of a live survey wants on a question, those of the test too."""
    section = config["questions"][question]
    return section[key] * (1 if section["unit"] == "votes" else section["few_votes"])


def choice_settings(wildcards):
    """How many votes the next ask wants, and how galaxies are chosen."""
    return flags(
        {
            "ask": CLOSED,
            "budget": votes_to_ask(wildcards.question, "acquire" if CLOSED else "initial"),
            "few_votes": config["questions"][wildcards.question]["few_votes"],
            **{key: config["live"][key] for key in ("strategy", "test_share")},
        }
    )


def predictions_of_last_models(wildcards):
    """Predictions of the whole pool by the last model of each seed, seed by seed, for a strategy that needs them."""
    if not CLOSED or not registry.load(STRATEGIES[0]).needs_predictions:
        return []
    return [
        f"{LAST_MODEL}/pool_predictions/shard_{shard}.parquet".format(question=wildcards.question, seed=seed)
        for seed in SEEDS
        for shard in range(config["pool"]["shards"])
    ]


def questions_in_json(*keys):
    """Some keys of the questions, as `tree.parse` reads them."""
    return json.dumps({name: {key: config["questions"][name][key] for key in keys} for name in QUESTIONS})


def training_memory(wildcards, attempt):
    """Megabytes: TensorFlow, and what it keeps of each layer for a batch (activations, gradients, working space)."""
    pixels = config["network"]["input_size"] ** 2 * config["training"]["batch_size"]
    maps = sum(2 * filters / 4**block for block, filters in enumerate(config["network"]["filters"]))
    return attempt * int(1200 + 14e-6 * pixels * maps)


def prediction_memory(wildcards, attempt):
    """Megabytes; whatever the number of galaxies, since they are read and written a few at a time."""
    return attempt * int(1200 + 10 * max(config["network"]["filters"]))


TRAINING = {"mem_mb": training_memory, "runtime": 240, "gpu": 1}
PREDICTION = {"mem_mb": prediction_memory, "runtime": 240, "gpu": 1}


def weights_to_continue(wildcards):
    """The weights that a model's training starts from: none, or those of the iteration before."""
    strategy, iteration = strategy_and_iteration(wildcards.model)
    if not iteration or not config["loop"]["kept_weights"]:
        return []
    return f"{model(wildcards.question, wildcards.seed, strategy, iteration - 1)}/{WEIGHTS}"


def training_schedule(training):
    """How to train, but for the number of steps."""
    final = training["final_learning_rate"]
    return {
        **{key: training[key] for key in ("batch_size", "learning_rate", "weight_averaging")},
        "final_learning_rate": training["learning_rate"] if final is None else final,
    }


def training_settings(wildcards):
    """Settings of `train`. Steps differ for models that start afresh, that continue another, and outside the loop."""
    strategy, iteration = strategy_and_iteration(wildcards.model)
    if strategy in ("all", "experts"):
        steps = POSTERIORS["training_steps"]
    else:
        steps = config["training"]["steps" if iteration and config["loop"]["kept_weights"] else "first_steps"]
    question = config["questions"][wildcards.question]
    return flags(
        {
            "strategy": strategy,
            "iteration": iteration,
            **section(Answers, question),
            **section(View, question),
            **section(Architecture, config["network"]),
            "together": questions_in_json("answers", "positive", "responses", "asked_if") if TOGETHER else None,
            "steps": steps,
            **training_schedule(config["training"]),
            "kept_weights": config["loop"]["kept_weights"],
        }
    )


def pool_predictions(wildcards):
    """Predictions of the pool by the model before this iteration's, the closest look first; for who needs them."""
    if not registry.load(wildcards.strategy).needs_predictions:
        return []
    shards = range(config["pool"]["shards"])
    names = (f"pool_predictions/shard_{shard}{look}.parquet" for look in reversed(LOOKS) for shard in shards)
    return [previous_model(name)(wildcards) for name in names]


def scoring_settings(wildcards):
    """Settings of `predict_pool`. Galaxies that have votes are predicted for a strategy that asks of them again.

    The first model serves all strategies, also those that come later.
    """
    strategy, iteration = strategy_and_iteration(wildcards.model)
    again = IS_LIVE or not iteration or registry.load(strategy).votes == "any"
    return flags({**config["pool"], **config["sampling"], "labelled_too": again})


def of_trained_model(path, question=None):
    """Input function: a file of the survey whose models predict, or an error that says how to make it.

    It is of the rule's question unless another is named.
    """

    def existing(wildcards):
        members = MEMBERS[:1] if wildcards.get("variant") == "mixture" else MEMBERS
        of_model = of_learner(TRAINED_ON) if path.startswith("seed_") else TRAINED_ON
        found = expand(f"{of_model}/{path}", question=question or wildcards.question, member=members)
        missing = [file for file in found if SURVEY["kind"] == "images" and not os.path.exists(file)]
        if missing:
            raise WorkflowError(
                f"{missing[0]}: no such file; train the models of survey {POSTERIORS['trained_on']!r} "
                "(posteriors.trained_on) first: snakemake --cores 4 posteriors, with its configuration"
            )
        return found

    return existing


def tuned_dropout(wildcards):
    """The table of the tuned dropout rate, for the variant that has it."""
    if wildcards.variant == "tuned_dropout":
        return of_trained_model("posteriors/dropout_tuning.parquet")(wildcards)
    return []


def galaxies_to_predict(wildcards):
    """The table of the galaxies of a part."""
    tables = {"test": KNOWN, "held_out": HELD_OUT, "experts": EXPERTS}
    return tables.get(wildcards.part, INDEX).format(question=wildcards.question, seed=1)


def part_settings(wildcards):
    """Which galaxies of that table are meant, and by how many networks they are predicted."""
    kind, _, shard = wildcards.part.partition("_")
    if kind == "shard":
        return flags({"shard": shard, "shards": POSTERIORS["shards"], **NETWORKS})
    role = {"test": "test", "experts": "evaluate"}.get(wildcards.part)
    return flags({"role": role, "shard": 0, "shards": 1, **NETWORKS})


def has_experts(question):
    """Whether experts' classes are to be predicted from the votes on a question."""
    return CLASSES is not None and not TOGETHER and question == POSTERIORS["experts"]["question"]


def classes_of_experts(wildcards):
    """The file of experts' classes, or an error that says which key names it."""
    if POSTERIORS["experts"]["file"] and not os.path.exists(CLASSES):
        raise WorkflowError(f"{CLASSES}: no such file; correct posteriors.experts.file")
    return CLASSES or []


def all_posterior_results(wildcards):
    """Input function: everything about posteriors.

    It checks that the experts' file exists. Snakemake does not notice a missing file whose products are there.
    """
    classes_of_experts(wildcards)
    return [
        *[path.format(question=question) for question in POSTERIOR_QUESTIONS for path in posterior_results(question)],
        BROWSE_PAGE,
        *([TREE_CATALOGUE] if TOGETHER and POSTERIORS["galaxies"] == "all" else []),
        *([] if SURVEY["kind"] == "images" else [POSTERIORS_PAGE, HTML_PAGE.format(page="posteriors")]),
    ]


def posterior_results(question):
    """Everything that there is to make about the posteriors of a question."""
    catalogues = [POSTERIOR_CATALOGUE, *([FITS_CATALOGUE] if POSTERIORS["fits"] else [])]
    if SURVEY["kind"] == "images":
        return catalogues
    return [
        *catalogues,
        *[f"{POSTERIOR_FOLDER}/{table}.parquet" for table in POSTERIOR_PAGE_TABLES],
        *[f"{FIGURES}/posterior_{figure}.png" for figure in posterior_figures(question)],
    ]


def posterior_figures(question):
    """Names of the figures about the posteriors of a question, in the order of the page."""
    return [
        "examples",
        "calibration",
        "diagnostics",
        *(["tuning"] if POSTERIORS["tune_dropout"] else []),
        "distributions",
        "classification",
        *(["surprise"] if any(POSTERIORS["surprise"].values()) else []),
        *(["experts"] if has_experts(question) else []),
    ]


def pages_in_markdown(wildcards):
    """The pages of an HTML page. That of results holds the posteriors too, if every run makes them."""
    return [
        *([RESULTS_PAGE] if wildcards.page == "results" else []),
        *([PROGRESS_PAGE] if wildcards.page == "progress" else []),
        *([POSTERIORS_PAGE] if wildcards.page == "posteriors" or POSTERIORS["with_loop"] else []),
    ]


def shown_on_pages(wildcards):
    """Figures and small tables that become part of an HTML page."""
    pages = pages_in_markdown(wildcards)
    if PROGRESS_PAGE in pages:
        tables = expand("{table}.csv", table=[CURVE, FORECAST, CALIBRATION])
        return [*rules.progress_page.input.figures, *expand(tables, question=QUESTIONS)]
    return [
        *(rules.results_page.input.figures if RESULTS_PAGE in pages else []),
        *(expand([f"{METRICS_TABLE}.csv", f"{SAVINGS}.csv"], question=QUESTIONS) if RESULTS_PAGE in pages else []),
        *(rules.posteriors_page.input.figures if POSTERIORS_PAGE in pages else []),
        *(
            expand(f"{POSTERIOR_FOLDER}/{{table}}.csv", question=POSTERIOR_QUESTIONS, table=POSTERIOR_PAGE_TABLES)
            if POSTERIORS_PAGE in pages
            else []
        ),
    ]


def check_settings():
    """What a run would read of the survey, and how."""
    surprise = POSTERIORS["surprise"]
    keys = (*Answers._fields, *Fractions._fields, "min_responses", "acquire", "unit", "few_votes")
    asked = {
        name: {key: config["questions"][name][key] for key in keys} | {"initial": initial_galaxies(name)}
        for name in [*QUESTIONS, *POSTERIOR_QUESTIONS, *surprise["questions"]]
        if SURVEY["kind"] in ("simulated", "release")
    }
    return {
        "survey": SURVEY["name"],
        **(SURVEY_FILES if SURVEY["kind"] != "simulated" else {}),
        **section(Columns, SURVEY["columns"]),
        "encoding": SURVEY["release"]["encoding"],
        "empty_votes": SURVEY["release"]["empty_votes"],
        "samples": SURVEY["samples"],
        "other_columns": [SURVEY["columns"]["redshift"], *surprise["morphology"], *surprise["other"]],
        "max_rejected": SURVEY["max_rejected"],
        "asked": json.dumps(asked),
        **{key: config["loop"][key] for key in ("questions", "iterations", "test_galaxies")},
        "experts": POSTERIORS["experts"]["file"],
        **section(ClassColumns, POSTERIORS["experts"]),
        **IMAGE_SETTINGS,
        "shown_as": QUESTIONS[0],
        "zoom": config["questions"][QUESTIONS[0]]["zoom"],
        "input_size": config["network"]["input_size"],
        "folder": f"{RESULTS}/check",
    }


def disk_use_settings(wildcards):
    """What decides how much the loop takes on disk."""
    simulated = SURVEY["simulated"] if SURVEY["kind"] == "simulated" else {}
    questions = QUESTIONS if HAS_VOTES else []  # without votes there is no loop
    choosing = [strategy for strategy in STRATEGIES if registry.load(strategy).needs_predictions]
    chains = len(LEARNERS if TOGETHER else questions) * len(SEEDS) * len(choosing)
    return flags(
        {
            "results": RESULTS,
            "index": INDEX,
            "galaxies": simulated.get("galaxies"),
            **{key: config["pool"][key] for key in ("scored", "closer_looks")},
            "image_size": simulated.get("image_size"),
            "stored_size": config["images"]["stored_size"],
            "models": len(MODELS) if HAS_VOTES else 0,
            "choosing_models": chains * ITERATIONS,
            "chains": chains,
            "galleries": len(questions) * len(STRATEGIES),
            "iterations": ITERATIONS,
            "test_galaxies": config["loop"]["test_galaxies"],
            **section(Architecture, config["network"]),
            "weight_averaging": config["training"]["weight_averaging"],
            **config["sampling"],
        }
    )


def makes_results():
    """Whether this run makes results, and does not only look, fetch, tell or delete files."""
    jobs = workflow.dag.needrun_jobs(exclude_finished=False)
    return any(job.rule.name not in WITHOUT_SURVEY for job in jobs)


def record_provenance():
    """Write down what this run is made with; say first what it would mix with results that are there."""
    if not makes_results():
        return
    release = SURVEY["release"] if SURVEY["kind"] != "simulated" else {}
    inputs = {f"survey.release.{key}": path for key, path in release.items()}
    record = provenance.record(
        config,
        inputs | {"posteriors.experts.file": POSTERIORS["experts"]["file"]},
        version=activezoo.__version__,
        lock=os.path.join(workflow.basedir, "envs/requirements.txt"),
        project=workflow.basedir,
    )
    before = provenance.newest(PROVENANCE)
    for difference in provenance.differences(before, record) if before else []:
        logger.warning(difference)
    provenance.write(record, PROVENANCE)


def show_headline():
    """Print the answer that the run was made for, if the run got so far."""
    path, page = (PROGRESS_HEADLINE, "progress") if IS_LIVE else (HEADLINE, "results")
    if os.path.exists(path):
        with open(path) as headline:
            print(f"\n{headline.read()}\nMore in {HTML_PAGE.format(page=page)}")
