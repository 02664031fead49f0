"""What networks predict of votes, as tables of galaxies by networks; without TensorFlow.

Suffixes name the axes of an array: G galaxies, T networks, A answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey import tree as trees
from activezoo.survey.tree import Question

if TYPE_CHECKING:
    import pyarrow as pa


class Predictions(NamedTuple):
    """Vote probabilities of galaxies by networks."""

    ids: list[str]
    rho_GT: np.ndarray
    """In [0, 1]."""
    weights_T: np.ndarray
    """Weight of each network in the mixture; they sum to 1."""
    concentration_GT: np.ndarray | None = None
    """Of the beta-binomial (see `votes`), above 0; None for the binomial."""
    answers_GTA: np.ndarray | None = None
    """Probability of each answer, of a model that learns all answers; ρ is the sum of those that are positive."""
    answers: Mapping[str, bool] | None = None
    """Their names, and which are positive."""

    def of(self, galaxies: slice | np.ndarray = slice(None), networks: slice = slice(None)) -> Predictions:
        """Of some galaxies, by their positions, and some networks, whose weights then sum to 1."""
        ids = self.ids[galaxies] if isinstance(galaxies, slice) else [self.ids[row] for row in galaxies]
        concentration, answers = (
            None if values is None else values[galaxies][:, networks]
            for values in (self.concentration_GT, self.answers_GTA)
        )
        weights_T = self.weights_T[networks] / self.weights_T[networks].sum()
        return Predictions(ids, self.rho_GT[galaxies][:, networks], weights_T, concentration, answers, self.answers)


class TreePredictions(NamedTuple):
    """What networks that learn several questions together predict of the same galaxies, of all of them."""

    tree: Mapping[str, Question]
    of_questions: Mapping[str, Predictions]

    @property
    def ids(self) -> list[str]:
        """Of the galaxies."""
        return next(iter(self.of_questions.values())).ids

    def of(self, galaxies: slice | np.ndarray) -> TreePredictions:
        """Of some galaxies, by their positions."""
        return self._replace(of_questions={name: part.of(galaxies) for name, part in self.of_questions.items()})

    def reached_GT(self) -> dict[str, np.ndarray]:
        """Probability that a volunteer comes to each question, by each network, shapes (G, T)."""
        return trees.reached(self.tree, {name: part.answers_GTA for name, part in self.of_questions.items()})


def write_predictions(batches: Iterable[Predictions | TreePredictions], path: str | Path) -> None:
    """Write predictions as they come: a parquet file with the columns id and rho (T float32 values a galaxy).

    Of a beta-binomial, there is a column concentration, too; of a model that learns all answers, a column answers (T
    times A values). Of several questions, columns are named <question>:rho and so on.
    """
    import pyarrow as pa

    def table(batch: Predictions | TreePredictions) -> pa.Table:
        of_questions = {"": batch}
        if isinstance(batch, TreePredictions):
            of_questions = {f"{name}:": part for name, part in batch.of_questions.items()}
        columns = {"id": pa.array(batch.ids, pa.string())}
        for prefix, part in of_questions.items():
            columns[f"{prefix}rho"] = list_column(part.rho_GT)
            if part.concentration_GT is not None:
                columns[f"{prefix}concentration"] = list_column(part.concentration_GT)
            if part.answers_GTA is not None:
                columns[f"{prefix}answers"] = list_column(part.answers_GTA)
        metadata = {"network_weights": json.dumps(part.weights_T.tolist())}
        if part.answers:
            metadata["answers"] = json.dumps({prefix: part.answers for prefix, part in of_questions.items()})
        if isinstance(batch, TreePredictions):
            metadata["tree"] = json.dumps(trees.describe(batch.tree))
        return pa.table(columns).replace_schema_metadata(metadata)

    tables.write_stream(map(table, batches), path)


def list_column(values_GT: np.ndarray) -> pa.FixedSizeListArray:
    """A row a galaxy, each a list of T float32 values (or T times A, answers running fastest)."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(values_GT.astype(np.float32).ravel(), int(np.prod(values_GT.shape[1:])))


def read_predictions(path: str | Path) -> Predictions:
    """Read what `write_predictions` wrote."""
    return _of_one_question(tables.read(path), path)


def mixed(predictions: list[Predictions], members: int) -> list[Predictions]:
    """Predictions by several models together, one element a shard; given are all shards of one model, then the next."""
    shards = len(predictions) // members
    return [
        Predictions(
            of[0].ids,
            np.concatenate([one.rho_GT for one in of], axis=1),
            np.concatenate([one.weights_T for one in of]) / members,
        )
        for of in (predictions[shard::shards] for shard in range(shards))
    ]


def read_variants(paths: Iterable[Path]) -> dict[str, Predictions]:
    """Predictions by the name of their variant, that of their folder."""
    return {path.parent.name.replace("_", " "): read_predictions(path) for path in paths}


def stream_predictions(path: str | Path) -> Iterator[Predictions | TreePredictions]:
    """Read what `write_predictions` wrote, of one question or of several, a few thousand galaxies at a time."""
    for table in tables.read_stream(path):
        if described := (table.schema.metadata or {}).get(b"tree"):
            tree = trees.parse(json.loads(described))
            yield TreePredictions(tree, {name: _predictions(table, f"{name}:") for name in tree})
        else:
            yield _of_one_question(table, path)


def _of_one_question(table: pa.Table, path: str | Path) -> Predictions:
    missing = [name for name in ("id", "rho") if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}; it has {', '.join(table.column_names)}. Delete it and run again"
        )
    return _predictions(table)


def _predictions(table: pa.Table, prefix: str = "") -> Predictions:
    weights_T = np.array(json.loads(table.schema.metadata[b"network_weights"]))
    answers = json.loads(table.schema.metadata.get(b"answers", b"{}")).get(prefix)

    def values(column: str, *shape: int) -> np.ndarray | None:
        if prefix + column not in table.column_names:
            return None
        flat = table[prefix + column].combine_chunks().flatten().to_numpy()
        return flat.reshape(len(table), len(weights_T), *shape).astype(np.float64)

    ids, answers_GTA = table["id"].to_pylist(), values("answers", len(answers)) if answers else None
    return Predictions(ids, values("rho"), weights_T, values("concentration"), answers_GTA, answers)
