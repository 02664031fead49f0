"""A page that browses the catalogue of posteriors: one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from activezoo import randomness, tables
from activezoo.survey import images

TEMPLATE = Path(__file__).with_suffix(".html")
# Side of a thumbnail, pixels, and how many stand in a row of the sheet that holds all.
SIDE, IN_ROW = 64, 64
# Of a survey too large for the page: how many galaxies of each kind that one looks for, and a random sample beside.
EXTREMES = 60
# Of the histogram.
BINS = 20
# Digits of a fraction or of nats.
DIGITS = 3


class Catalogue(NamedTuple):
    """What the page shows of the catalogue of one question."""

    candidates: pd.DataFrame
    """All galaxies, or of many those that may be shown; by id, columns as in `_read`, and `draw`, uniform at random."""
    histogram: np.ndarray
    """How many of all galaxies have a fraction in each of `BINS` equal parts of 0 to 1."""
    number: int
    """How many galaxies there are."""


def read_catalogue(path: str | Path, galaxies: int) -> Catalogue:
    """Look through a catalogue of one question, for a page that shows so many galaxies of it at most."""
    candidates, histogram, number = None, np.zeros(BINS, int), 0
    for part in _read(path):
        histogram += np.histogram(part["fraction"], BINS, (0, 1))[0]
        number += len(part)
        part["draw"] = randomness.galaxy_uniforms(("galaxies browsed",), part.index.tolist(), 0)[:, 0]
        candidates = part if candidates is None else pd.concat([candidates, part])
        if number > galaxies:
            kept = [*_extremes(candidates), *candidates["draw"].nsmallest(galaxies).index]
            candidates = candidates[candidates.index.isin(kept)]
    return Catalogue(candidates, histogram, number)


def _read(path: str | Path) -> Iterator[pd.DataFrame]:
    """A catalogue, a part at a time: by id, `fraction`, `low`, `high` (its 95 % interval), `information` and `role`."""
    names = tables.read_rows(path, []).column_names
    fraction = next(name for name in names if name.endswith("_fraction"))
    columns = {
        fraction: "fraction",
        f"{fraction}_low_95": "low",
        f"{fraction}_high_95": "high",
        "mutual_information": "information",
        "role": "role",
    }
    for part in tables.read_stream(path, ["id", *columns]):
        yield part.to_pandas().rename(columns=columns).set_index("id")


def _extremes(table: pd.DataFrame) -> list[str]:
    """The galaxies of which networks are most and least certain, whose votes would tell most and least.

    And those of the largest and smallest fractions.
    """
    kept: list[str] = []
    for values in (table.high - table.low, table.information, table.fraction):
        order = values.sort_values(kind="stable").index
        kept += [*order[:EXTREMES], *order[-EXTREMES:]]
    return kept


def chosen(catalogues: Mapping[str, Catalogue], galaxies: int) -> list[str]:
    """Ids of the galaxies that the page shows: all, or of each question the extreme ones, and a random sample."""
    tables_of = [of.candidates for of in catalogues.values()]
    draws = pd.concat([table["draw"] for table in tables_of])
    draws = draws[~draws.index.duplicated()]
    if len(draws) <= galaxies:
        return draws.index.tolist()
    kept = [galaxy for table in tables_of for galaxy in _extremes(table)]
    return list(dict.fromkeys([*kept, *draws.sort_values(kind="stable").index]))[:galaxies]


def thumbnails(ids: list[str], index: str | Path) -> str:
    """All images on one sheet, `IN_ROW` in a row, as the URI of a JPEG."""
    sheet = Image.new("RGB", (SIDE * IN_ROW, SIDE * -(-len(ids) // IN_ROW)))
    rows = images.rows_of(index, ids)
    for first in range(0, len(ids), IN_ROW):  # a row at a time, for memory
        for place, pixels in enumerate(images.read_pixels(rows[first : first + IN_ROW], Path(index).parent)):
            small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(small, (SIDE * place, SIDE * (first // IN_ROW)))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def page(survey: str, catalogues: Mapping[str, str | Path], index: str | Path, galaxies: int) -> str:
    """The page, as HTML.

    Parameters
    ----------
    survey
        Its name.
    catalogues
        Of posteriors, by question.
    index
        Of the stored images.
    galaxies
        How many to show at most; the histogram is of all.
    """
    read = {name: read_catalogue(path, galaxies) for name, path in catalogues.items()}
    ids = chosen(read, galaxies)
    questions = {}
    for name, path in catalogues.items():
        shown = pd.concat([part[part.index.isin(ids)] for part in _read(path)]).reindex(ids)
        numbers = {key: _rounded(shown[key]) for key in ("fraction", "low", "high", "information")}
        counts = {"histogram": read[name].histogram.tolist(), "all": read[name].number}
        questions[name] = {**numbers, "role": shown.role.fillna("").tolist(), **counts}
    data = json.dumps({"ids": ids, "questions": questions, "side": SIDE, "row": IN_ROW}, allow_nan=False)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        survey=survey,
        # Whatever stands in an id, it ends no script.
        data=Markup(data.replace("<", "\\u003c")),
        sheet=Markup(thumbnails(ids, index)),
    )


def _rounded(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else round(value, DIGITS) for value in values.tolist()]
