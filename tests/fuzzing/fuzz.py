"""Fuzz a reader: `python tests/fuzzing/fuzz.py catalogue 600` tries mutated files for 600 seconds. See README.md."""

import logging
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

HERE = Path(__file__).parent
# So much memory, MB, and time, s, one file may take.
MEMORY, TIME = 4000, 300

sys.path.insert(0, str(HERE))
with atheris.instrument_imports(include=["activezoo", "targets", "PIL", "yaml", "astropy.io"]):
    import astropy.io.fits
    import astropy.io.votable  # noqa: F401
    import PIL.Image
    import targets

    PIL.Image.init()


def main() -> None:
    """Run one target, from its corpus and what it found in earlier runs (folder `found/`, not committed)."""
    name, seconds = sys.argv[1:]
    corpus, start = HERE / "found" / name, HERE / "found" / f"seeds_{name}"
    for folder in (corpus, start):
        folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(targets.seeds(name)):
        (start / str(number)).write_bytes(data)
    logging.disable()
    warnings.simplefilter("ignore")
    check = targets.TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-timeout={TIME}", "-max_len=30000"]
        options += [f"-artifact_prefix={corpus.parent}/{name}-", "-print_final_stats=1"]
        folders = [corpus, HERE / "corpus" / name, start]
        atheris.Setup([sys.argv[0], *options, *map(str, folders)], lambda data: check(data, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
