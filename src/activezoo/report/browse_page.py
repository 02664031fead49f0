"""A page that browses the catalogue of posteriors: one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from activezoo import randomness, tables
from activezoo.report.galleries import read_pixels

TEMPLATE = Path(__file__).with_suffix(".html")
# Side of a thumbnail, pixels, and how many stand in a row of the sheet that holds all.
SIDE, IN_ROW = 64, 64
# Of a survey too large for the page: how many galaxies of each kind that one looks for, and a random sample beside.
EXTREMES = 60
# Digits of a fraction or of nats.
DIGITS = 3


def read_catalogue(path: str | Path) -> pd.DataFrame:
    """What the page shows of a catalogue of one question, by id.

    Returns
    -------
    Columns `fraction`, `low`, `high` (its 95 % interval), `information` and `role`.
    """
    names = tables.read(path).column_names
    fraction = next(name for name in names if name.endswith("_fraction"))
    columns = {
        fraction: "fraction",
        f"{fraction}_low_95": "low",
        f"{fraction}_high_95": "high",
        "mutual_information": "information",
        "role": "role",
    }
    table = tables.read(path, ["id", *columns]).to_pandas().rename(columns=columns)
    return table.set_index("id")


def chosen(catalogues: Mapping[str, pd.DataFrame], galaxies: int) -> list[str]:
    """Ids of the galaxies that the page shows: all, or of each question the extreme ones, and a random sample.

    Extreme are those of which networks are most and least certain, whose votes would tell most and least, and which
    have the largest and smallest fractions.
    """
    ids = pd.Index([]).append([table.index for table in catalogues.values()]).unique()
    if len(ids) <= galaxies:
        return ids.tolist()
    kept: list[str] = []
    for table in catalogues.values():
        for values in (table.high - table.low, table.information, table.fraction):
            order = values.sort_values(kind="stable").index
            kept += [*order[:EXTREMES], *order[-EXTREMES:]]
    sample = randomness.generator("galaxies browsed").permutation(ids.to_numpy(str)).tolist()
    return list(dict.fromkeys([*kept, *sample]))[:galaxies]


def thumbnails(ids: list[str], index: str | Path) -> str:
    """All images on one sheet, `IN_ROW` in a row, as the URI of a JPEG."""
    sheet = Image.new("RGB", (SIDE * IN_ROW, SIDE * -(-len(ids) // IN_ROW)))
    for first in range(0, len(ids), IN_ROW):  # a row at a time, for memory
        for place, pixels in enumerate(read_pixels(ids[first : first + IN_ROW], index)):
            small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(small, (SIDE * place, SIDE * (first // IN_ROW)))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def page(survey: str, catalogues: Mapping[str, pd.DataFrame], index: str | Path, galaxies: int) -> str:
    """The page, as HTML.

    Parameters
    ----------
    survey
        Its name.
    catalogues
        From `read_catalogue`, by question.
    index
        Of the stored images.
    galaxies
        How many to show at most; the histogram is of all.
    """
    ids = chosen(catalogues, galaxies)
    questions = {}
    for name, table in catalogues.items():
        shown = table.reindex(ids)
        numbers = {key: _rounded(shown[key]) for key in ("fraction", "low", "high", "information")}
        counts = np.histogram(table.fraction, bins=20, range=(0, 1))[0].tolist()
        questions[name] = {**numbers, "role": shown.role.fillna("").tolist(), "histogram": counts, "all": len(table)}
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
