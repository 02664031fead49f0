# Names that the rules about posteriors share: variants of the prediction, parts of the survey, whose models predict.

POSTERIOR = config["posterior"]
POSTERIOR_QUESTIONS = config["posteriors"]["questions"] or QUESTIONS
MEMBERS = list(range(1, POSTERIOR["ensemble"] + 1))
TUNED = POSTERIOR["tune_dropout"] or POSTERIOR["rescale"]
EXPERTS = config["posteriors"]["experts"]
EXPERTS_FILE = EXPERTS["file"] or (f"{RESULTS}/survey/experts.csv" if SURVEY["kind"] == "simulated" else None)
# Checked here, for Snakemake does not miss a file as long as what was made of it is there.
if EXPERTS["file"] and not os.path.exists(EXPERTS["file"]):
    raise WorkflowError(f"{EXPERTS['file']}: no such file; correct posteriors.experts.file")

POSTERIORS = f"{RESULTS}/{{question}}/posteriors"
PREDICTIONS = f"{POSTERIORS}/{{variant}}/{{part}}.parquet"
# Of the survey whose models predict, this one unless it has images alone.
TRAINED_ON = f"results/{config['posteriors']['trained_on'] or SURVEY['name']}/{{question}}"

# Each variant has what those before it have, and one thing more.
VARIANTS = [
    "mixture",
    *(["ensemble"] if POSTERIOR["ensemble"] > 1 else []),
    *(["tuned_dropout"] if POSTERIOR["tune_dropout"] else []),
    *(["rescaled"] if POSTERIOR["rescale"] else []),
]
CATALOGUE_PARTS = (
    ["test"]
    if config["posteriors"]["galaxies"] == "test" and SURVEY["kind"] != "images"
    else [f"shard_{shard}" for shard in range(config["posteriors"]["shards"])]
)
CALIBRATION_FIGURES = ["calibration", "diagnostics", "distributions", "classification"]
POSTERIOR_TABLES = ["calibration", "calibration_curve", "scores", "interval_coverage", "classification"]


wildcard_constraints:
    variant="mixture|ensemble|tuned_dropout|rescaled",
    part=r"test|held_out|experts|shard_\d+",


def has_experts(question):
    """Whether experts' classes are to be predicted from the votes on a question."""
    return EXPERTS_FILE is not None and question == EXPERTS["question"]


def posterior_results(question):
    """Everything that there is to make about the posteriors of a question."""
    if SURVEY["kind"] == "images":
        return [f"{POSTERIORS}/catalogue.parquet"]
    return [
        f"{POSTERIORS}/catalogue.parquet",
        *[f"{POSTERIORS}/{table}.parquet" for table in POSTERIOR_TABLES],
        *[f"{FIGURES}/posterior_{figure}.png" for figure in posterior_figures(question)],
    ]


def posterior_figures(question):
    """Names of the figures about the posteriors of a question, in the order of the page."""
    return [
        "examples",
        "calibration",
        "diagnostics",
        *(["tuning"] if POSTERIOR["tune_dropout"] else []),
        "distributions",
        "classification",
        *(["surprise"] if any(config["posteriors"]["surprise"].values()) else []),
        *(["experts"] if has_experts(question) else []),
    ]


def of_trained_model(path):
    """Input function: a file of the survey whose models predict, or an error that says how to make it."""

    def existing(wildcards):
        found = expand(f"{TRAINED_ON}/{path}", question=wildcards.question, member=members_of(wildcards))
        missing = [file for file in found if SURVEY["kind"] == "images" and not os.path.exists(file)]
        if missing:
            raise WorkflowError(
                f"{missing[0]}: no such file. Train the models of survey {config['posteriors']['trained_on']!r} "
                "(posteriors.trained_on) first: snakemake --cores 4 posteriors, with its configuration"
            )
        return found

    return existing


def members_of(wildcards):
    """Models that a variant mixes; whatever is no variant is about all."""
    return MEMBERS[:1] if wildcards.get("variant") == "mixture" else MEMBERS


def tuned_dropout(wildcards):
    """The table of the tuned dropout rate, for the variants that have it."""
    if POSTERIOR["tune_dropout"] and wildcards.variant in ("tuned_dropout", "rescaled"):
        return of_trained_model("posteriors/dropout_tuning.parquet")(wildcards)
    return []


def rescaling(wildcards):
    """The rescaling, for the variant that has it."""
    return of_trained_model("posteriors/rescaling.json")(wildcards) if wildcards.variant == "rescaled" else []


def galaxies_to_predict(wildcards):
    """The table of the galaxies of a part."""
    return (
        {
            "test": f"{RUN}/split.parquet",
            "held_out": f"{RUN}/all/held_out.parquet",
            "experts": f"{POSTERIORS}/experts.parquet",
        }
        .get(wildcards.part, f"{RESULTS}/images/index.parquet")
        .format(question=wildcards.question, seed=1)
    )


def part_flags(wildcards):
    """Which galaxies of that table are meant."""
    kind, _, shard = wildcards.part.partition("_")
    if kind == "shard":
        return f"--shard {shard} --shards {config['posteriors']['shards']}"
    return {"test": "--role test", "experts": "--role evaluate"}.get(wildcards.part, "")
