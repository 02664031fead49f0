"""Tables and figures in Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_figure(title: str, figure: Path, folder: Path) -> str:
    """A figure in the Markdown of a page in `folder`."""
    return f"![{title}]({Path(os.path.relpath(figure, folder)).as_posix()})"
