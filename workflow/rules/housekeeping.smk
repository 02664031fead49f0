# Disk: what results take, and what may go. These run on request alone, and make no results.


# Like `download`, these have no output, so each call does its work again.
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
