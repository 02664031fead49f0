# The images as pixels of one size, in TFRecord shards.

# Needs: GALAXIES, and the image files that it names.
# Makes: the shards, each with its index and its rejected images; and those of all shards.
SHARD = f"{RESULTS}/images/shard_{{shard}}"
INDEX = f"{RESULTS}/images/index.parquet"
REJECTED_IMAGES = f"{RESULTS}/images/rejected.parquet"

SHARDS = range(config["images"]["shards"])

ASKED = QUESTIONS if SURVEY["kind"] in ("simulated", "release") else []
IMAGE_SETTINGS = {
    **{key: config["images"][key] for key in ("stored_size", "white")},
    **section(AsinhStretch, config["images"]["fits"]),
}
SURVEY_FILES = {"catalogue": CATALOGUE, "filename_map": FILENAME_MAP} if SURVEY["kind"] == "release" else {}
SURVEY_FILES["images"] = IMAGES
before_planning(workflow, lambda targets: refuse_missing_survey(targets, SURVEY_FILES, INDEX))


use rule step as store_images with:
    """Read, resize and store one shard of the images."""
    input:
        galaxies=GALAXIES,
    output:
        records=f"{SHARD}.tfrecord",
        index=f"{SHARD}.index.parquet",
        rejected=f"{SHARD}.rejected.parquet",
    pathvars:
        job="images/store_images_{shard}",
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=120,
        gpu=0,
    params:
        **step("store_images"),
        settings=flags({"shards": config["images"]["shards"], **IMAGE_SETTINGS}),


use rule step as index_images with:
    """Join the indexes of all shards, and check how many images were rejected."""
    input:
        galaxies=GALAXIES,
        records=expand(f"{SHARD}.tfrecord", shard=SHARDS),
        shard_indexes=expand(f"{SHARD}.index.parquet", shard=SHARDS),
        shard_rejections=expand(f"{SHARD}.rejected.parquet", shard=SHARDS),
    output:
        index=INDEX,
        rejected=REJECTED_IMAGES,
    pathvars:
        job="images/index_images",
    params:
        **step("index_images"),
        settings=flags({"max_rejected": SURVEY["max_rejected"]}),


# It has no output, so that each call looks again.
rule check:
    """Look at the survey before anything is trained, and write a page about it."""
    input:
        catalogue=survey_file("catalogue", CATALOGUE) if ASKED else [],
        filename_map=survey_file("filename_map", FILENAME_MAP) if ASKED else [],
        images=ancient(survey_file("images", IMAGES)),
        galaxies=GALAXIES,
        rejected=REJECTED_GALAXIES,
        votes=expand(VOTES, question=ASKED),
        rejected_votes=expand(REJECTED_VOTES, question=ASKED),
    log:
        "<logs>/check.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        **step("check"),
        settings=flags(
            {
                "survey": SURVEY["name"],
                "encoding": SURVEY["release"]["encoding"],
                **IMAGE_SETTINGS,
                "shown_as": QUESTIONS[0],
                "zoom": config["questions"][QUESTIONS[0]]["zoom"],
                "input_size": config["network"]["input_size"],
                "folder": f"{RESULTS}/check",
            }
        ),
    shell:
        "{params.command} {params.settings} 2>&1 | tee {log}"
