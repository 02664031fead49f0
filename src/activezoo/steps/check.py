"""Look at a survey before anything is trained, and write a page about it."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.report import survey_page
from activezoo.report.figures import style
from activezoo.report.figures.galleries import Gallery, contact_sheet
from activezoo.report.figures.survey import votes_given
from activezoo.report.html_page import page as html_page
from activezoo.survey import samples
from activezoo.survey.decoding import Brightness
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.table_files import open_table

# Letters below an image.
LONGEST_CAPTION = 10


def run(
    *,
    survey: str,
    catalogue: Path | None = None,
    filename_map: Path | None = None,
    encoding: str | None = None,
    galaxies: Path,
    rejected: Path,
    votes: list[Path],
    rejected_votes: list[Path],
    stored_size: int,
    white: int | None = None,
    asinh: AsinhStretch,
    shown_as: str,
    zoom: list[float],
    input_size: int,
    folder: Path,
) -> None:
    with survey_page.assumptions() as assumed:
        for table in (catalogue, filename_map):
            if table:
                open_table(table, encoding)
        sample = samples.look_at(tables.read(galaxies).to_pandas(), stored_size, Brightness(white, asinh))
    questions = {
        path.parent.name: survey_page.Question(*(tables.read(table).to_pandas() for table in (path, unusable)))
        for path, unusable in zip(votes, rejected_votes, strict=True)
    }
    figures = {}
    if questions:
        figures["votes"] = votes_given({name: question.votes for name, question in questions.items()})
    if sample.pixels:
        seen = [samples.as_seen(pixels, sum(zoom) / 2, input_size) for pixels in sample.pixels]
        figures["galaxies"] = contact_sheet(Gallery(f"as shown for {shown_as}", seen, list(map(_short, sample.ids))))
    paths = {name: folder / f"{name}.png" for name in figures}
    for name, figure in figures.items():
        style.save(figure, paths[name])
    text = survey_page.page(
        survey, tables.read(galaxies), tables.read(rejected).to_pandas(), questions, sample, assumed, paths, folder
    )
    page = folder / "README.md"
    with tables.whole_file(page) as partial:
        partial.write_text(text, encoding="utf-8")
    with tables.whole_file(folder / "check.html") as partial:
        partial.write_text(html_page([page]), encoding="utf-8")
    usable = ", ".join(f"{len(question.votes):,} for {name}" for name, question in questions.items())
    logging.info("%s galaxies%s: see %s", f"{tables.read(galaxies).num_rows:,}", usable and f", {usable}", page)


def _short(galaxy: str) -> str:
    """The end of a long id, by which galaxies differ."""
    return galaxy if len(galaxy) <= LONGEST_CAPTION else f"…{galaxy[1 - LONGEST_CAPTION :]}"
