"""No file that a step writes is ever there in part, whatever happens while it is written."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from activezoo import tables

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests fork")

# Everything that writes a result, twice: the second time, no file may be longer than half of what it would be. Such a
# file is where the disk is full, or where the process dies.
WRITE_TWICE = """
import json, os, resource, signal, sys
from pathlib import Path

import numpy as np
from PIL import Image
from matplotlib.figure import Figure

from activezoo import tables
from activezoo.model import description, network
from activezoo.model.augmentation import View
from activezoo.model.backend import import_tensorflow
from activezoo.model.description import Description
from activezoo.model.network import Architecture
from activezoo.report.figures import style
from activezoo.survey import image_shards

import_tensorflow()
folder = Path(sys.argv[1])
rng = np.random.default_rng(1)
numbers = {"x": rng.random(20_000)}
images = [str(folder / f"{number}.png") for number in range(40)]
for image in images:
    Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(image)
tables.write({"id": images, "image": images}, folder / "galaxies.parquet")
architecture = Architecture(16, (4, 4), 64, 0.5)
model = network.build(architecture)
model.compile("adam")
model.optimizer.build(model.trainable_variables)
figure = Figure()
figure.add_subplot().plot(numbers["x"][:500])
described = Description("0", "q", ("a",), ("a", "b"), 1, "bald", 1, architecture, View((1.0, 1.1), "centre"), 32, 1, 1)


def stream(path):
    import pyarrow as pa

    tables.write_stream((pa.table({"x": rng.random(5000)}) for _ in range(4)), path)


def csv(path):
    import pandas as pd

    tables.write_with_csv(pd.DataFrame({"x": numbers["x"].astype(str)}), path)


def weights(path):
    with tables.whole_file(path) as partial:
        model.save_weights(partial)


def shard(path):
    image_shards.write_shard(folder / "galaxies.parquet", 0, 1, 32, path, folder / "i.parquet", folder / "r.parquet")


WRITERS = {
    "table.parquet": lambda path: tables.write(numbers, path),
    "stream.parquet": stream,
    "both.csv": csv,
    "figure.png": lambda path: style.save(figure, path),
    "model.weights.h5": weights,
    "model.json": lambda path: description.write(described, path),
    "shard.tfrecord": shard,
}

outcomes = {}
for name, write in WRITERS.items():
    path = folder / name
    write(path)
    before = path.read_bytes()
    half = len(before) // 2
    for how, action in (("disk full", signal.SIG_IGN), ("killed", signal.SIG_DFL)):
        if not (child := os.fork()):
            resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))
            signal.signal(signal.SIGXFSZ, action)
            try:
                write(path)
            except OSError:
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        partial = list(folder.glob(".partial-*"))
        outcomes[f"{name}, {how}"] = [os.waitstatus_to_exitcode(status), len(partial), path.read_bytes() == before]
        for other in partial:
            other.unlink()
print(json.dumps(outcomes))
"""


def test_a_result_stays_as_it_was_if_the_disk_is_full_or_the_process_dies_in_the_middle(tmp_path):
    command = [sys.executable, "-c", WRITE_TWICE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1] / "src")
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    assert len(outcomes) == 2 * 7
    # Exit status; partial files left; whether the file is as before.
    expected = {"disk full": [1, 0, True], "killed": [-signal.SIGXFSZ, 1, True]}
    assert outcomes == {case: expected[case.rpartition(", ")[2]] for case in outcomes}


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_the_name_before_a_step_ends(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append(("fsync", "folder" if folder else "file", (tmp_path / "a.txt").exists()))
        fsync(descriptor)

    def note_replace(source, target):
        done.append(("replace",))
        replace(source, target)

    monkeypatch.setattr("os.fsync", note_fsync)
    monkeypatch.setattr("os.replace", note_replace)
    with tables.whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("all")
    assert done == [("fsync", "file", False), ("replace",), ("fsync", "folder", True)]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=str(tmp_path)), tables.whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("all")


def test_what_another_process_reads_meanwhile_is_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with tables.whole_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_leaves_nothing(tmp_path):
    def fail():
        with tables.whole_file(tmp_path / "new/a.txt") as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list((tmp_path / "new").iterdir()) == []
