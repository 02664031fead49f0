"""The catalogue of all questions of a tree, as the same networks answer them: how galaxies come to each, and what then.

A network is one function of the image for all questions. So what networks say of several questions goes together, and
the probability of answers to several questions is the mean over networks of a product. The product of the means is
another number: where networks disagree, they do so about all questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import TreePredictions, list_column, stream_predictions
from activezoo.posteriors.counts import LEVELS
from activezoo.posteriors.published import described, fraction_column
from activezoo.survey.layout import Answers
from activezoo.survey.tree import Question

if TYPE_CHECKING:
    import pyarrow as pa

NETWORKS = "{}_networks"
"""Column of the value of a fraction by each network."""


def columns_of(tree: Mapping[str, Question]) -> dict[str, dict[str, str]]:
    """Name of the column of each answer's fraction, by question and answer: <question>_<answer>_fraction."""
    return {
        name: {
            answer: fraction_column(Answers(columns, columns), f"{name}_{answer}")
            for answer, columns in question.answers.items()
        }
        for name, question in tree.items()
    }


def reached_column(question: str) -> str:
    """Column of the fraction of volunteers who come to a question."""
    return f"{question}_reached_fraction"


def stream(paths: Mapping[str, Sequence[Path]], tree: Mapping[str, Question]) -> Iterator[TreePredictions]:
    """What networks predict of all questions, a few thousand galaxies at a time.

    Parameters
    ----------
    paths
        Of each question, the files of its predictions, which are of the same galaxies.

    Raises
    ------
    InputError
        They are of other galaxies, or in another order.
    """
    streams = [(batch for path in of for batch in stream_predictions(path)) for of in paths.values()]
    for parts in zip(*streams, strict=True):
        if any(part.ids != parts[0].ids for part in parts):
            raise InputError(f"{next(iter(paths.values()))[0]}: not the galaxies of the other questions; delete it")
        yield TreePredictions(tree, dict(zip(paths, parts, strict=True)))


def summarise(predictions: TreePredictions, provenance: Mapping[str, object]) -> pa.Table:
    """All fractions of a tree, with names, units and descriptions as `published` has them.

    Returns
    -------
    A row a galaxy: `id`; of each question, the fraction of volunteers who come to it, and of each of its answers, the
    fraction of those who give it, once they are asked. Each has its mean over networks, its central intervals
    (`…_low_68` …), and the value by each network (`…_networks`), the same network at the same place in all columns.
    """
    import pyarrow as pa

    columns: dict[str, object] = {"id": pa.array(predictions.ids, pa.string())}
    meanings: dict[str, tuple[str | None, str]] = {"id": (None, "Galaxy id")}
    reached, names = predictions.reached_GT(), columns_of(predictions.tree)

    def add(name: str, value_GT: np.ndarray, meaning: str) -> None:
        columns[name], meanings[name] = value_GT.mean(axis=1), (None, f"Mean over networks of {meaning}")
        for level in LEVELS:
            for end, tail in (("low", (1 - level) / 2), ("high", (1 + level) / 2)):
                column = f"{name}_{end}_{100 * level:.0f}"
                columns[column] = np.quantile(value_GT, tail, axis=1, method="hazen")
                which = "Lower" if end == "low" else "Upper"
                interval = f"{which} end of the central {100 * level:.0f} % interval over networks of {meaning}"
                meanings[column] = (None, interval)
        columns[NETWORKS.format(name)] = list_column(value_GT)
        meanings[NETWORKS.format(name)] = (None, f"By each network, {meaning}")

    for question, part in predictions.of_questions.items():
        if predictions.tree[question].asked_if:
            coming = f"the probability that a volunteer comes to the question {question}"
            add(reached_column(question), reached[question], coming)
        for place, answer in enumerate(predictions.tree[question].answers):
            meaning = f"the probability that a volunteer who is asked {question} answers {answer}"
            add(names[question][answer], part.answers_GTA[..., place], meaning)
    return described(pa.table(columns), meanings, provenance)


def joint_probability(catalogue: str | Path, fractions: Iterable[str]) -> np.ndarray:
    """Probability of answers to several questions, of each galaxy: the mean over networks of the product, shape (G,).

    Parameters
    ----------
    catalogue
        `tree.parquet` of a run.
    fractions
        Columns of the fractions, such as `t04_spiral_a08_spiral_fraction` and `t03_bar_a06_bar_fraction`; those of
        questions, too, for volunteers who were not asked them yet, such as `bar_reached_fraction`.

    Raises
    ------
    InputError
        The catalogue is missing, or has no such column.
    """
    wanted = [NETWORKS.format(name) for name in fractions]
    table = tables.read(catalogue, wanted)
    values = [column.combine_chunks().flatten().to_numpy().reshape(len(table), -1) for column in table.columns]
    return np.prod(np.asarray(values, np.float64), axis=0).mean(axis=1)
