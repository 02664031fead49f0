"""Galleries of galaxies (paper Figs. 15-16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from activezoo.report.figures.style import PAGE, STYLE

# Galleries: side of a galaxy and the gap to the next, pixels; height of the line below, inches.
TILE, GAP, CAPTION = 128, 5, 0.13


class Gallery(NamedTuple):
    """Galaxies to show: `pixels` (G, P, P, 3) uint8, a caption for each, and what they are."""

    title: str
    pixels: np.ndarray
    captions: Sequence[str]


def informative_galaxies(most: Gallery, least: Gallery, title: str, columns: int = 4) -> Figure:
    """The most and the least informative test galaxies, side by side (Figs. 15-16)."""
    rows = max(-(-len(gallery.captions) // columns) for gallery in (most, least))
    pitch = (PAGE - 0.2) / (2 * columns)
    head = 0.45
    height = head + rows * (pitch + CAPTION)
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, height))
        figure.suptitle(title, y=1 - 0.04 / height, va="top")
        for left, gallery in ((0, most), (0.5 + 0.1 / PAGE, least)):
            axes = figure.add_axes((left, 0, 0.5 - 0.1 / PAGE, 1 - head / height))
            _mosaic(axes, gallery, columns, rows, pitch)
            axes.set_title(gallery.title, pad=3)
    return figure


def acquired_galaxies(iterations: dict[int, Gallery], title: str, columns: int = 10) -> Figure:
    """The first galaxies acquired in each iteration, a row each; `columns` is the most there are in a row."""
    margin, head = 0.35, 0.35
    pitch = (PAGE - margin) / columns
    height = head + len(iterations) * (pitch + CAPTION)
    size = max(gallery.pixels.shape[1] for gallery in iterations.values())
    pixels = np.full((len(iterations), columns, size, size, 3), 255, np.uint8)
    captions = []
    for row, gallery in enumerate(iterations.values()):
        pixels[row, : len(gallery.captions)] = gallery.pixels[:columns]
        captions += [*gallery.captions[:columns], *[""] * (columns - len(gallery.captions))]
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE, height))
        figure.suptitle(title, y=1 - 0.04 / height, va="top")
        axes = figure.add_axes((margin / PAGE, 0, 1 - margin / PAGE, 1 - head / height))
        _mosaic(axes, Gallery("", pixels.reshape(-1, size, size, 3), captions), columns, len(iterations), pitch)
        for row, iteration in enumerate(iterations):
            axes.text(-0.06, row + 0.5 * pitch / (pitch + CAPTION), str(iteration), ha="right", va="center")
        axes.text(-0.06, -0.03, "iter.", ha="right", va="bottom", fontsize=7)
    return figure


def contact_sheet(gallery: Gallery, columns: int = 5) -> Figure:
    """Galaxies in rows."""
    rows = -(-len(gallery.captions) // columns)
    pitch, head = PAGE / (2 * columns), 0.3
    height = head + rows * (pitch + CAPTION)
    with rc_context(STYLE):
        figure = Figure(figsize=(PAGE / 2, height))
        figure.suptitle(gallery.title, y=1 - 0.04 / height, va="top")
        _mosaic(figure.add_axes((0, 0, 1, 1 - head / height)), gallery, columns, rows, pitch)
    return figure


def _mosaic(axes: Axes, gallery: Gallery, columns: int, rows: int, pitch: float) -> None:
    """Draw galaxies row by row, `pitch` inches a column, with their captions below; axes in units of the pitch."""
    from PIL import Image

    # One image for all: a hundred images of their own take seconds to draw.
    strip = round((TILE + GAP) * CAPTION / pitch)
    canvas = np.full((rows, TILE + GAP + strip, columns, TILE + GAP, 3), 255, np.uint8)
    for place, (pixels, caption) in enumerate(zip(gallery.pixels, gallery.captions, strict=True)):
        row, column = divmod(place, columns)
        canvas[row, :TILE, column, :TILE] = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.LANCZOS)
        middle, below = column + 0.5 * TILE / (TILE + GAP), row + (TILE + 2) / (TILE + GAP + strip)
        # An id may have signs that matplotlib takes for a formula.
        axes.text(middle, below, caption, ha="center", va="top", fontsize=6, parse_math=False)
    everything = canvas.reshape(rows * canvas.shape[1], columns * canvas.shape[3], 3)
    axes.imshow(everything, extent=(0, columns, rows, 0), aspect="auto")
    axes.set_axis_off()
