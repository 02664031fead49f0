"""From images without votes to a catalogue, for surveys of two sizes and with one and two cores: time and memory.

    python tests/benchmark/scale.py                          5,000 and 20,000 images: two minutes
    python tests/benchmark/scale.py --images 10000 1000000   an hour or two, 10 GB of disk
    python tests/benchmark/scale.py --images 10000 1000000 --size 32 --networks 3   for memory alone: half an hour

The networks are those of the default run, trained for no time: what they predict means nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from machine import machine
from PIL import Image

ROOT = Path(__file__).parents[2]
TRAINED = {
    "survey": {"name": "trained", "simulated": {"galaxies": 400}},
    "loop": {"test_galaxies": 100},
    "posteriors": {"questions": ["smooth"], "training_steps": 20, "surprise": None},
}
ENDS = re.compile(r"peak memory (\d+) MB, processor ([\d.]+) s, wall ([\d.]+) s")


class Step(NamedTuple):
    """What the jobs of a step took."""

    jobs: int
    peak: float
    """Memory of the largest, MB."""
    processor: float
    """Seconds of all together."""
    wall: float
    """Seconds from the start of the first to the end of the last."""


def make_images(folder: Path, number: int, size: int) -> None:
    """JPEG files of noise with a blob, no two alike, a thousand in a folder."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size] - size / 2
    blobs = [255 * np.exp(-(x**2 + y**2) / (2 * width**2)) for width in (4, 8, 16)]
    for index in range(number):
        pixels = np.clip(blobs[index % 3] + rng.integers(0, 30, (size, size)), 0, 255).astype(np.uint8)
        if index % 1000 == 0:
            part = folder / str(index // 1000)
            part.mkdir(parents=True)
        Image.fromarray(pixels).convert("RGB").save(part / f"{index}.jpg", quality=85)


def snakemake(folder: Path, cores: int, target: str, config: dict) -> float:
    """Run the workflow; return the seconds."""
    configfile = folder / f"{config['survey']['name']}.json"
    configfile.write_text(json.dumps(config))
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(cores), target]
    files = [ROOT / "config/config.yaml", configfile]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    ended = subprocess.run(
        [*command, "--configfile", *map(str, files)], cwd=folder, env=environment, capture_output=True, text=True
    )
    if ended.returncode:
        sys.exit(ended.stdout[-3000:] + ended.stderr[-3000:])
    return time.perf_counter() - start


def steps(folder: Path, survey: str) -> dict[str, Step]:
    """What each step took, by name. A job's last line comes when it ends."""
    jobs = defaultdict(list)
    for log in (folder / "logs" / survey).rglob("*.log"):
        if found := ENDS.search(log.read_text()):
            peak, processor, wall = map(float, found.groups())
            end = log.stat().st_mtime
            jobs[re.sub(r"_\d+$", "", log.stem)].append((peak, processor, end - wall, end))
    found = {}
    for step, of in jobs.items():
        peaks, processor, starts, ends = zip(*of, strict=True)
        found[step] = Step(len(of), max(peaks), sum(processor), max(ends) - min(starts))
    return found


def sharded(of: dict[str, Step]) -> tuple[float, float]:
    """Wall and processor seconds of the steps that have many jobs: the part that more cores can do faster."""
    many = [step for step in of.values() if step.jobs > 1]
    return sum(step.wall for step in many), sum(step.processor for step in many)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs=2, default=[5000, 20_000])
    parser.add_argument("--shard", type=int, default=2500, help="images a shard")
    parser.add_argument("--size", type=int, default=128, help="of an image, pixels a side")
    parser.add_argument("--networks", type=int, default=30, help="that predict each galaxy")
    options = parser.parse_args()
    print(machine(), flush=True)
    posteriors = TRAINED["posteriors"] | {"networks": options.networks}
    trained = TRAINED | {"images": {"stored_size": min(96, options.size)}, "posteriors": posteriors}
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        snakemake(folder, 2, "posteriors", trained)
        of, walls = {}, {}
        for number, cores in ((options.images[0], 1), (options.images[0], 2), (options.images[1], 2)):
            name, shards = f"s{number}-{cores}", -(-number // options.shard)
            images = folder / f"images_{number}"
            if not images.exists():
                make_images(images, number, options.size)
            config = trained | {
                "survey": {"name": name, "kind": "images", "release": {"images": str(images)}},
                "images": trained["images"] | {"shards": shards},
                "posteriors": posteriors | {"trained_on": "trained", "shards": shards},
            }
            load = os.getloadavg()[0]
            walls[number, cores] = snakemake(folder, cores, "posteriors", config)
            of[number, cores] = steps(folder, name)
            rows = len(pd.read_parquet(folder / f"results/{name}/smooth/posteriors/catalogue.parquet", columns=["id"]))
            took = f"{walls[number, cores]:.0f} s (load before: {load:.1f})"
            print(f"{rows:,} of {number:,} images, {cores} cores: {took}", flush=True)
            shutil.rmtree(folder / f"results/{name}/images")
    small, large = options.images
    print(f"{'step':<24}{'peak memory, MB':>20}{'ratio':>8}{'images a second and core':>30}")
    for name, step in of[large, 2].items():
        before, rate = of[small, 2][name].peak, large / max(step.processor, 0.1)
        print(f"{name:<24}{before:>11.0f} {step.peak:>8.0f}{step.peak / before:>8.2f}{rate:>30.0f}")
    (wall, processor), (wall_of_two, processor_of_two) = (sharded(of[small, cores]) for cores in (1, 2))
    print(f"two cores against one: {walls[small, 1] / walls[small, 2]:.2f} times as fast")
    print(f"the sharded steps alone, {wall:.0f} of {walls[small, 1]:.0f} s on one core: {wall / wall_of_two:.2f} times")
    print(f"two jobs at a time took {processor_of_two / processor:.2f} times the processor seconds of one at a time")


if __name__ == "__main__":
    main()
