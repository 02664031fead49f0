# The images as pixels of one size, in TFRecord shards.
#
# Needs: <results>/catalogue/galaxies.parquet and the image files that it names.
# Makes: <results>/images/shard_<n>.tfrecord, index.parquet (where the pixels of each galaxy are) and rejected.parquet
# (images that cannot be used).

SHARD = f"{RESULTS}/images/shard_{{shard}}"
SHARDS = range(config["images"]["shards"])


rule store_images:
    """Read, resize and store one shard of the images."""
    input:
        code=code("images"),
        galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
    output:
        shard=f"{SHARD}.tfrecord",
        index=f"{SHARD}.index.parquet",
        rejected=f"{SHARD}.rejected.parquet",
    log:
        f"{LOGS}/images/store_images_{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/images/store_images_{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=120,
        gpu=0,
    params:
        shards=config["images"]["shards"],
        stored_size=config["images"]["stored_size"],
    shell:
        """
        python -m activezoo store-images \
            --galaxies {input.galaxies} \
            --shard {wildcards.shard} \
            --shards {params.shards} \
            --stored-size {params.stored_size} \
            --output {output.shard} \
            --index {output.index} \
            --rejected {output.rejected} \
            2>{log}
        """


rule index_images:
    """Join the indexes of all shards, and check how many images were rejected."""
    input:
        code=code("images"),
        galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
        shards=expand(f"{SHARD}.tfrecord", shard=SHARDS),
        indexes=expand(f"{SHARD}.index.parquet", shard=SHARDS),
        rejected=expand(f"{SHARD}.rejected.parquet", shard=SHARDS),
    output:
        index=f"{RESULTS}/images/index.parquet",
        rejected=f"{RESULTS}/images/rejected.parquet",
    log:
        f"{LOGS}/images/index_images.log",
    benchmark:
        f"{BENCHMARKS}/images/index_images.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        max_rejected=SURVEY["max_rejected"],
    shell:
        """
        python -m activezoo index-images \
            --galaxies {input.galaxies} \
            --indexes {input.indexes} \
            --rejected {input.rejected} \
            --max-rejected {params.max_rejected} \
            --output {output.index} \
            --rejected-output {output.rejected} \
            2>{log}
        """
