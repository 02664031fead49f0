# The images as pixels of one size, in TFRecord shards.

# Needs: GALAXIES, and the image files that it names.
# Makes: those of a few images that cannot be used; the shards, each with its index and its rejected images; and those of all shards.
UNUSABLE_IN_SAMPLE = f"{RESULTS}/images/unusable_in_sample.parquet"
SHARD = f"{RESULTS}/images/shard_{{shard}}"
INDEX = f"{RESULTS}/images/index.parquet"
REJECTED_IMAGES = f"{RESULTS}/images/rejected.parquet"

SHARDS = range(config["images"]["shards"])

IMAGE_SETTINGS = {
    **{key: config["images"][key] for key in ("stored_size", "white")},
    **section(AsinhStretch, config["images"]["fits"]),
}
SURVEY_FILES = {"images": IMAGES}
if SURVEY["kind"] in ("simulated", "release"):
    SURVEY_FILES = {"catalogue": CATALOGUE, "filename_map": FILENAME_MAP, **SURVEY_FILES}
before_planning(workflow, lambda targets: refuse_missing_survey(targets, SURVEY_FILES, INDEX))


use rule step as check_images with:
    """Stop before any image is stored if a few at random show that too many cannot be used."""
    input:
        galaxies=GALAXIES,
    output:
        unusable=UNUSABLE_IN_SAMPLE,
    pathvars:
        job="images/check_images",
    group:
        submitted_with("survey")
    params:
        **step("check_images"),
        settings=flags({**IMAGE_SETTINGS, "max_rejected": SURVEY["max_rejected"]}),


use rule step as store_images with:
    """Read, resize and store one shard of the images."""
    input:
        galaxies=GALAXIES,
        # `ancient`: that a few are looked at once more is no reason to store all again.
        checked=ancient(UNUSABLE_IN_SAMPLE),
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
