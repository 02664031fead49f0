"""Find what drives the surprise of the networks: morphology, or what should not."""

import logging
from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import read_predictions
from activezoo.posteriors.surprise import NOTHING, explain
from activezoo.report.figures import style
from activezoo.report.figures.surprise import surprise as plot
from activezoo.survey import oracle
from activezoo.survey.columns import read_features


def run(
    *,
    predictions: Path,
    votes: Path,
    feature_votes: list[Path],
    catalogue: Path | None = None,
    galaxies: Path,
    encoding: str | None = None,
    question: str,
    morphology: list[str],
    other: list[str],
    parquet: Path,
    png: Path,
) -> None:
    predicted = read_predictions(predictions)
    k, responses = oracle.retrieve_votes(votes, predicted.ids)
    fractions = {}
    for path in feature_votes:
        answered = tables.read(path, ["id", "k", "N"]).to_pandas().set_index("id")
        fractions[f"vote fraction {path.parent.name}"] = answered.k / answered.N
    columns = read_features(catalogue, tables.read(galaxies), [*morphology, *other], encoding=encoding)
    features = pd.concat([table.reindex(predicted.ids) for table in (pd.DataFrame(fractions), columns)], axis=1)
    groups = {name: "other" if name in other else "morphology" for name in features}
    try:
        found = explain(predicted, k, responses, features, groups)
        figure = plot(found, question)
    except InputError as error:  # of a test set too small, or a catalogue too bare: no reason to stop a whole run
        logging.warning("%s", error)
        found, figure = NOTHING, style.message(str(error))
    tables.write_with_csv(found, parquet)
    style.save(figure, png)
    logging.info("%d features of %d galaxies", found.feature.nunique(), len(k))
