"""Speed and memory: each step beside the plain way to do the same, on made-up data and one thread.

    python tests/benchmark/pieces.py            at the sizes of config/config.yaml: two or three minutes
    python tests/benchmark/pieces.py --paper    at those of config/gz2.yaml: five minutes

No machine is quiet, so the two ways take turns, and what counts is the ratio of their times.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import timeit
from typing import NamedTuple

from machine import machine

from activezoo.model import backend

os.environ.update(backend.ENVIRONMENT)

import numpy as np
import yaml
from PIL import Image
from scipy import stats
from snakemake.utils import update_config

from activezoo import __version__, randomness, tables
from activezoo.acquisition import registry
from activezoo.model import augmentation, description, network, posterior, training, votes
from activezoo.model.description import Description
from activezoo.model.trained import TrainedModel
from activezoo.running import forkserver, steps
from activezoo.survey import image_shards, images

tf = backend.import_tensorflow()
KEY = ("benchmark",)
# Pixels of input: all steps of the default run. In the paper's network, each takes 20 times as long.
LARGEST_TRAINING = 20_000_000


class Sizes(NamedTuple):  # what the configuration fixes
    network: network.Architecture
    view: augmentation.View
    stored: int
    sampling: posterior.Sampling


def compare(what: str, ours: Callable, plain: Callable, repeats: int = 5, tolerance: float | None = None) -> None:
    """Print how many times longer the plain way takes, after a first call of each, whose results must agree."""
    first = ours(), plain()
    if tolerance is not None:
        np.testing.assert_allclose(*first, rtol=0, atol=tolerance)
    slow, fast = np.array([(timeit(plain, number=1), timeit(ours, number=1)) for _ in range(repeats)]).T
    ratio, spread = np.median(slow / fast), f"{min(slow / fast):.1f}–{max(slow / fast):.1f}"
    print(f"{what:<92}{ratio:>6.2f}{spread:>14}{1e3 * np.median(fast):>8.0f} ms", flush=True)


def compare_augmentation(sizes: Sizes, grey: np.ndarray) -> None:
    input_size = sizes.network.input_size

    def one_map():
        uniforms = randomness.galaxy_uniforms(KEY, list(map(str, range(len(grey)))), 0)
        drawn = augmentation.from_uniforms(uniforms, sizes.view, sizes.stored, input_size)
        return augmentation.apply(grey, drawn, input_size)

    layers = tf.keras.layers
    plain = [
        layers.RandomFlip(),
        layers.RandomRotation((0, 0.25), fill_mode="constant"),
        layers.RandomContrast(0.02, value_range=(0, 1)),
        layers.RandomZoom([1 / zoom - 1 for zoom in reversed(sizes.view.zoom)], fill_mode="constant"),
        layers.Resizing(input_size, input_size),
    ]
    chain = tf.function(lambda batch: tf.keras.Sequential(plain)(batch, training=True), autograph=False)
    compare(f"augment {len(grey)} images: one affine map | five Keras layers", one_map, lambda: chain(grey[..., None]))


def compare_training(sizes: Sizes, grey: np.ndarray, schedule: training.Schedule) -> None:
    """Compare with what Keras takes for the bare network: ready batches, as tensors, and one call after the other."""
    pixels = schedule.batch_size * sizes.network.input_size**2
    schedule = schedule._replace(steps=min(schedule.steps, LARGEST_TRAINING // pixels))
    trainer = training.Trainer(network.build(sizes.network), schedule)
    ids, n = list(map(str, range(len(grey)))), np.full(len(grey), 40)
    trainer.train(grey.__getitem__, ids, (n // 3, n), sizes.view, KEY)
    bare = network.build(sizes.network)
    bare.compile(schedule.optimizer(), lambda votes, logits: network.loss(logits, votes[:, 0], votes[:, 1]))
    side = sizes.network.input_size
    views = tf.constant(np.random.default_rng(1).random((schedule.batch_size, side, side, 1)), tf.float32)
    votes_given = tf.repeat(tf.constant([[13.0, 40.0]]), schedule.batch_size, axis=0)
    bare.train_on_batch(views, votes_given)
    compare(
        f"{schedule.steps} training steps of {schedule.batch_size}, from stored images | bare network, ready batches",
        lambda: trainer.train(grey.__getitem__, ids, (n // 3, n), sizes.view, KEY),
        lambda: [bare.train_on_batch(views, votes_given) for _ in range(schedule.steps)],
        repeats=2,
    )


def compare_predicting(sizes: Sizes, grey: np.ndarray, model: TrainedModel, batches: int) -> None:
    """Compare with TensorFlow on ready views: the bare convolutions, of as many views together, or of a whole batch."""
    pixels = sizes.network.input_size**2 * sizes.sampling.augmentations
    size = posterior.PIXELS_AT_ONCE // pixels
    ids = list(map(str, range(batches * size)))
    tiled = np.resize(grey, (size, *grey.shape[1:]))  # a batch; all get the same
    stream = partial(posterior.features, model, lambda batch: tiled, sampling=sizes.sampling)
    trunk = tf.keras.Model(model.network.inputs, model.network.get_layer("features").output)
    side, views_each = sizes.network.input_size, sizes.sampling.augmentations
    together = posterior.views_together(size * views_each, side)
    shape = size * views_each // together, together, side, side, 1
    views = tf.constant(np.random.default_rng(1).random(shape), tf.float32)
    in_parts = tf.function(lambda parts: tf.map_fn(trunk, parts, parallel_iterations=1), autograph=False)
    at_once, all_views = tf.function(trunk, autograph=False), tf.reshape(views, (-1, *shape[2:]))
    for how, forward, ready in (
        (f"{together} views at a time", in_parts, views),
        ("a batch at once", at_once, all_views),
    ):
        compare(
            f"predict {len(ids)} galaxies, {views_each} views, stored images | bare convolutions, {how}",
            lambda: list(stream(ids=ids)),
            lambda forward=forward, ready=ready: [forward(ready).numpy() for _ in range(batches)],
            repeats=2,
        )


def compare_posterior(sizes: Sizes, grey: np.ndarray, model: TrainedModel, masks: int = 20) -> None:
    ids = list(map(str, range(100 * len(grey))))  # the images are used again and again
    sampled = sizes.sampling._replace(masks=masks)

    def mean_by_batch(sampling):
        batches = posterior.predict(model, lambda at: grey[np.r_[at] % len(grey)], ids, sampling)
        return (batch.rho_GT @ batch.weights_T for batch in batches)

    galaxies = len(next(mean_by_batch(sizes.sampling)))
    key, input_size = model.description.key("predict"), sizes.network.input_size
    forward = tf.function(lambda views: tf.nn.softmax(model.network(views, training=True))[:, 0], autograph=False)

    def full_passes():
        drawn = posterior.augmentations_of(ids[:galaxies], sizes.view, sampled, sizes.stored, input_size, key)
        views = np.concatenate(augmentation.apply(grey[np.arange(galaxies) % len(grey)], drawn, input_size))
        return np.mean([forward(views) for _ in range(masks)], axis=0).reshape(galaxies, -1).mean(axis=1)

    for sampling, how in ((sizes.sampling, "integral over all masks"), (sampled, "as many, from one pass a view")):
        what = f"posterior of {galaxies} galaxies: {how} | {sampled.augmentations} × {masks} networks by full passes"
        compare(what, mean_by_batch(sampling).__next__, full_passes, repeats=3, tolerance=0.05)


def compare_mutual_information(sizes: Sizes, galaxies: int = 500, responses: int = 40) -> None:
    weights_T = posterior.network_weights(sizes.sampling)
    rho_GT = np.random.default_rng(1).random((galaxies, len(weights_T)))

    def of_one(rho_T):
        pmf_TK = stats.binom.pmf(np.arange(responses + 1), responses, rho_T[:, None])
        return stats.entropy(weights_T @ pmf_TK) - weights_T @ stats.entropy(pmf_TK, axis=1)

    together = partial(votes.mutual_information, rho_GT, responses, weights_T)
    what = f"mutual information, {galaxies} galaxies × {len(weights_T)} networks: at once | loop with scipy.stats"
    compare(what, together, lambda: [of_one(rho_T) for rho_T in rho_GT], tolerance=1e-9)


def measure_large_pools(networks: int = 30, responses: int = 40, best: int = 1000, part: int = 1_000_000) -> None:
    """Time and memory for more galaxies than the comparisons have: `part` of them, and a hundred times as many."""
    rho_GT = np.random.default_rng(1).random((part, networks))
    weights_T = np.full(networks, 1 / networks)
    score = rho_GT[:, 0]

    def scores():
        return (np.roll(score, turn) for turn in range(100))

    for what, run in (
        (
            f"mutual information, {part:,} galaxies × {networks} networks, {responses} votes",
            lambda: votes.mutual_information(rho_GT, responses, weights_T),
        ),
        (
            f"the {best:,} highest of {100 * part:,} scores, {part:,} at a time",
            lambda: registry.by_score(range(100 * part), scores(), best),
        ),
    ):
        tracemalloc.start()
        seconds = timeit(run, number=1)
        print(f"{what}: {seconds:.0f} s, {tracemalloc.get_traced_memory()[1] >> 20} MB beside its input", flush=True)
        tracemalloc.stop()


def compare_reading(index, folder: Path, galaxies: int = 300) -> None:
    rows = np.random.default_rng(1).choice(len(index), galaxies, replace=False)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("id", "image")}

    def scan():
        shard = tf.data.TFRecordDataset(str(folder / "shard_0.tfrecord")).batch(64)
        batches = shard.map(lambda records: tf.io.parse_example(records, features)).as_numpy_iterator()
        image_of = {name: image for batch in batches for name, image in zip(*batch.values(), strict=True)}
        return np.stack([np.frombuffer(image_of[str(row).encode()], np.uint8) for row in rows])

    what = f"read {galaxies} of {len(index)} images: by index | scan of the shard"
    compare(what, lambda: images.read_pixels(index.take(rows), folder).reshape(galaxies, -1), scan, tolerance=0)


def job(step: str, values: dict, **environment: str) -> int:
    """Run a step; return its peak memory, MB."""
    arguments = [sys.executable, "-m", "activezoo", step, *shlex.split(steps.flags(values))]
    ended = subprocess.run(arguments, env=os.environ | environment, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)
    return int(re.findall(r"peak memory (\d+) MB", ended.stderr)[-1])


def compare_jobs(index, folder: Path) -> None:
    """Compare jobs forked from the server, where there is one, with jobs started by themselves."""
    ids = list(map(str, range(20_000)))  # they share the stored images
    tables.write({"id": ids, "role": ["pool"] * len(ids)}, split := folder / "split.parquet")
    tables.write(index.take(np.arange(len(ids)) % len(index)).set_column(0, "id", [ids]), folder / "index.parquet")
    tables.write({"id": ids, "k": [1] * len(ids), "N": [2] * len(ids)}, answers := folder / "votes.parquet")
    check = {"question": "smooth", "acquire": 1, "unit": "galaxies", "iterations": 1, "votes": answers}
    check |= {"split": split, "pool": folder / "pool.parquet"}
    common = {"index": folder / "index.parquet", "shard": 0, "draws": "even", "threads": 1, "gpu": 0}
    common["predictions"] = predictions = folder / "predictions.parquet"
    model, weights = (folder / name for name in ("model.json", "model.weights.h5"))
    tables.write({"id": ids[:10]}, labelled := folder / "labelled.parquet")
    pool = {"model": model, "weights": weights, "split": split, "labelled": labelled}
    pool |= common | {"shards": 2000, "augmentations": 1, "masks": posterior.EXACT, "question": "smooth"}
    posteriors = common | {"models": model, "weights": weights, "galaxies": common["index"], "networks": 2}
    posteriors["question"] = "smooth"
    catalogue = {
        "question": "smooth",
        "predictions": predictions,
        "model": model,
        "catalogue": folder / "catalogue.parquet",
    }
    os.environ.pop(forkserver.VARIABLE, None)
    with forkserver.start() or nullcontext():
        for what, step, values in (("check_pool", "check_pool", check), ("predict 10 galaxies", "predict_pool", pool)):
            alone = partial(job, step, values, **{forkserver.VARIABLE: ""})
            compare(f"job, {what}: forked | by itself", partial(job, step, values), alone, repeats=3)
        # Of forked jobs: Linux counts the memory of whoever starts a process, here with TensorFlow, towards its peak.
        memory = {}
        for shards in (20, 1):
            predicted = job("predict_posteriors", posteriors | {"shards": shards})
            memory[shards] = predicted, job("posterior_catalogue", catalogue)
    for what, small, large in zip(("predict_posteriors", "posterior_catalogue"), *memory.values(), strict=True):
        print(f"peak memory of {what}: 1,000 galaxies {small} MB, 20,000 {large} MB, {large / small:.2f} ×")


def store(sizes: Sizes, folder: Path, galaxies: int = 1500):
    """Store noise as the images of so many galaxies, in one shard, and return its index."""
    noise = np.random.default_rng(1).integers(0, 256, (10, sizes.stored, sizes.stored, 3), np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    rows = {"id": list(map(str, range(galaxies))), "image": [f"{folder}/{row % 10}.png" for row in range(galaxies)]}
    tables.write(rows, folder / "galaxies.parquet")
    outputs = [folder / name for name in ("shard_0.tfrecord", "index.parquet", "rejected.parquet")]
    image_shards.write_shard(folder / "galaxies.parquet", 0, 1, sizes.stored, *outputs)
    return tables.read(folder / "index.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paper", action="store_true", help="sizes of config/gz2.yaml")
    config: dict = {}
    for name in ("config.yaml", "gz2.yaml")[: 1 + parser.parse_args().paper]:
        update_config(config, yaml.safe_load((Path(__file__).parents[2] / "config" / name).read_text()))
    architecture, smooth = network.Architecture(**config["network"]), config["questions"]["smooth"]
    view = augmentation.View(smooth["zoom"], smooth["crop"])
    sampling = posterior.Sampling(config["sampling"]["augmentations"], posterior.EXACT, "even")
    training_keys = config["training"]
    rate = training_keys["learning_rate"]
    averaging = training_keys["weight_averaging"]
    schedule = training.Schedule(training_keys["steps"], training_keys["batch_size"], rate, rate, averaging)
    sizes = Sizes(architecture, view, config["images"]["stored_size"], sampling)
    print(machine())
    print(f"{architecture}, images stored with {sizes.stored} pixels a side")
    print(f"{'ours | plain way':<92}{'ratio':>6}{'min–max':>14}{'ours':>11}")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(1)
    described = Description(
        version=__version__,
        question="smooth",
        positive=("yes",),
        responses=("yes", "no"),
        seed=1,
        strategy="random",
        iteration=0,
        architecture=architecture,
        view=view,
        stored_size=sizes.stored,
        galaxies=1000,
        votes=40_000,
    )
    model = TrainedModel(described, network.build(architecture))
    with TemporaryDirectory() as name:
        index = store(sizes, folder := Path(name))
        model.network.save_weights(folder / "model.weights.h5")
        description.write(described, folder / "model.json")
        grey = images.grey(images.read_pixels(index[:64], folder))
        compare_augmentation(sizes, grey)
        compare_training(sizes, grey, schedule)
        for batches in (20, 100):  # some pool of the default run; and where the start hardly counts
            compare_predicting(sizes, grey, model, batches)
        compare_posterior(sizes, grey, model)
        compare_mutual_information(sizes)
        measure_large_pools()
        compare_reading(index, folder)
        compare_jobs(index, folder)


if __name__ == "__main__":
    main()
