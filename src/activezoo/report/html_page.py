"""Pages of results as one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape
from PIL import Image, UnidentifiedImageError

from activezoo.errors import InputError

TEMPLATE = Path(__file__).with_suffix(".html")
# Bytes of all figures together. Snakemake's report shows the page as a data URI in a frame, of which Chromium shows
# nothing beyond 2 MB; base64 adds a third, and there it is applied twice.
FIGURES_LIMIT = 1_050_000
# Qualities to try until all fit, and whether they spare figures without photographs. The last is taken if none fits.
QUALITIES = ((85, True), (70, True), (50, False), (30, False))
# Bytes of a PNG by pixel, above which it holds photographs: without loss, they compress badly.
PHOTOGRAPHS = 0.5
# Pixels that a side of a WebP image may have.
LARGEST_SIDE = 16_383
# Bytes of a table that can be saved from the page; of a larger one, it gives the path.
TABLE_LIMIT = 50_000


class _Figure(NamedTuple):
    uri: str
    width: int
    height: int


def page(pages: Sequence[Path], headline: Collection[str] = ()) -> str:
    """One HTML page of pages in Markdown.

    Parameters
    ----------
    pages
        Markdown files. Links between them become links within the page, and those to small CSV files downloads. Of
        other files, the page gives the path.
    headline
        Paragraphs to set in large.

    Raises
    ------
    InputError
        A figure is missing, or is no image.
    """
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    parsed = {path: parser.parse(path.read_text(encoding="utf-8")) for path in pages}
    contents = list(_number_headings(parsed.values()))
    images = [
        path.parent / unquote(token.attrs["src"])
        for path, tokens in parsed.items()
        for line in tokens
        for token in line.children or ()
        if token.type == "image"
    ]
    shared = {"anchors": {path: path.stem for path in parsed}, "figures": _figures(images), "headline": headline}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=next((text for tag, _, text in contents if tag == "h1"), "Results"),
        contents=contents,
        pages=[
            (path.stem, Markup(parser.renderer.render(tokens, parser.options, {"folder": path.parent, **shared})))
            for path, tokens in parsed.items()
        ],
    )


def _number_headings(pages: Iterable[list[Token]]) -> Iterator[tuple[str, str, str]]:
    """Give each heading an id; yield its tag, id and text."""
    number = 0
    for tokens in pages:
        for heading, line in itertools.pairwise(tokens):
            if heading.type == "heading_open":
                number += 1
                heading.attrSet("id", f"section-{number}")
                yield heading.tag, heading.attrs["id"], "".join(child.content for child in line.children)


def _figures(paths: Iterable[Path]) -> dict[Path, _Figure]:
    """Figures as WebP, at the best quality at which all fit."""
    images = {path: _image(path) for path in paths}
    for quality, spare in QUALITIES:
        encoded = {path: _encoded(image, quality, spare and _drawn(path, image)) for path, image in images.items()}
        if sum(map(len, encoded.values())) <= FIGURES_LIMIT:
            break
    return {path: _Figure(_data_uri("image/webp", encoded[path]), *image.size) for path, image in images.items()}


def _image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            return image
    except FileNotFoundError:
        raise InputError(f"{path}: no such figure, but the page shows it; run again to make it") from None
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path}: not a readable image ({error}); delete it and run again") from error


def _drawn(path: Path, image: Image.Image) -> bool:
    return path.stat().st_size < PHOTOGRAPHS * image.width * image.height


def _encoded(image: Image.Image, quality: int, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, lossless=lossless)
    return buffer.getvalue()


def _data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


class _Renderer(RendererHTML):
    """HTML of a page. What it needs beyond the Markdown is in `env`: see `page`."""

    def paragraph_open(self, tokens, place, options, env):
        if tokens[place + 1].content in env["headline"]:
            tokens[place].attrSet("class", "headline")
        return self.renderToken(tokens, place, options, env)

    def table_open(self, tokens, place, options, env):
        return f'<div class="table">{self.renderToken(tokens, place, options, env)}'

    def table_close(self, tokens, place, options, env):
        return f"{self.renderToken(tokens, place, options, env)}</div>\n"

    def image(self, tokens, place, options, env):
        figure = env["figures"][env["folder"] / unquote(tokens[place].attrs["src"])]
        tokens[place].attrs |= {"src": figure.uri, "width": figure.width, "height": figure.height}
        return f'<button type="button" class="figure">{super().image(tokens, place, options, env)}</button>'

    def link_open(self, tokens, place, options, env):
        href = unquote(tokens[place].attrs["href"])
        file = env["folder"] / href
        if urlsplit(href).scheme or href.startswith("#"):
            env["link_close"] = "</a>"
            return self.renderToken(tokens, place, options, env)
        if file in env["anchors"]:
            env["link_close"] = "</a>"
            return f'<a href="#{escape(env["anchors"][file])}">'
        if file.suffix == ".csv" and file.is_file() and file.stat().st_size <= TABLE_LIMIT:
            uri = _data_uri("text/csv;charset=utf-8", file.read_bytes())
            env["link_close"] = "</a>"
            return f'<a href="{uri}" download="{escape(href.replace("/", "_"))}">'
        env["link_close"] = f" (<code>{escape(file.as_posix())}</code>)"
        return ""

    def link_close(self, tokens, place, options, env):
        return env["link_close"]
