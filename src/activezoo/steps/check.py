"""Look at a survey before anything is trained, and write a page about it."""

import json
import logging
from pathlib import Path

from matplotlib.figure import Figure

from activezoo import tables
from activezoo.errors import InputError
from activezoo.posteriors.expert_classes import read_experts
from activezoo.report import survey_page
from activezoo.report.figures import style
from activezoo.report.figures.galleries import Gallery, contact_sheet
from activezoo.report.figures.survey import votes_given
from activezoo.report.html_page import page as html_page
from activezoo.survey import checking
from activezoo.survey.decoding import Brightness
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.layout import Answers, ClassColumns, Columns, Fractions
from activezoo.survey.samples import Sample, as_seen

# Letters below an image.
LONGEST_CAPTION = 10


def run(
    *,
    survey: str,
    catalogue: Path | None = None,
    filename_map: Path | None = None,
    images: Path,
    columns: Columns,
    encoding: str | None = None,
    empty_votes: str = "missing",
    samples: list[str],
    other_columns: list[str],
    max_rejected: float,
    asked: str,
    loop: checking.Loop,
    experts: Path | None = None,
    classes: ClassColumns,
    stored_size: int,
    white: int | None = None,
    asinh: AsinhStretch,
    shown_as: str,
    zoom: list[float],
    input_size: int,
    folder: Path,
) -> None:
    found = checking.check(
        checking.Files(images, catalogue, filename_map, encoding),
        columns,
        {name: _question(keys) for name, keys in json.loads(asked).items()},
        loop,
        wanted_samples=samples,
        other_columns=other_columns,
        empty_is_zero=empty_votes == "zero",
        max_rejected=max_rejected,
        stored_size=stored_size,
        brightness=Brightness(white, asinh),
    )
    if experts:
        with checking.noted(found.stops):
            read_experts(experts, classes)
    figures = {}
    if found.questions:
        figures["votes"] = votes_given({name: votes.usable.to_pandas() for name, votes in found.questions.items()})
    if found.sample.pixels:
        figures["galaxies"] = _as_seen(found.sample, shown_as, sum(zoom) / 2, input_size)
    paths = {name: folder / f"{name}.png" for name in figures}
    for name, figure in figures.items():
        style.save(figure, paths[name])
    page = folder / "README.md"
    with tables.whole_file(page) as partial:
        partial.write_text(survey_page.page(survey, found, paths, folder), encoding="utf-8")
    with tables.whole_file(folder / "check.html") as partial:
        partial.write_text(html_page([page]), encoding="utf-8")
    usable = ", ".join(f"{votes.usable.num_rows:,} for {name}" for name, votes in found.questions.items())
    logging.info("%s galaxies%s: see %s", f"{found.galaxies.num_rows:,}", usable and f", {usable}", page)
    if found.stops:
        raise InputError("\n".join([f"{page}: a run of this survey would stop", *found.stops]))


def _question(keys: dict) -> checking.Demand:
    answers, fractions = (kind(**{key: keys.pop(key) for key in kind._fields}) for kind in (Answers, Fractions))
    return checking.Demand(answers, fractions, **keys)


def _as_seen(sample: Sample, question: str, zoom: float, input_size: int) -> Figure:
    seen = [as_seen(pixels, zoom, input_size) for pixels in sample.pixels]
    return contact_sheet(Gallery(f"as shown for {question}", seen, list(map(_short, sample.ids))))


def _short(galaxy: str) -> str:
    """The end of a long id, by which galaxies differ."""
    return galaxy if len(galaxy) <= LONGEST_CAPTION else f"…{galaxy[1 - LONGEST_CAPTION :]}"
