# The images as pixels of one size, in TFRecord shards.

# Needs: GALAXIES, and the image files that it names.
# Makes: the shards, each with its index and its rejected images; and those of all shards.
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
