# The active-learning loop.
#
# Needs: the catalogue (galaxies, and votes for `label` and `evaluate` alone) and the stored images.
# Makes, for each question and seed, a folder a model: initial/, then <strategy>/iteration_<i>/, each with the galaxies
# labelled so far, the weights, the predictions for the test set and the metrics.


rule split:
    """Fix the test set of the question, and draw the seed's initial galaxies; the rest is the pool."""
    input:
        code=code("splitting", "randomness"),
        galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        split=f"{RUN}/split.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/split.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/split.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        test_galaxies=config["loop"]["test_galaxies"],
        initial=lambda wildcards: config["questions"][wildcards.question]["initial"],
    shell:
        """
        python -m activezoo split \
            --galaxies {input.galaxies} \
            --index {input.index} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --test-galaxies {params.test_galaxies} \
            --initial {params.initial} \
            --output {output.split} \
            2>{log}
        """


# No other step waits for this one, for raising the iterations would then run them all again; but it goes first.
rule check_pool:
    """Stop before any training if the pool cannot feed all iterations."""
    input:
        code=code("splitting"),
        split=f"{RUN}/split.parquet",
    output:
        pool=f"{RUN}/pool.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/check_pool.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/check_pool.tsv"
    priority: 100
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        acquire=lambda wildcards: config["questions"][wildcards.question]["acquire"],
        iterations=ITERATIONS,
    shell:
        """
        python -m activezoo check-pool \
            --split {input.split} \
            --question {wildcards.question} \
            --acquire {params.acquire} \
            --iterations {params.iterations} \
            --output {output.pool} \
            2>{log}
        """


rule label_initial:
    """Retrieve the votes of the initial galaxies."""
    input:
        code=code("oracle"),
        split=f"{RUN}/split.parquet",
        votes=f"{RESULTS}/catalogue/votes.parquet",
    output:
        labelled=f"{RUN}/initial/labelled.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/initial/label.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/initial/label.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    shell:
        """
        python -m activezoo label-initial \
            --split {input.split} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --output {output.labelled} \
            2>{log}
        """


rule train:
    """Train the network on all galaxies labelled so far."""
    input:
        code=code("training", "network", "augmentation", "images", "randomness"),
        labelled=f"{MODEL}/labelled.parquet",
        index=f"{RESULTS}/images/index.parquet",
        start=weights_to_continue,
    output:
        weights=f"{MODEL}/model.weights.h5",
        history=f"{MODEL}/training.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{model}}/train.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{model}}/train.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=training_memory,
        runtime=240,
        gpu=1,
    params:
        images=subpath(input.index, parent=True),
        iteration=iteration_of,
        view=view_flags,
        network=network_flags,
        start=lambda wildcards, input: f"--start {input.start}" if input.start else "",
        steps=training_steps,
        schedule=flags(config["training"], "batch_size", "learning_rate"),
    shell:
        """
        python -m activezoo train \
            --labelled {input.labelled} \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --iteration {params.iteration} \
            {params.view} \
            {params.network} \
            {params.start} \
            --steps {params.steps} \
            {params.schedule} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --weights {output.weights} \
            --history {output.history} \
            2>{log}
        """


rule predict_test:
    """Predict the test set with a trained model."""
    input:
        code=code("augmentation", "images", "network", "posterior", "randomness", "splitting"),
        weights=f"{MODEL}/model.weights.h5",
        split=f"{RUN}/split.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        predictions=f"{MODEL}/test_predictions.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{model}}/predict_test.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{model}}/predict_test.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=prediction_memory,
        runtime=60,
        gpu=1,
    params:
        images=subpath(input.index, parent=True),
        iteration=iteration_of,
        view=view_flags,
        network=network_flags,
        sampling=flags(config["posterior"], "augmentations", "masks", "draws"),
    shell:
        """
        python -m activezoo predict \
            --weights {input.weights} \
            --split {input.split} \
            --role test \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --iteration {params.iteration} \
            {params.view} \
            {params.network} \
            {params.sampling} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.predictions} \
            2>{log}
        """


rule predict_pool:
    """Predict one shard of the unlabelled galaxies with the model of the iteration before."""
    input:
        code=code("augmentation", "images", "network", "posterior", "randomness", "splitting"),
        weights=lambda wildcards: f"{previous_model(wildcards)}/model.weights.h5",
        labelled=lambda wildcards: f"{previous_model(wildcards)}/labelled.parquet",
        split=f"{RUN}/split.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        predictions=temp(f"{ITERATION}/pool_predictions/shard_{{shard}}.parquet"),
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/predict_pool_{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/predict_pool_{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=prediction_memory,
        runtime=240,
        gpu=1,
    params:
        images=subpath(input.index, parent=True),
        iteration=lambda wildcards: int(wildcards.iteration) - 1,
        shards=config["pool"]["shards"],
        view=view_flags,
        network=network_flags,
        sampling=flags(config["posterior"], "augmentations", "masks", "draws"),
    shell:
        """
        python -m activezoo predict \
            --weights {input.weights} \
            --split {input.split} \
            --role pool \
            --labelled {input.labelled} \
            --shard {wildcards.shard} \
            --shards {params.shards} \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --iteration {params.iteration} \
            {params.view} \
            {params.network} \
            {params.sampling} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.predictions} \
            2>{log}
        """


rule rank:
    """Order the pool by how much its votes would teach the model, or at random."""
    input:
        code=code("acquisition", "posterior", "randomness", "splitting", "votes"),
        predictions=pool_predictions,
        labelled=lambda wildcards: f"{previous_model(wildcards)}/labelled.parquet",
        split=f"{RUN}/split.parquet",
    output:
        acquisition=f"{ITERATION}/acquisition.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/rank.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/rank.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
    params:
        predictions=lambda wildcards, input: f"--predictions {input.predictions}" if input.predictions else "",
    shell:
        """
        python -m activezoo rank \
            --strategy {wildcards.strategy} \
            {params.predictions} \
            --labelled {input.labelled} \
            --split {input.split} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --iteration {wildcards.iteration} \
            --output {output.acquisition} \
            2>{log}
        """


rule label:
    """Retrieve the votes of the galaxies ranked first, and add them to those labelled before."""
    input:
        code=code("oracle"),
        acquisition=f"{ITERATION}/acquisition.parquet",
        labelled=lambda wildcards: f"{previous_model(wildcards)}/labelled.parquet",
        votes=f"{RESULTS}/catalogue/votes.parquet",
    output:
        labelled=f"{ITERATION}/labelled.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/label.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{strategy}}/iteration_{{iteration}}/label.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        acquire=lambda wildcards: config["questions"][wildcards.question]["acquire"],
    shell:
        """
        python -m activezoo label \
            --acquisition {input.acquisition} \
            --acquire {params.acquire} \
            --iteration {wildcards.iteration} \
            --labelled {input.labelled} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --output {output.labelled} \
            2>{log}
        """


rule evaluate:
    """Compare the predictions for the test set with its votes."""
    input:
        code=code("acquisition", "evaluation", "oracle", "posterior", "votes"),
        predictions=f"{MODEL}/test_predictions.parquet",
        history=f"{MODEL}/training.parquet",
        labelled=f"{MODEL}/labelled.parquet",
        votes=f"{RESULTS}/catalogue/votes.parquet",
    output:
        galaxies=f"{MODEL}/evaluation.parquet",
        metrics=f"{MODEL}/metrics.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/{{model}}/evaluate.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/{{model}}/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        iteration=iteration_of,
        strategy=lambda wildcards: wildcards.model.partition("/")[0],
    shell:
        """
        python -m activezoo evaluate \
            --predictions {input.predictions} \
            --history {input.history} \
            --labelled {input.labelled} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --seed {wildcards.seed} \
            --strategy {params.strategy} \
            --iteration {params.iteration} \
            --galaxies {output.galaxies} \
            --metrics {output.metrics} \
            2>{log}
        """
