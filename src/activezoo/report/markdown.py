"""Tables and figures in Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# What means something to Markdown, within a line or a table.
_SIGNS = re.compile(r"[\\`*\[\]<>|&~]|\b_|_\b")
# Letters of a file that are shown; a cell may hold megabytes.
LONGEST = 300


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Text from elsewhere, such as a message, so that it stands in a page as it is."""
    return _SIGNS.sub(r"\\\g<0>", _on_one_line(text))


def markdown_code(text: str) -> str:
    """Text from elsewhere, such as an id, as code; in a table, too."""
    text = _on_one_line(text).replace("|", r"\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{text}{blank}{fence}" if text.strip() else repr(text)


def markdown_figure(title: str, figure: Path, folder: Path) -> str:
    """A figure in the Markdown of a page in `folder`."""
    return f"![{title}]({Path(os.path.relpath(figure, folder)).as_posix()})"


def _on_one_line(text: str) -> str:
    """Text without what would not show: line breaks and control characters are escaped, what is long is cut."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
