"""Write pages of results as one HTML file that needs no other."""

from pathlib import Path

from activezoo import tables
from activezoo.report.html_page import page as write_page


def run(*, pages: list[Path], headline: Path | None = None, html: Path) -> None:
    answers = headline.read_text(encoding="utf-8").splitlines() if headline else []
    text = write_page(pages, answers)
    with tables.whole_file(html) as partial:
        partial.write_text(text, encoding="utf-8")
