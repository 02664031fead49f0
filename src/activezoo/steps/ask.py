"""Say what to do now: show an ask to people, wait for their votes, or write the catalogue."""

from pathlib import Path

from activezoo.survey import asks


def run(*, folder: Path, sources: list[Path]) -> None:
    print(asks.what_now(folder, sources))
