# What experts would say, told from what volunteers say (paper Appendix A).

# Needs: experts' classes, of which a simulated survey has its own; SPLIT, VOTES, INDEX and PREDICTIONS.
CLASSES = POSTERIORS["experts"]["file"] or (SIMULATED_EXPERTS if SURVEY["kind"] == "simulated" else None)

# Makes: the classes of usable galaxies, with their roles; what a network trained on some of them says of the others; and
# how that compares with what volunteers say.
EXPERTS = f"{QUESTION}/posteriors/experts.parquet"
EXPERTS_CLASSIFIER = f"{QUESTION}/posteriors/experts_classifier.parquet"


# Its priority puts it before any training, for it reads the experts' file.
use rule step as split_experts with:
    """Divide the galaxies that experts classed: to fit what they say to votes, and to evaluate it."""
    input:
        classes=classes_of_experts,
        split=expand(SPLIT, seed=1, allow_missing=True),
        votes=VOTES,
    output:
        experts=EXPERTS,
        labelled=f"{QUESTION}/seed_1/experts/{LABELLED}",
    pathvars:
        job="{question}/posteriors/split_experts",
    priority: 100
    params:
        **step("split_experts"),
        settings=flags(section(ClassColumns, POSTERIORS["experts"])),


use rule step as classify_for_experts with:
    """Predict experts' classes with a network trained on them alone: no dropout, one view, not calibrated."""
    input:
        model=f"{QUESTION}/seed_1/experts/{DESCRIPTION}",
        weights=f"{QUESTION}/seed_1/experts/{WEIGHTS}",
        experts=EXPERTS,
        index=INDEX,
    output:
        predictions=EXPERTS_CLASSIFIER,
    pathvars:
        job="{question}/posteriors/classify_for_experts",
    resources:
        **PREDICTION,
    params:
        **step("classify_for_experts"),


use rule step as compare_experts with:
    """Compare ways to tell, from images or votes, what experts would say."""
    input:
        experts=EXPERTS,
        classifier=EXPERTS_CLASSIFIER,
        posteriors=expand(PREDICTIONS, variant=VARIANTS[-1], part="experts", allow_missing=True),
    output:
        tables=expand(
            f"{QUESTION}/posteriors/experts_{{table}}.{{suffix}}",
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
    pathvars:
        job="{question}/posteriors/compare_experts",
    group:
        submitted_with("posteriors")
    params:
        **step("compare_experts"),
