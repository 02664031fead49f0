# The survey: which galaxies it has, and what volunteers said of them.

# The files of a survey, in the layout of the Galaxy Zoo 2 release. A simulated survey makes them; any other needs them.
SIMULATION = f"{RESULTS}/survey"
if SURVEY["kind"] == "simulated":
    CATALOGUE = f"{SIMULATION}/gz2_hart16.csv"
    FILENAME_MAP = f"{SIMULATION}/gz2_filename_mapping.csv"
    IMAGES = f"{SIMULATION}/images_gz2/images"
else:
    CATALOGUE, FILENAME_MAP, IMAGES = (SURVEY["release"][key] for key in ("catalogue", "filename_map", "images"))
TRUTH = f"{SIMULATION}/truth.parquet"
SIMULATED_EXPERTS = f"{SIMULATION}/experts.csv"

# Makes: the galaxies that have an id and an image, and those rejected, with the reason.
GALAXIES = f"{RESULTS}/catalogue/galaxies.parquet"
REJECTED_GALAXIES = f"{RESULTS}/catalogue/rejected.parquet"

# Makes, for each question: the votes, which galaxies have enough of them, and those rejected, with the reason.
VOTES = f"{QUESTION}/votes.parquet"
USABLE = f"{QUESTION}/usable.parquet"
REJECTED_VOTES = f"{QUESTION}/rejected.parquet"


use rule step as simulate_survey with:
    """Draw galaxies with known parameters, their images, and the votes of simulated volunteers and experts."""
    output:
        catalogue=f"{SIMULATION}/gz2_hart16.csv",
        filename_map=f"{SIMULATION}/gz2_filename_mapping.csv",
        images=directory(f"{SIMULATION}/images_gz2/images"),
        truth=TRUTH,
        experts=SIMULATED_EXPERTS,
    pathvars:
        job="simulate_survey",
    threads: 8
    resources:
        mem_mb=lambda wildcards, threads: 500 + 500 * threads,
        runtime=240,
        gpu=0,
    params:
        **step("simulate_survey"),
        settings=flags(SURVEY["simulated"]),


# It has no output, so each call looks again for what is missing. A benchmark would count as an output, so it has none.
rule download:
    """Fetch the files of the release that are not there yet; only on request, and resumed where it was broken off."""
    log:
        "<logs>/download.log",
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=1440,
        gpu=0,
    params:
        **step("download"),
        settings=flags({key: SURVEY["release"][key] for key in ("catalogue", "filename_map", "images")}),
    shell:
        "{params.command} {params.settings} 2>&1 | tee {log}"


if SURVEY["kind"] in ("images", "live"):

    use rule step as list_images with:
        """List the images of a survey without votes: each is a galaxy of its name."""
        input:
            images=survey_file("images", IMAGES),
        output:
            galaxies=GALAXIES,
            rejected=REJECTED_GALAXIES,
        pathvars:
            job="list_images",
        group:
            submitted_with("survey")
        resources:
            mem_mb=1000,
            runtime=30,
            gpu=0,
        params:
            **step("list_images"),
            settings=flags({"max_rejected": SURVEY["max_rejected"]}),

else:

    use rule step as catalogue with:
        """Find out which galaxies of the survey have an id and an image."""
        input:
            catalogue=survey_file("catalogue", CATALOGUE),
            filename_map=survey_file("filename_map", FILENAME_MAP),
            # `ancient`: a file that is put into the folder later does not run this step again.
            images=ancient(survey_file("images", IMAGES)),
        output:
            galaxies=GALAXIES,
            rejected=REJECTED_GALAXIES,
        pathvars:
            job="catalogue",
        group:
            submitted_with("survey")
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
            runtime=30,
            gpu=0,
        params:
            **step("catalogue"),
            settings=flags(
                {
                    **section(Columns, SURVEY["columns"]),
                    "encoding": SURVEY["release"]["encoding"],
                    "samples": SURVEY["samples"],
                    "max_rejected": SURVEY["max_rejected"],
                }
            ),

    # Its priority puts it before the images: a column that is missing is found first.
    use rule step as votes with:
        """Count the votes on a question, and tell which galaxies it can be asked of."""
        input:
            catalogue=survey_file("catalogue", CATALOGUE),
            galaxies=GALAXIES,
        output:
            votes=VOTES,
            usable=USABLE,
            rejected=REJECTED_VOTES,
        pathvars:
            job="{question}/votes",
        priority: 100
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
            runtime=30,
            gpu=0,
        params:
            **step("votes"),
            settings=votes_settings,
