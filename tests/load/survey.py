"""Time and memory of looking at a survey as large as Galaxy Zoo 2: `python tests/load/survey.py FOLDER [images]`.

Makes a catalogue of 250,000 rows and 231 columns, as the release has, and images (100,000) in nested folders, if they
are not in FOLDER yet. Then it runs `check` and `catalogue`, which say what they took. On a machine that others use too,
the processor's time counts.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]
ROWS, CHUNK = 250_000, 10_000
# Answers of the 11 questions of Galaxy Zoo 2, each with six columns; 231 columns in all.
PARTS = ("count", "weight", "fraction", "weighted_fraction", "debiased", "flag")
SMOOTH = [f"t01_smooth_or_features_a0{number}" for number in (1, 2, 3)]
ANSWERS = [*SMOOTH, *(f"t{number:02}_answer" for number in range(4, 38))]
OTHERS = ["ra", "dec", "rastring", "decstring", "sample", "gz2_class", "total_classifications", "total_votes"]


def make_catalogue(path: Path) -> None:
    """Write the catalogue, some rows at a time."""
    names = ["dr7objid", *OTHERS, *(f"{answer}_{part}" for answer in ANSWERS for part in PARTS)]
    assert len(names) == 231
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(",".join(names).encode() + b"\n")
        for start in range(0, ROWS, CHUNK):
            numbers = np.arange(start, start + CHUNK)
            columns = [587_722_981_741_363_294 + 977 * numbers, rng.random(CHUNK) * 360, rng.random(CHUNK) * 90]
            columns += [["12:34:56.78"] * CHUNK, ["+12:34:56.7"] * CHUNK, ["original"] * CHUNK, ["Sc2t"] * CHUNK]
            columns += [rng.integers(30, 60, CHUNK), rng.integers(200, 400, CHUNK)]
            for _ in ANSWERS:
                columns += [rng.integers(5, 30, CHUNK), *rng.random((4, CHUNK)).round(3), rng.integers(0, 2, CHUNK)]
            table = pa.table([pa.array(column) for column in columns], names)
            pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=False))


def make_images(folder: Path, number: int) -> None:
    """Make image files, a thousand in a folder. Many are one file under many names: what counts is to list them."""
    rng = np.random.default_rng(2)
    originals = folder.parent / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    for kind in range(100):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8)).save(originals / f"{kind}.jpg")
    for start in range(0, number, 1000):
        inner = folder / f"part{start // 100_000}" / f"{start // 10_000}" / f"{start // 1000}"
        inner.mkdir(parents=True)
        for image in range(start, start + 1000):
            os.link(originals / f"{image // 1000 % 100}.jpg", inner / f"{image}.jpg")


def main() -> None:
    """Make what is missing, then run both steps."""
    folder = Path(sys.argv[1]).resolve()
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, names, images = folder / "catalogue.csv", folder / f"names_{number}.csv", folder / f"images_{number}"
    if not catalogue.exists():
        make_catalogue(catalogue)
    if not images.exists():
        make_images(images, number)
    rows = [f"{587_722_981_741_363_294 + 977 * row},{row % number}" for row in range(ROWS)]
    # As many galaxies as there are images have one.
    names.write_text("\n".join(["objid,asset_id", *rows[: min(number, ROWS)]]) + "\n")
    answers = [f"{answer}_count" for answer in SMOOTH]
    config = {
        "survey": {
            "name": f"load{number}",
            "kind": "release",
            "release": {"catalogue": str(catalogue), "filename_map": str(names), "images": str(images)},
            "samples": ["original"],
            "max_rejected": 1,
        },
        "questions": {
            "smooth": {"positive": answers[0], "responses": answers, "min_responses": 36},
            "bar": {"positive": "t04_answer_count", "responses": ["t04_answer_count", "t05_answer_count"]},
        },
        "posteriors": {"surprise": {"questions": [], "other": []}},
    }
    path = folder / f"load{number}.yaml"
    path.write_text(yaml.safe_dump(config))
    for target, rule in (("check", "check"), (f"results/load{number}/catalogue/galaxies.parquet", "catalogue")):
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--cores",
            "2",
            target,
            "--forcerun",
            rule,
        ]
        subprocess.run([*command, "--configfile", str(path)], cwd=folder, capture_output=True, check=False)
        text = (folder / f"logs/load{number}/{rule}.log").read_text()
        print(rule, *re.findall(r"^(?:input error|peak memory).*", text, re.MULTILINE), sep="\n  ")


if __name__ == "__main__":
    main()
