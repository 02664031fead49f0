"""Write the folder of an ask: the galaxies with their images, and the questions."""

import json
import logging
from pathlib import Path

from activezoo import tables
from activezoo.survey import asks


def run(
    *, choices: list[Path], catalogue: Path, survey: str, ask: int, questions: str, galaxies: Path, manifest: Path
) -> None:
    of_questions = json.loads(questions)
    chosen = {name: asks.read_choice(path) for name, path in zip(of_questions, choices, strict=True)}
    asked = asks.join({name: table for name, (table, _) in chosen.items()}, tables.read(catalogue, ["id", "image"]))
    stop = {name: why for name, (_, why) in chosen.items() if why}
    described = {"ask": ask, "survey": survey, "questions": of_questions}
    if len(stop) == len(chosen):
        described["stop"] = stop
    tables.write(asked, galaxies)
    with tables.whole_file(manifest) as partial:
        partial.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    logging.info("ask %d: %d galaxies", ask, len(set(asked["galaxy_id"].to_pylist())))
