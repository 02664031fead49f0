"""Take votes from Zooniverse into a live survey: a classification export, extracts or reductions, the newest one."""

import logging
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from activezoo import tables
from activezoo.errors import InputError
from activezoo.running import configuration
from activezoo.survey import zooniverse
from activezoo.survey.volunteers import COLUMNS

VOTES = pa.schema([(name, pa.string()) for name in COLUMNS])
REJECTED = pa.schema([("row", pa.int64()), ("classification", pa.string()), ("reason", pa.string())])


def run(
    export: Path,
    *,
    configfile: list[Path],
    tasks: list[str],
    galaxy_column: str = "galaxy_id",
    workflow: str | None = None,
    version: str | None = None,
    subjects: Path | None = None,
) -> None:
    config = configuration.read_live(configfile)
    name = f"zooniverse{'' if workflow is None else f'_{workflow}'}"
    path = configuration.votes_folder(config) / f"{name}.parquet"
    questions = {name: list(of.answers) for name, of in configuration.questions(config).items()}
    asked = zooniverse.Asked(
        questions,
        _questions_of(tasks, questions),
        galaxy_column,
        workflow,
        version,
        subjects and zooniverse.read_subjects(subjects, galaxy_column),
    )
    rejected: list[pa.Table] = []
    number = 0

    def votes():
        nonlocal number
        for some, others in zooniverse.read(export, asked):
            number += len(some)
            rejected.append(_table(others, REJECTED))
            yield _table(some, VOTES)
        before = len(tables.read(path, COLUMNS[:1])) if path.exists() else 0
        if number < before:
            raise InputError(
                f"{export}: {number:,} votes, and {before:,} in the one taken before. An export holds all since the "
                f"beginning: get it again, or delete {path} to take this one all the same"
            )

    tables.write_stream(votes(), path)
    others = pa.concat_tables(rejected)
    tables.write_with_csv(others.to_pandas(), configuration.results_folder(config) / f"{name}_rejected.parquet")
    # What was found stands behind a colon.
    reasons = pc.list_element(pc.split_pattern(others["reason"], ":", max_splits=1), 0)
    for reason, times in Counter(reasons.to_pylist()).most_common():
        logging.info("%d do not count: %s", times, reason)
    logging.info("%d votes, %d that do not count: %s", number, len(others), path)


def _questions_of(tasks: list[str], questions: dict) -> dict[str, str]:
    """The question of each task, from words such as T0=smooth."""
    pairs = [pair.partition("=")[::2] for pair in tasks]
    for task, question in pairs:
        if question not in questions:
            raise InputError(
                f"--tasks={task}={question}: {question!r} is no question of loop.questions, {', '.join(questions)}; "
                "write --tasks=T0=QUESTION"
            )
    if not pairs:
        raise InputError(f"which task asks which question? --tasks=T0={next(iter(questions))}")
    if len(dict(pairs)) < len(pairs):
        raise InputError(f"--tasks: one task asks two questions: {', '.join(tasks)}")
    return dict(pairs)


def _table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[]] * len(schema)
    return pa.table([pa.array(column, type) for column, type in zip(columns, schema.types, strict=True)], schema)
