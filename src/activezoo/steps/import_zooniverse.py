"""Take the votes of a Zooniverse export into a live survey; a longer export takes the place of the one before."""

import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa

from activezoo import tables
from activezoo.errors import InputError
from activezoo.running import configuration
from activezoo.survey import zooniverse
from activezoo.survey.volunteers import COLUMNS


def run(
    export: Path,
    *,
    configfile: list[Path],
    tasks: list[str],
    galaxy_column: str = "galaxy_id",
    workflow: str | None = None,
) -> None:
    config = configuration.read(configfile)
    asked = {name: config["questions"][name]["responses"] for name in config["loop"]["questions"]}
    pairs = [pair.partition("=") for pair in tasks]
    for task, _, question in pairs:
        if question not in asked:
            raise InputError(
                f"--tasks={task}={question}: {question!r} is no question of loop.questions, {', '.join(asked)}; write "
                "--tasks=T0=QUESTION"
            )
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    rejected: list[zooniverse.Rejected] = []
    number = 0

    def batches():
        nonlocal number
        read = zooniverse.read_export(
            export,
            asked,
            {task: question for task, _, question in pairs},
            galaxy_column=galaxy_column,
            workflow=workflow,
        )
        for votes, others in read:
            rejected.extend(others)
            number += len(votes)
            columns = zip(*votes, strict=True) if votes else [[]] * len(COLUMNS)
            yield pa.table([pa.array(column, pa.string()) for column in columns], schema)

    if not export.exists():
        raise InputError(f"{export}: no such file")
    folder = configuration.votes_folder(config)
    name = f"zooniverse{'' if workflow is None else f'_{workflow}'}"
    tables.write_stream(batches(), folder / f"{name}.parquet")
    zooniverse.log_reasons(rejected)
    reasons = pd.DataFrame(rejected, columns=list(zooniverse.Rejected._fields)).astype({"row": "int64"})
    tables.write_with_csv(reasons, configuration.results_folder(config) / f"{name}_rejected.parquet")
    logging.info("%d votes, %d that do not count: %s", number, len(rejected), folder / f"{name}.parquet")
