"""How long a large export of Zooniverse takes, and how much memory: read, judged, read again when it has grown.

    python tests/load/zooniverse.py [classifications]      2,000,000 by default, some 2 GB on disk

Seconds are those of the processor, so that others on the machine count little.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from made_up_exports import HEADER

ANSWERS = ("Smooth", "Features or Disk", "Star or Artifact")
VOTES_A_GALAXY, GROWTH = 40, 1.05
CONFIG = {
    "survey": {"name": "large", "kind": "live", "release": {"images": "images"}},
    "questions": {
        "smooth": {
            "text": "?",
            "positive": ["Smooth"],
            "responses": list(ANSWERS),
            "unit": "votes",
            "initial": 8,
            "acquire": 8,
            "few_votes": 40,
        }
    },
    "loop": {"questions": ["smooth"], "seeds": 1},
}


def classification(number: int) -> list[str]:
    """The cells of one; the same for the same number."""
    of = random.Random(number)
    galaxy, user = number // VOTES_A_GALAXY, of.randrange(50_000)
    metadata = {
        "source": "api",
        "session": f"{of.getrandbits(256):064x}",
        "viewport": {"width": 1280, "height": of.randrange(600, 1200)},
        "started_at": "2026-02-20T10:44:37.123Z",
        "finished_at": "2026-02-20T10:44:41.987Z",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari",
        "utc_offset": "-3600",
        "user_language": "en",
        "live_project": True,
        "subject_flagged": False,
        "classifier_version": "2.0",
        "subject_dimensions": [{"clientWidth": 424, "clientHeight": 424, "naturalWidth": 424, "naturalHeight": 424}],
        "subject_selection_state": {
            "retired": False,
            "selected_at": "2026-02-20T10:44:36.000Z",
            "already_seen": number % 50 == 0,
            "selection_state": "normal",
            "user_has_finished_workflow": False,
        },
    }
    image = "![](https://panoptes-uploads.zooniverse.org/project_attached_image/0123abcd.png)"
    annotation = {"task": "T0", "task_label": "Is it smooth?", "value": f"{image} {of.choice(ANSWERS)}"}
    subject = {str(10**7 + galaxy): {"retired": None, "!galaxy_id": f"J{galaxy:09}", "#name": f"{galaxy}.png"}}
    known = number % 4
    cells = {
        "classification_id": str(3 * 10**8 + number),
        "user_name": f"name{user}" if known else f"not-logged-in-{user:020x}",
        "user_id": str(user) if known else "",
        "user_ip": f"{user:020x}",
        "workflow_id": "5",
        "workflow_name": "Galaxy Zoo",
        "workflow_version": "12.34",
        "created_at": f"2026-02-{1 + number % 28:02} {number % 24:02}:{number % 60:02}:{number % 59:02} UTC",
        "metadata": json.dumps(metadata),
        "annotations": json.dumps([annotation]),
        "subject_data": json.dumps(subject),
        "subject_ids": str(10**7 + galaxy),
    }
    return [cells.get(name, "") for name in HEADER]


def write_export(path: Path, numbers: range) -> None:
    """Add classifications to an export."""
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not numbers.start:
            writer.writerow(HEADER)
        writer.writerows(map(classification, numbers))


def measured(what: str, folder: Path, *command: str) -> None:
    """Run a command; say how long its processor took, and the most memory that any command took so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": sys.path[0]}
    subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what}: {seconds:.0f} s of the processor; the most memory so far: {after.ru_maxrss / 1e6:.2f} GB")


JUDGE = """
import sys
import numpy as np, pandas as pd, pyarrow as pa
from pathlib import Path
from activezoo import tables
from activezoo.survey import tree, volunteers
rows = volunteers.read([Path("results/large/votes/zooniverse.parquet")])
frozen = Path("frozen.parquet")
before = volunteers.read_counted([frozen])[0] if frozen.exists() else None
galaxies = [f"J{galaxy:09}" for galaxy in range(int(sys.argv[1]))]
votes, rejected = volunteers.accept(rows, tree.parse({"smooth": {"answers": %r}}), galaxies, before)
print(f"{len(rows):,} votes: {len(votes):,} count anew, {len(rejected):,} do not")
if before is None:
    tables.write(pa.Table.from_pandas(votes, preserve_index=False).cast(volunteers.VOTES), frozen)
"""


def main(classifications: int = 2_000_000) -> None:
    with TemporaryDirectory() as name:
        folder, more = Path(name), int(classifications * GROWTH)
        (folder / "large.yaml").write_text(json.dumps(CONFIG))
        take = ("-m", "activezoo", "import_zooniverse", "export.csv", "--configfile=large.yaml", "--tasks=T0=smooth")
        judge = ("-c", JUDGE % (ANSWERS,), str(more // VOTES_A_GALAXY + 1))
        for first, last in ((0, classifications), (classifications, more)):
            write_export(folder / "export.csv", range(first, last))
            size = (folder / "export.csv").stat().st_size / 1e9
            measured(f"{last:,} classifications, {size:.2f} GB, taken", folder, *take)
            measured("which count", folder, *judge)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
