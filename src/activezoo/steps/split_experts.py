"""Divide the galaxies that experts classed: to fit what they say to votes, and to evaluate it."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.posteriors.expert_classes import read_experts
from activezoo.posteriors.expert_classes import split as split_classes
from activezoo.survey import oracle
from activezoo.survey.layout import ClassColumns


def run(
    *, classes: Path, columns: ClassColumns, split: Path, votes: Path, question: str, experts: Path, labelled: Path
) -> None:
    classed = read_experts(classes, columns)
    known = classed[classed["id"].isin(tables.read(split, ["id"])["id"].to_pylist())]
    if known.empty:
        raise InputError(
            f"{classes}: none of the {len(classed)} ids in column {columns.id_column!r} is a usable galaxy of question "
            f"{question!r} (the first is {classed['id'].iloc[0]!r}); correct posteriors.experts"
        )
    known = known.assign(role=split_classes(known["id"].to_list(), question))
    if known[known["role"] == "fit"]["is_positive"].nunique() < 2 or (known["role"] != "evaluate").all():
        raise InputError(
            f"{classes}: the {len(known)} classes of usable galaxies of question {question!r} are too few or too much "
            "alike to fit anything to, and to evaluate it; give more, or none (posteriors.experts)"
        )
    known["k"], known["N"] = oracle.retrieve_votes(votes, known["id"].to_list())
    tables.write(known.to_dict("list"), experts)
    fit = known[known["role"] == "fit"]
    tables.write({"id": fit["id"].to_list(), "k": fit["is_positive"].astype("int32"), "N": [1] * len(fit)}, labelled)
    logging.info("%d of %d classes are of usable galaxies: %d to fit", len(known), len(classed), len(fit))
