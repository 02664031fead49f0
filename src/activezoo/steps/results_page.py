"""Write the headline and the page of results."""

from pathlib import Path

from activezoo import tables
from activezoo.report.headline import headline as sentences
from activezoo.report.results_page import page as write_page


def run(
    *,
    survey: str,
    metrics: Path,
    savings: Path,
    figures: list[Path],
    posteriors: str | None = None,
    headline: Path,
    page: Path,
) -> None:
    all_metrics, all_savings = (tables.read(path).to_pandas() for path in (metrics, savings))
    with tables.whole_file(headline) as partial:
        partial.write_text("\n".join(sentences(all_metrics, all_savings)) + "\n", encoding="utf-8")
    with tables.whole_file(page) as partial:
        text = write_page(survey, all_metrics, all_savings, figures, page.parent, posteriors)
        partial.write_text(text, encoding="utf-8")
