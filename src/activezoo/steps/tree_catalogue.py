"""Write what the same networks say of all questions of the tree about each galaxy, in a row."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.posteriors import whole_tree


def run(*, predictions: list[Path], model: Path, catalogue: Path) -> None:
    described = description.read(model)
    files = {name: [path for path in predictions if path.parents[2].name == name] for name in described.tree}
    provenance = {
        "activezoo": described.version,
        "questions": ", ".join(described.tree),
        "predictions": predictions[0].parent.name,
        "likelihood": described.architecture.likelihood,
        "galaxies trained on": described.galaxies,
        "votes trained on": described.votes,
    }
    batches = whole_tree.stream(files, described.tree)
    tables.write_stream((whole_tree.summarise(batch, provenance) for batch in batches), catalogue)
    logging.info("%d questions", len(files))
