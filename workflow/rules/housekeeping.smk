# A look at the survey; what results take on disk, and what may go. These run on request alone, and make no results.


# Like `download`, these have no output, so each call does its work again. The files of a release are no input: if one is
# missing, the page says so.
rule check:
    """Look at the survey before anything is trained, and write a page about it."""
    input:
        **(SURVEY_FILES if SURVEY["kind"] == "simulated" else {}),
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
        settings=flags(check_settings()),
    shell:
        "{params.command} {params.settings} 2>&1 | tee {log}"


rule disk_use:
    """Tell what results take on disk, by kind, and what they will take."""
    log:
        "<logs>/disk_use.log",
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        **LIGHT,
    params:
        **step("disk_use"),
        settings=disk_use_settings,
    shell:
        "{params.command} {params.settings} 2>{log}"


rule prune:
    """Delete weights of the loop that nothing needs any more, and files that were never finished."""
    log:
        "<logs>/prune.log",
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        **LIGHT,
    params:
        **step("prune"),
        settings=flags({"results": RESULTS}),
    shell:
        "{params.command} {params.settings} 2>{log}"
