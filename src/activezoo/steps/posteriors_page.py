"""Write the page about posteriors."""

from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.report.posteriors_page import page as write_page


def run(*, survey: str, folders: list[Path], models: list[Path], figures: list[Path], page: Path) -> None:
    with tables.whole_file(page) as partial:
        answers = [
            description.read(model).of_question(folder.parent.name).answers
            for model, folder in zip(models, folders, strict=True)
        ]
        partial.write_text(write_page(survey, folders, answers, figures, page.parent), encoding="utf-8")
