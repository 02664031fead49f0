"""Plot how each strategy spends votes: how many on a galaxy, and on what kind of galaxies."""

from pathlib import Path

from activezoo import tables
from activezoo.report.acquired import acquired, with_recorded_votes
from activezoo.report.figures import style
from activezoo.report.figures.acquired import spent_votes


def run(*, labelled: list[Path], votes: Path, png: Path) -> None:
    galaxies = with_recorded_votes(acquired(path.parent for path in labelled), votes)
    style.save(spent_votes(galaxies, tables.read(votes, ["k", "N"]).to_pandas()), png)
