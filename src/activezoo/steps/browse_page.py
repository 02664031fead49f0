"""Write a page that browses the catalogue of posteriors: histogram, galaxies in order, search by id."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.report import browse_page


def run(*, survey: str, catalogues: list[Path], index: Path, galaxies: int, html: Path) -> None:
    of_questions = {path.parent.parent.name: path for path in catalogues}
    with tables.whole_file(html) as partial:
        partial.write_text(browse_page.page(survey, of_questions, index, galaxies), encoding="utf-8")
    logging.info("%d questions", len(of_questions))
