"""What results take on disk, and what may be deleted of them."""

from __future__ import annotations

import os
import re
import time

import numpy as np
import pytest
from PIL import Image

from activezoo import tables
from activezoo.model import network
from activezoo.model.network import Architecture
from activezoo.model.posterior import Sampling, network_weights
from activezoo.model.predictions import Predictions, write_predictions
from activezoo.report import disk_use
from activezoo.report.disk_use import Expected, expected, kind_of, used
from activezoo.running.pruning import DAY, MADE_HERE, MADE_NEXT, WEIGHTS, never_finished, prunable_weights
from activezoo.steps import disk_use as disk_use_step
from activezoo.survey import image_shards
from conftest import ARCHITECTURE

RUN = Expected(
    galaxies=300,
    pool=200,
    image_side=None,
    stored_side=32,
    models=5,
    choosing_models=2,
    chains=1,
    galleries=2,
    iterations=2,
    test_galaxies=400,
    architecture=ARCHITECTURE,
    averaged=False,
    sampling=Sampling(4, "exact", "even"),
    closer_looks=(),
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("survey/images_gz2/images/1.jpg", "simulated images"),
        ("survey/truth.parquet", "all others"),
        ("images/shard_0.tfrecord", "stored images"),
        ("smooth/seed_1/initial/model.weights.h5", "weights of the loop"),
        ("smooth/seed_12/bald_few/iteration_20/model.weights.h5", "weights of the loop"),
        ("smooth/seed_1/all/model.weights.h5", "other weights"),
        ("smooth/seed_1/bald/iteration_3/pool_predictions/shard_0.parquet", "predictions of the pool"),
        ("smooth/seed_1/bald/iteration_3/labelled.parquet", "tables of models"),
        ("smooth/posteriors/calibration.parquet", "posteriors"),
        ("posteriors.html", "posteriors"),
        ("figures/smooth/learning_curves.pdf", "figures and pages"),
        ("results.html", "figures and pages"),
        ("smooth/metrics.parquet", "all others"),
        ("smooth/seed_1/bald/iteration_3/.partial-x1y2.weights.h5", "never finished"),
    ],
)
def test_kinds(path, kind):
    assert kind_of(path) == kind


def test_every_file_is_counted_once(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.tfrecord").write_bytes(bytes(1000))
    (tmp_path / "results.html").write_bytes(bytes(10))
    (tmp_path / "link").symlink_to("images/a.tfrecord")
    files, size = used(tmp_path)
    assert files == {"stored images": 1, "figures and pages": 1, "all others": 1}
    assert size.total() == 1000 + 10 + len("images/a.tfrecord")
    text = disk_use.table(files, size, {"weights of the loop": 2.5e9, "stored images": 2e7})
    assert "| stored images | 1 | 0.0 MB | some 20 MB |" in text
    assert "| weights of the loop | 0 | 0.0 MB | some 2.5 GB |" in text
    assert "| all | 3 | 0.0 MB | some 2.5 GB |" in text
    assert "never finished" not in text


@pytest.mark.parametrize(
    "architecture",
    [
        ARCHITECTURE,
        Architecture(33, (3,), 5, 0.5),
        Architecture(64, (32, 32, 16), 128, 0.5),
        Architecture(40, (8, 4, 2), 7, 0),
    ],
)
def test_number_of_parameters(tensorflow, architecture):
    assert network.number_of_parameters(architecture) == network.build(architecture).count_params()


@pytest.mark.parametrize("averaged", [False, True])
def test_expected_weights(tensorflow, tmp_path, averaged):
    import keras

    architecture = Architecture(32, (8, 16, 16), 128, 0.5)
    model = network.build(architecture)
    model.compile(keras.optimizers.Adam(use_ema=averaged))
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "model.weights.h5")
    run = RUN._replace(models=7, architecture=architecture, averaged=averaged)
    size = (tmp_path / "model.weights.h5").stat().st_size
    assert expected(run)["weights of the loop"] == pytest.approx(7 * size, rel=0.05)


def test_expected_images(tmp_path):
    rng = np.random.default_rng(1)
    ids = [f"58772298173612{number:04}" for number in range(RUN.galaxies)]
    for galaxy in ids:
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / f"{galaxy}.png")
    tables.write({"id": ids, "image": [str(tmp_path / f"{of}.png") for of in ids]}, tmp_path / "galaxies.parquet")
    (tmp_path / "images").mkdir()
    outputs = [tmp_path / "images" / name for name in ("shard.tfrecord", "index.parquet", "rejected.parquet")]
    image_shards.write_shard(tmp_path / "galaxies.parquet", 0, 1, 32, *outputs)
    assert expected(RUN)["stored images"] == pytest.approx(used(tmp_path)[1]["stored images"], rel=0.05)


def test_expected_predictions(tmp_path):
    rng = np.random.default_rng(1)
    pool = 20_000
    weights = network_weights(RUN.sampling)
    ids = [f"5877{number:014}" for number in rng.integers(0, 10**14, pool)]
    write_predictions([Predictions(ids, rng.random((pool, len(weights))), weights)], tmp_path / "shard.parquet")
    size = (tmp_path / "shard.parquet").stat().st_size
    assert expected(RUN._replace(pool=pool))["predictions of the pool"] == pytest.approx(size, rel=0.3)


def test_a_pool_of_which_a_part_is_predicted_takes_less(tmp_path, capsys):
    others = {"galaxies", "pool", "image_side", "stored_side", "averaged"}
    run = {name: value for name, value in RUN._asdict().items() if name not in others}
    run |= {"results": tmp_path, "index": tmp_path / "index.parquet", "stored_size": 32, "weight_averaging": 0}
    shown = []
    for scored, looks in ((None, ()), (10_000_000, ()), (50_000, ()), (50_000, (8, 16))):
        disk_use_step.run(**run | {"closer_looks": looks}, galaxies=1_000_000, scored=scored)
        shown.append(re.search(r"predictions of the pool \|.*some ([\d.]+) MB", capsys.readouterr().out)[1])
    assert shown[0] == shown[1] == "200"
    assert shown[2] == "10"
    assert shown[3] == "19"  # + 50,000 × (4 · 72 + 56) / 3 + 50,000 × (4 · 144 + 56) / 9


# Pruning


def made_up(folder, iterations, strategies=("bald", "random"), without=()):
    """Folders of models of a seed, with empty files, but for some."""
    seed = folder / "smooth/seed_1"
    names = [f"{strategy}/iteration_{number}" for strategy in strategies for number in range(1, iterations + 1)]
    for name in ("initial", "all", *names):
        for file in (*MADE_HERE, *MADE_NEXT, WEIGHTS):
            path = seed / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if f"{name}/{file}" not in without:
                path.touch()
    return seed


def pruned(folder):
    return sorted(str(path.parent.relative_to(folder / "smooth/seed_1")) for path in prunable_weights(folder))


def test_the_first_and_the_last_weights_stay(tmp_path):
    made_up(tmp_path, 11)
    kept = {"bald/iteration_11", "random/iteration_11"}
    everything = {f"{strategy}/iteration_{number}" for strategy in ("bald", "random") for number in range(1, 12)}
    assert set(pruned(tmp_path)) == everything - kept
    for path in prunable_weights(tmp_path):
        path.unlink()
    assert pruned(tmp_path) == []


@pytest.mark.parametrize(
    "missing",
    [*(f"bald/iteration_2/{name}" for name in MADE_HERE), *(f"bald/iteration_3/{name}" for name in MADE_NEXT)],
)
def test_weights_that_something_waits_for_stay(tmp_path, missing):
    made_up(tmp_path, 3, ("bald",), without=[missing])
    assert pruned(tmp_path) == ["bald/iteration_1"]


def test_weights_of_a_model_of_several_questions_wait_for_the_evaluation_of_each(tmp_path):
    made_up(tmp_path, 3, ("bald",))
    below = tmp_path / "bar/seed_1/bald/iteration_2"
    below.mkdir(parents=True)
    (below / "labelled.parquet").touch()
    assert pruned(tmp_path) == ["bald/iteration_1"]
    for name in MADE_HERE:
        (below / name).touch()
    assert pruned(tmp_path) == ["bald/iteration_1", "bald/iteration_2"]


def test_an_iteration_that_is_gone_protects_the_one_before(tmp_path):
    seed = made_up(tmp_path, 4, ("bald",))
    for path in (seed / "bald/iteration_3").iterdir():
        path.unlink()
    (seed / "bald/iteration_3").rmdir()
    assert pruned(tmp_path) == ["bald/iteration_1"]


def test_only_old_files_count_as_never_finished(tmp_path):
    made_up(tmp_path, 1)
    ages = {
        ".partial-old.parquet": 2 * DAY,
        ".partial-new.parquet": 10,
        "old.parquet": 2 * DAY,
        ".partial-future": -DAY,
    }
    for name, age in ages.items():
        path = tmp_path / "smooth/seed_1" / name
        path.touch()
        os.utime(path, times=(time.time() - age,) * 2)
    assert [path.name for path in never_finished(tmp_path)] == [".partial-old.parquet"]
