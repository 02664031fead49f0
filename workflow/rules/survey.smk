# The survey, in the layout of the Galaxy Zoo 2 release.
#
# Needs: nothing (a simulated survey), or the three files of a release where the config says, which `snakemake download`
# fetches when asked.
# Makes: <results>/survey/ (simulated), and <results>/catalogue/ with the usable galaxies, their votes and, each with its
# reason, the rejected rows.


rule simulate_survey:
    """Draw galaxies with known parameters, their images and the votes of simulated volunteers."""
    input:
        code=code("simulation", "randomness"),
    output:
        catalogue=f"{RESULTS}/survey/gz2_hart16.csv",
        filename_map=f"{RESULTS}/survey/gz2_filename_mapping.csv",
        images=directory(f"{RESULTS}/survey/images_gz2/images"),
        truth=f"{RESULTS}/survey/truth.parquet",
        experts=f"{RESULTS}/survey/experts.csv",
    log:
        f"{LOGS}/simulate_survey.log",
    benchmark:
        f"{BENCHMARKS}/simulate_survey.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=lambda wildcards, threads: 500 + 500 * threads,
        runtime=240,
        gpu=0,
    params:
        survey=subpath(output.catalogue, parent=True),
        galaxies=SURVEY["simulated"]["galaxies"],
        image_size=SURVEY["simulated"]["image_size"],
        seed=SURVEY["simulated"]["seed"],
    shell:
        """
        python -m activezoo simulate-survey \
            --galaxies {params.galaxies} \
            --image-size {params.image_size} \
            --seed {params.seed} \
            --workers {threads} \
            --output {params.survey} \
            2>{log}
        """


rule download:
    """Fetch the files of the release that are not there yet; only on request, and resumed where it was broken off."""
    input:
        code=code("release"),
    # No output and no benchmark, which Snakemake takes for one: asked again, it looks again for what is missing.
    log:
        f"{LOGS}/download.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=1440,
        gpu=0,
    params:
        catalogue=SURVEY["release"]["catalogue"],
        filename_map=optional_flag("--filename-map", SURVEY["release"]["filename_map"]),
        images=SURVEY["release"]["images"],
    shell:
        """
        python -m activezoo download-release \
            --catalogue {params.catalogue:q} \
            {params.filename_map} \
            --images {params.images:q} \
            2>&1 | tee {log}
        """


if SURVEY["kind"] == "images":

    rule list_images:
        """List the images of a survey without votes: each is a galaxy of its name."""
        input:
            code=code("catalogue"),
            images=survey_file("images", IMAGES),
        output:
            galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
            rejected=f"{RESULTS}/catalogue/rejected.parquet",
        log:
            f"{LOGS}/list_images.log",
        benchmark:
            f"{BENCHMARKS}/list_images.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
            gpu=0,
        params:
            max_rejected=SURVEY["max_rejected"],
        shell:
            """
            python -m activezoo list-images \
                --images {input.images:q} \
                --max-rejected {params.max_rejected} \
                --galaxies {output.galaxies} \
                --rejected {output.rejected} \
                2>{log}
            """

else:

    rule catalogue:
        """Validate the survey: usable galaxies, votes, and rejected rows with the reason."""
        input:
            code=code("catalogue"),
            catalogue=survey_file("catalogue", CATALOGUE),
            filename_map=survey_file("filename_map", FILENAME_MAP),
            # A file that appears in the folder later does not make the survey another one.
            images=ancient(survey_file("images", IMAGES)),
        output:
            galaxies=f"{RESULTS}/catalogue/galaxies.parquet",
            votes=f"{RESULTS}/catalogue/votes.parquet",
            rejected=f"{RESULTS}/catalogue/rejected.parquet",
        log:
            f"{LOGS}/catalogue.log",
        benchmark:
            f"{BENCHMARKS}/catalogue.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            # All questions that there are, not those of this run alone: to run another one later, nothing is done twice.
            questions=lambda wildcards: json.dumps(
                {
                    name: {key: question[key] for key in ("positive", "responses", "min_responses")}
                    for name, question in config["questions"].items()
                }
            ),
            filename_map=lambda wildcards, input: optional_flag("--filename-map", input.filename_map),
            id_column=SURVEY["columns"]["id"],
            sample_column=optional_flag("--sample-column", SURVEY["columns"]["sample"]),
            map_id_column=SURVEY["columns"]["map_id"],
            map_image_column=SURVEY["columns"]["map_image"],
            samples=SURVEY["samples"],
            covariates=[name for name in [SURVEY["columns"]["redshift"], *SURVEY["columns"]["covariates"]] if name],
            max_rejected=SURVEY["max_rejected"],
            folder=subpath(output.galaxies, parent=True),
        shell:
            """
            python -m activezoo catalogue \
                --catalogue {input.catalogue:q} \
                {params.filename_map} \
                --images {input.images:q} \
                --questions {params.questions:q} \
                --id-column {params.id_column:q} \
                {params.sample_column} \
                --map-id-column {params.map_id_column:q} \
                --map-image-column {params.map_image_column:q} \
                --samples {params.samples:q} \
                --covariates {params.covariates:q} \
                --max-rejected {params.max_rejected} \
                --output {params.folder} \
                2>{log}
            """
