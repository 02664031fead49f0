# Names that all rules share: the validated configuration, places of files, and what models stand on one another.

import json
import os
import shlex
import sys

import yaml

PACKAGE = os.path.join(workflow.basedir, "src")
sys.path.insert(0, PACKAGE)

from activezoo import forkserver
from activezoo.configuration import validated
from activezoo.errors import InputError
from activezoo.progress import Progress
from activezoo.runtime import prepend_to_python_path

with open(os.path.join(workflow.basedir, "workflow/schemas/config.schema.yaml")) as schema:
    try:
        config = validated(config, yaml.safe_load(schema))
    except InputError as error:
        raise WorkflowError(str(error))

progress = Progress.attach("snakemake.logging", model_rule="evaluate")

# Jobs, here and on the nodes of a cluster, run the package of this checkout, installed or not. From those in a conda
# environment Snakemake takes the variable away, so that the shell has to set it once more.
python_path = prepend_to_python_path(PACKAGE)
shell.prefix(f"export PYTHONPATH={shlex.quote(python_path)}; ")

SURVEY = config["survey"]
QUESTIONS = config["loop"]["questions"]
SEEDS = config["loop"]["seeds"]
STRATEGIES = config["loop"]["strategies"]
ITERATIONS = config["loop"]["iterations"]

RESULTS = f"results/{SURVEY['name']}"
LOGS = f"logs/{SURVEY['name']}"
BENCHMARKS = f"{LOGS}/benchmarks"

# The files of the survey, simulated or of a release; the filename map may be null.
if SURVEY["kind"] == "simulated":
    CATALOGUE = f"{RESULTS}/survey/gz2_hart16.csv"
    FILENAME_MAP = f"{RESULTS}/survey/gz2_filename_mapping.csv"
    IMAGES = f"{RESULTS}/survey/images_gz2/images"
elif SURVEY["kind"] == "release":
    CATALOGUE, FILENAME_MAP, IMAGES = (SURVEY["release"][key] for key in ("catalogue", "filename_map", "images"))
else:
    CATALOGUE, FILENAME_MAP, IMAGES = None, None, SURVEY["release"]["images"]

RUN = f"{RESULTS}/{{question}}/seed_{{seed}}"
MODEL = f"{RUN}/{{model}}"
ITERATION = f"{RUN}/{{strategy}}/iteration_{{iteration}}"
ENVIRONMENT = os.path.join(workflow.basedir, "envs/activezoo.yaml")

# Folders of all models, the first of each seed once.
MODELS = [
    *expand(f"{RUN}/initial", question=QUESTIONS, seed=SEEDS),
    *expand(ITERATION, question=QUESTIONS, seed=SEEDS, strategy=STRATEGIES, iteration=range(1, ITERATIONS + 1)),
]


wildcard_constraints:
    question="|".join(config["questions"]),
    seed=r"\d+",
    strategy="|".join(STRATEGIES),
    iteration=r"[1-9]\d*",
    # `all` is trained on all labelled galaxies, `experts` on experts' classes; see posteriors.smk.
    model=rf"initial|all|experts|({'|'.join(STRATEGIES)})/iteration_[1-9]\d*",
    shard=r"\d+",


def code(*modules):
    """Source files of the package that a step depends on: an edit there runs it again."""
    # Relative where results lie in the project, so that one that was moved or copied as a whole does not run again.
    package = "src" if os.path.samefile(workflow.basedir, os.curdir) else PACKAGE
    return [f"{package}/activezoo/{module}.py" for module in modules]


def model_name(strategy, iteration):
    """Folder of a model within its seed; the first one is shared by all strategies."""
    return f"{strategy}/iteration_{iteration}" if int(iteration) else "initial"


def model(question, seed, strategy, iteration):
    """Folder of a model."""
    return f"{RUN}/{model_name(strategy, iteration)}".format(question=question, seed=seed)


def iteration_of(wildcards):
    """Number of a model's iteration, 0 for the first; of a model outside the loop its name."""
    return wildcards.model.rpartition("_")[2] if wildcards.model != "initial" else 0


def previous_model(wildcards):
    """Folder of the model before this iteration's."""
    return model(wildcards.question, wildcards.seed, wildcards.strategy, int(wildcards.iteration) - 1)


def flags(section, *keys):
    """Config values as command-line flags: `flags(config["network"], "input_size")` is `--input-size 64`."""
    values = {key: section[key] if isinstance(section[key], list) else [section[key]] for key in keys}
    return " ".join(f"--{key.replace('_', '-')} {' '.join(map(str, values[key]))}" for key in keys)


def optional_flag(flag, value):
    """A flag with its value, or nothing where the value is null or empty."""
    return f"{flag} {shlex.quote(str(value))}" if value else ""


def survey_file(key, path):
    """Input function: a file of the survey, or an error that says where to put it."""

    def existing(wildcards):
        if path and SURVEY["kind"] != "simulated" and not os.path.exists(path):
            fetch = ", or fetch Galaxy Zoo 2 with `snakemake --cores 4 download --configfile …`, with your file"
            raise WorkflowError(
                f"{path}: no such file. It is survey.release.{key} of the configuration: put the file there, or change "
                f"the key{fetch if SURVEY['kind'] == 'release' else ''}"
            )
        return path or []

    return existing


def training_memory(wildcards, attempt):
    """Megabytes: TensorFlow, and what it keeps of each layer for a batch (activations, gradients, working space)."""
    pixels = config["network"]["input_size"] ** 2 * config["training"]["batch_size"]
    maps = sum(2 * filters / 4**block for block, filters in enumerate(config["network"]["filters"]))
    return attempt * int(1200 + 14e-6 * pixels * maps)


def prediction_memory(wildcards, attempt):
    """Megabytes; whatever the number of galaxies, since they are read and written a few at a time."""
    return attempt * int(1200 + 10 * max(config["network"]["filters"]))


def network_flags(wildcards):
    """The network's sizes."""
    return flags(config["network"], "input_size", "filters", "dense_units", "dropout")


def view_flags(wildcards):
    """How the images of a question are augmented."""
    return flags(config["questions"][wildcards.question], "zoom", "crop")


def weights_to_continue(wildcards):
    """The weights that a model's training starts from: none, or those of the iteration before."""
    strategy, in_loop, _ = wildcards.model.partition("/")
    if not in_loop or not config["loop"]["warm_start"]:
        return []
    return f"{model(wildcards.question, wildcards.seed, strategy, int(iteration_of(wildcards)) - 1)}/model.weights.h5"


def training_steps(wildcards):
    """Steps of a model's training: fewer if it continues another's, and others outside the loop."""
    if wildcards.model in ("all", "experts"):
        return config["posteriors"]["training_steps"]
    return config["training"]["steps" if weights_to_continue(wildcards) else "first_steps"]


def pool_predictions(wildcards):
    """Predictions for the whole pool; the random strategy needs none."""
    if wildcards.strategy == "random":
        return []
    return expand(
        f"{ITERATION}/pool_predictions/shard_{{shard}}.parquet", **wildcards, shard=range(config["pool"]["shards"])
    )


def show_headline():
    """Print the answer that the run was made for, if the run got so far."""
    path = f"{RESULTS}/headline.txt"
    if os.path.exists(path):
        with open(path) as headline:
            print(f"\n{headline.read()}\nMore in {RESULTS}/README.md")
