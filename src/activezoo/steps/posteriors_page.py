"""Write the page about posteriors."""

from pathlib import Path

from activezoo import tables
from activezoo.model import description
from activezoo.report.posteriors_page import page as write_page


def run(*, survey: str, folders: list[Path], models: list[Path], figures: list[Path], page: Path) -> None:
    described = [description.read(model) for model in models]
    by_question = {name: of for of in described for name in of.tree or [of.question]}
    with tables.whole_file(page) as partial:
        answers = [by_question[name].of_question(name).answers for name in (folder.parent.name for folder in folders)]
        partial.write_text(write_page(survey, folders, answers, figures, page.parent), encoding="utf-8")
