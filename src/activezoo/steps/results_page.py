"""Write the headline and the page of results."""

from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.report import planning
from activezoo.report.headline import headline as sentences
from activezoo.report.results_page import page as write_page
from activezoo.running.provenance import newest, summary


def run(
    *,
    survey: str,
    metrics: list[Path],
    savings: list[Path],
    planned: Path,
    galaxies: int,
    votes_per_day: int,
    figures: list[Path],
    posteriors: str | None = None,
    provenance: Path,
    headline: Path,
    page: Path,
) -> None:
    all_metrics, all_savings = (
        pd.concat([tables.read(path).to_pandas() for path in paths], ignore_index=True) for paths in (metrics, savings)
    )
    record = newest(provenance)
    made_with = summary(record) if record else []
    with tables.whole_file(headline) as partial:
        partial.write_text("\n".join(sentences(all_metrics, all_savings)) + "\n", encoding="utf-8")
    with tables.whole_file(page) as partial:
        text = write_page(
            survey,
            all_metrics,
            all_savings,
            pd.read_csv(planned),
            planning.explanation(galaxies, votes_per_day),
            figures,
            page.parent,
            posteriors,
            made_with,
        )
        partial.write_text(text, encoding="utf-8")
