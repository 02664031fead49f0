# Posteriors over the votes on any galaxy, and how far they can be trusted (paper §2 and Appendix A).
#
# Needs: the split, the votes and the stored images; experts' classes and columns of the survey's catalogue, where the
# config names them. A survey of images alone needs the models of another survey.
# Makes: in <results>/<question>/seed_<n>/all/ a model trained on all labelled galaxies but the test set's, for each n of
# the ensemble; in <results>/<question>/posteriors/ predictions by each variant, catalogue.parquet and tables;
# figures/<question>/posterior_*; and <results>/posteriors.md.


rule posteriors:
    """Everything about posteriors."""
    input:
        [expand(path, question=question) for question in POSTERIOR_QUESTIONS for path in posterior_results(question)],
        [] if SURVEY["kind"] == "images" else f"{RESULTS}/posteriors.md",


rule split_experts:
    """Divide the galaxies that experts classed: to fit what they say to votes, and to evaluate it."""
    input:
        code=code("catalogue", "experts", "oracle", "randomness"),
        experts=EXPERTS_FILE or [],
        split=f"{RESULTS}/{{question}}/seed_1/split.parquet",
        votes=f"{RESULTS}/catalogue/votes.parquet",
    output:
        experts=f"{POSTERIORS}/experts.parquet",
        labelled=f"{RESULTS}/{{question}}/seed_1/experts/labelled.parquet",
    log:
        f"{LOGS}/{{question}}/posteriors/split_experts.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/split_experts.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        id_column=EXPERTS["id"],
        class_column=EXPERTS["class"],
        positive=EXPERTS["positive"],
    shell:
        """
        python -m activezoo split-experts \
            --experts {input.experts:q} \
            --id-column {params.id_column:q} \
            --class-column {params.class_column:q} \
            --positive {params.positive:q} \
            --split {input.split} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --output {output.experts} \
            --labelled {output.labelled} \
            2>{log}
        """


rule label_all:
    """Retrieve the votes of all galaxies but those of the test set, and hold some out where they tune predictions."""
    input:
        code=code("oracle", "randomness", "splitting"),
        split=f"{RUN}/split.parquet",
        votes=f"{RESULTS}/catalogue/votes.parquet",
        experts=lambda wildcards: f"{POSTERIORS}/experts.parquet" if has_experts(wildcards.question) else [],
    output:
        labelled=f"{RUN}/all/labelled.parquet",
        held_out=f"{RUN}/all/held_out.parquet",
    log:
        f"{LOGS}/{{question}}/seed_{{seed}}/all/label.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/seed_{{seed}}/all/label.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        held_out=POSTERIOR["held_out"] if TUNED else 0,
        experts=lambda wildcards, input: f"--experts {input.experts}" if input.experts else "",
    shell:
        """
        python -m activezoo label-all \
            --split {input.split} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --held-out {params.held_out} \
            {params.experts} \
            --labelled {output.labelled} \
            --held-out-output {output.held_out} \
            2>{log}
        """


rule tune_dropout:
    """Find the dropout rate whose posteriors are calibrated best on held-out galaxies."""
    input:
        code=code(
            "augmentation", "calibration", "dropout_tuning", "images", "network", "posterior", "randomness", "votes"
        ),
        weights=expand(f"{RUN}/all/model.weights.h5", seed=MEMBERS, allow_missing=True),
        held_out=f"{RESULTS}/{{question}}/seed_1/all/held_out.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        parquet=f"{POSTERIORS}/dropout_tuning.parquet",
        csv=f"{POSTERIORS}/dropout_tuning.csv",
    log:
        f"{LOGS}/{{question}}/posteriors/tune_dropout.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/tune_dropout.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2 * prediction_memory(wildcards, attempt),
        runtime=60,
        gpu=1,
    params:
        members=MEMBERS,
        images=subpath(input.index, parent=True),
        view=view_flags,
        network=network_flags,
        sampling=flags(POSTERIOR, "networks", "draws"),
    shell:
        """
        python -m activezoo tune-dropout \
            --weights {input.weights} \
            --seeds {params.members} \
            --held-out {input.held_out} \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --iteration all \
            {params.view} \
            {params.network} \
            {params.sampling} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.parquet} \
            2>{log}
        """


rule fit_rescaling:
    """Fit a monotonic rescaling of predicted vote fractions to the votes of held-out galaxies."""
    input:
        code=code("calibration", "posterior", "rescaling", "votes"),
        predictions=lambda wildcards: expand(
            PREDICTIONS, question=wildcards.question, variant=VARIANTS[-2], part="held_out"
        ),
        held_out=f"{RESULTS}/{{question}}/seed_1/all/held_out.parquet",
    output:
        rescaling=f"{POSTERIORS}/rescaling.json",
    log:
        f"{LOGS}/{{question}}/posteriors/fit_rescaling.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/fit_rescaling.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
    shell:
        """
        python -m activezoo fit-rescaling \
            --predictions {input.predictions} \
            --held-out {input.held_out} \
            --output {output.rescaling} \
            2>{log}
        """


rule predict_posteriors:
    """Predict the test set, held-out galaxies, those that experts classed, or a shard of the survey."""
    input:
        code=code("augmentation", "dropout_tuning", "images", "network", "posterior", "randomness", "rescaling"),
        weights=of_trained_model("seed_{member}/all/model.weights.h5"),
        tuned_dropout=tuned_dropout,
        rescaling=rescaling,
        galaxies=galaxies_to_predict,
        index=f"{RESULTS}/images/index.parquet",
    output:
        predictions=PREDICTIONS,
    log:
        f"{LOGS}/{{question}}/posteriors/{{variant}}/predict_{{part}}.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/{{variant}}/predict_{{part}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=prediction_memory,
        runtime=240,
        gpu=1,
    params:
        members=members_of,
        part=part_flags,
        images=subpath(input.index, parent=True),
        view=view_flags,
        network=network_flags,
        sampling=flags(POSTERIOR, "networks", "draws"),
        tuned_dropout=lambda wildcards, input: optional_flag("--tuned-dropout", input.tuned_dropout),
        rescaling=lambda wildcards, input: optional_flag("--rescaling", input.rescaling),
    shell:
        """
        python -m activezoo predict-posteriors \
            --weights {input.weights} \
            --seeds {params.members} \
            --galaxies {input.galaxies} \
            {params.part} \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --iteration all \
            {params.view} \
            {params.network} \
            {params.sampling} \
            {params.tuned_dropout} \
            {params.rescaling} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.predictions} \
            2>{log}
        """


rule posterior_catalogue:
    """Write what the networks say about each galaxy, in a row."""
    input:
        code=code("acquisition", "calibration", "posterior", "posterior_catalogue", "votes"),
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part=CATALOGUE_PARTS, allow_missing=True),
        labelled=of_trained_model("seed_1/all/labelled.parquet"),
    output:
        catalogue=f"{POSTERIORS}/catalogue.parquet",
    log:
        f"{LOGS}/{{question}}/posteriors/catalogue.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/catalogue.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
        gpu=0,
    params:
        responses=optional_flag("--responses", config["posteriors"]["responses"]),
        quantiles=optional_flag("--quantiles", config["posteriors"]["quantiles"]),
    shell:
        """
        python -m activezoo posterior-catalogue \
            --predictions {input.predictions} \
            --labelled {input.labelled} \
            {params.responses} \
            {params.quantiles} \
            --output {output.catalogue} \
            2>{log}
        """


rule calibrate:
    """Compare the posteriors of the test set, by each variant, with its votes."""
    input:
        code=code("calibration", "classification", "evaluation", "oracle", "posterior", "posterior_catalogue", "votes"),
        predictions=expand(PREDICTIONS, variant=VARIANTS, part="test", allow_missing=True),
        votes=f"{RESULTS}/catalogue/votes.parquet",
        truth=f"{RESULTS}/survey/truth.parquet" if SURVEY["kind"] == "simulated" else [],
    output:
        test=f"{POSTERIORS}/test.parquet",
        parquet=expand(f"{POSTERIORS}/{{table}}.parquet", table=POSTERIOR_TABLES, allow_missing=True),
        csv=report(
            expand(f"{POSTERIORS}/{{table}}.csv", table=POSTERIOR_TABLES, allow_missing=True),
            caption="../report/posterior_tables.rst",
            category="{question}",
            subcategory="posteriors",
        ),
    log:
        f"{LOGS}/{{question}}/posteriors/calibrate.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/calibrate.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        truth=lambda wildcards, input: f"--truth {input.truth}" if input.truth else "",
        folder=subpath(output.test, parent=True),
    shell:
        """
        python -m activezoo calibrate \
            --predictions {input.predictions} \
            --votes {input.votes} \
            --question {wildcards.question} \
            {params.truth} \
            --output {params.folder} \
            2>{log}
        """


rule plot_calibration:
    """Plot calibration, distributions and classification of the test set."""
    input:
        code=code("calibration", "classification", "figures", "oracle", "posterior", "posterior_figures", "votes"),
        predictions=expand(PREDICTIONS, variant=VARIANTS, part="test", allow_missing=True),
        votes=f"{RESULTS}/catalogue/votes.parquet",
        curve=f"{POSTERIORS}/calibration_curve.parquet",
    output:
        png=report(
            expand(f"{FIGURES}/posterior_{{figure}}.png", figure=CALIBRATION_FIGURES, allow_missing=True),
            caption="../report/posterior_calibration.rst",
            category="{question}",
            subcategory="posteriors",
        ),
        pdf=expand(f"{FIGURES}/posterior_{{figure}}.pdf", figure=CALIBRATION_FIGURES, allow_missing=True),
    log:
        f"{LOGS}/{{question}}/posteriors/plot_calibration.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/plot_calibration.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        folder=lambda wildcards, output: os.path.dirname(output.png[0]),
    shell:
        """
        python -m activezoo plot-calibration \
            --predictions {input.predictions} \
            --votes {input.votes} \
            --question {wildcards.question} \
            --curve {input.curve} \
            --output {params.folder} \
            2>{log}
        """


rule plot_tuning:
    """Plot how calibration depends on the dropout rate."""
    input:
        code=code("dropout_tuning", "figures", "posterior_figures"),
        tuning=f"{POSTERIORS}/dropout_tuning.parquet",
    output:
        png=report(
            f"{FIGURES}/posterior_tuning.png",
            caption="../report/posterior_tuning.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "dropout rate"},
        ),
        pdf=f"{FIGURES}/posterior_tuning.pdf",
    log:
        f"{LOGS}/{{question}}/posteriors/plot_tuning.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/plot_tuning.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    shell:
        """
        python -m activezoo plot-tuning \
            --tuning {input.tuning} \
            --question {wildcards.question} \
            --output {output.png} \
            2>{log}
        """


rule plot_posteriors:
    """Show posteriors of randomly chosen test galaxies beside the images that the first network saw."""
    input:
        code=code(
            "augmentation",
            "figures",
            "images",
            "network",
            "oracle",
            "posterior",
            "posterior_figures",
            "randomness",
            "votes",
        ),
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part="test", allow_missing=True),
        votes=f"{RESULTS}/catalogue/votes.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        png=report(
            f"{FIGURES}/posterior_examples.png",
            caption="../report/posterior_examples.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "posteriors"},
        ),
        pdf=f"{FIGURES}/posterior_examples.pdf",
    log:
        f"{LOGS}/{{question}}/posteriors/plot_posteriors.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/plot_posteriors.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
        gpu=0,
    params:
        images=subpath(input.index, parent=True),
        view=view_flags,
        network=network_flags,
        sampling=flags(POSTERIOR, "networks", "draws"),
    shell:
        """
        python -m activezoo plot-posteriors \
            --predictions {input.predictions} \
            --votes {input.votes} \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --seed 1 \
            --iteration all \
            {params.view} \
            {params.network} \
            {params.sampling} \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.png} \
            2>{log}
        """


rule explain_surprise:
    """Find what drives the surprise of the networks: morphology, or what should not."""
    input:
        code=code(
            "calibration",
            "catalogue",
            "figures",
            "oracle",
            "posterior",
            "posterior_figures",
            "randomness",
            "surprise",
            "votes",
        ),
        predictions=expand(PREDICTIONS, variant=VARIANTS[-1], part="test", allow_missing=True),
        votes=f"{RESULTS}/catalogue/votes.parquet",
        catalogue=survey_file("catalogue", CATALOGUE),
    output:
        parquet=f"{POSTERIORS}/surprise.parquet",
        csv=f"{POSTERIORS}/surprise.csv",
        png=report(
            f"{FIGURES}/posterior_surprise.png",
            caption="../report/posterior_surprise.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "what drives the surprise"},
        ),
        pdf=f"{FIGURES}/posterior_surprise.pdf",
    log:
        f"{LOGS}/{{question}}/posteriors/explain_surprise.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/explain_surprise.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        id_column=SURVEY["columns"]["id"],
        morphology=config["posteriors"]["surprise"]["morphology"],
        other=config["posteriors"]["surprise"]["other"],
    shell:
        """
        python -m activezoo explain-surprise \
            --predictions {input.predictions} \
            --votes {input.votes} \
            --catalogue {input.catalogue:q} \
            --id-column {params.id_column:q} \
            --question {wildcards.question} \
            --morphology {params.morphology:q} \
            --other {params.other:q} \
            --output {output.parquet} \
            --figure {output.png} \
            2>{log}
        """


rule classify_for_experts:
    """Predict experts' classes with a network trained on them alone: no dropout, one view, not calibrated."""
    input:
        code=code("augmentation", "images", "network", "posterior", "randomness"),
        weights=f"{RESULTS}/{{question}}/seed_1/experts/model.weights.h5",
        experts=f"{POSTERIORS}/experts.parquet",
        index=f"{RESULTS}/images/index.parquet",
    output:
        predictions=f"{POSTERIORS}/experts_classifier.parquet",
    log:
        f"{LOGS}/{{question}}/posteriors/classify_for_experts.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/classify_for_experts.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=prediction_memory,
        runtime=60,
        gpu=1,
    params:
        images=subpath(input.index, parent=True),
        view=view_flags,
        network=network_flags,
    shell:
        """
        python -m activezoo predict-posteriors \
            --weights {input.weights} \
            --seeds 1 \
            --galaxies {input.experts} \
            --role evaluate \
            --index {input.index} \
            --images {params.images} \
            --question {wildcards.question} \
            --iteration experts \
            {params.view} \
            {params.network} \
            --dropout 0 \
            --networks 1 \
            --draws independent \
            --threads {threads} \
            --gpus {resources.gpu} \
            --output {output.predictions} \
            2>{log}
        """


rule compare_experts:
    """Compare ways to tell, from images or votes, what experts would say."""
    input:
        code=code("calibration", "classification", "experts", "figures", "posterior", "posterior_figures"),
        experts=f"{POSTERIORS}/experts.parquet",
        classifier=f"{POSTERIORS}/experts_classifier.parquet",
        posteriors=expand(PREDICTIONS, variant=VARIANTS[-1], part="experts", allow_missing=True),
    output:
        tables=expand(
            f"{POSTERIORS}/experts_{{table}}.{{suffix}}",
            table=["counts", "curve", "scores"],
            suffix=["parquet", "csv"],
            allow_missing=True,
        ),
        png=report(
            f"{FIGURES}/posterior_experts.png",
            caption="../report/posterior_experts.rst",
            category="{question}",
            subcategory="posteriors",
            labels={"figure": "what experts would say"},
        ),
        pdf=f"{FIGURES}/posterior_experts.pdf",
    log:
        f"{LOGS}/{{question}}/posteriors/compare_experts.log",
    benchmark:
        f"{BENCHMARKS}/{{question}}/posteriors/compare_experts.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        folder=subpath(input.experts, parent=True),
    shell:
        """
        python -m activezoo compare-experts \
            --experts {input.experts} \
            --classifier {input.classifier} \
            --posteriors {input.posteriors} \
            --question {wildcards.question} \
            --output {params.folder} \
            --figure {output.png} \
            2>{log}
        """


rule posteriors_page:
    """Write the page about posteriors."""
    input:
        code=code("calibration", "experts", "posterior_report", "report"),
        tables=expand(f"{POSTERIORS}/{{table}}.parquet", question=POSTERIOR_QUESTIONS, table=POSTERIOR_TABLES),
        figures=[
            path
            for question in POSTERIOR_QUESTIONS
            for path in expand(
                f"{FIGURES}/posterior_{{figure}}.png", question=question, figure=posterior_figures(question)
            )
        ],
    output:
        page=f"{RESULTS}/posteriors.md",
    log:
        f"{LOGS}/posteriors_page.log",
    benchmark:
        f"{BENCHMARKS}/posteriors_page.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        survey=SURVEY["name"],
        folders=expand(POSTERIORS, question=POSTERIOR_QUESTIONS),
    shell:
        """
        python -m activezoo posteriors-page \
            --survey {params.survey} \
            --folders {params.folders} \
            --figures {input.figures} \
            --output {output.page} \
            2>{log}
        """
