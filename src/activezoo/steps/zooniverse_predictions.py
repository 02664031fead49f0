"""Write which subjects are to be shown, and what models predict of them, for Zooniverse's subject assistant."""

import json
import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import mixed, read_predictions
from activezoo.running import configuration
from activezoo.survey import asks, zooniverse


def run(
    *,
    configfile: list[Path],
    question: str,
    subjects: Path,
    galaxy_column: str = "galaxy_id",
    bound: float | None = None,
    predictions: Path,
) -> None:
    config = configuration.read_live(configfile)
    if question not in config["loop"]["questions"]:
        raise InputError(f"--question={question}: not one of loop.questions, {', '.join(config['loop']['questions'])}")
    results = configuration.results_folder(config)
    closed = asks.state(results / "asks").closed
    path = asks.folder(results / "asks", closed) / asks.GALAXIES
    asked = tables.read(path, ["galaxy_id"])["galaxy_id"].to_pylist() if path.exists() else []
    model = f"{config['loop']['strategies'][0]}/iteration_{closed - 1}" if closed > 1 else "initial"
    seeds = config["loop"]["seeds"]
    parts = []
    for pattern in ("pool_predictions/shard_*.parquet", "test_predictions.parquet"):
        of_seeds = [sorted((results / question / f"seed_{seed}" / model).glob(pattern)) for seed in seeds]
        if all(of_seeds):
            parts += mixed([read_predictions(path) for of_seed in of_seeds for path in of_seed], len(seeds))
    known = zooniverse.read_subjects(subjects, galaxy_column)
    described = zooniverse.for_assistant(question, parts, known, set(asked), bound)
    with tables.whole_file(predictions) as partial:
        partial.write_text(json.dumps(described), encoding="utf-8")
    predicted = sum(len(part.ids) for part in parts)
    logging.info("%s: %d subjects, predictions of %d galaxies", predictions, len(described["data"]), predicted)
