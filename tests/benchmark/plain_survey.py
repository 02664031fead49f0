"""What the loops beside the workflow read: votes and images, and the galaxies that each seed starts from."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image


class Survey(NamedTuple):
    images: np.ndarray  # brightness in [0, 1], (galaxy, side, side); of galaxies that cannot be used, anything
    k: np.ndarray
    n: np.ndarray
    test: np.ndarray
    initial: np.ndarray
    pool: np.ndarray


def read(survey: Path, config_file: str, seed: int) -> tuple[dict, Survey]:
    """Read a configuration (JSON, as loop.py writes it), and the survey."""
    config = json.loads(Path(config_file).read_text())
    question, stored = config["question"], config["stored_size"]
    table = pd.read_csv(survey / config["catalogue"], dtype={config["id"]: str})
    names = pd.read_csv(survey / config["filename_map"], dtype=str)
    table = table.merge(names, left_on=config["id"], right_on=config["map_id"])
    k, n = table[question["positive"]].to_numpy(), table[question["responses"]].sum(axis=1).to_numpy()
    usable = np.flatnonzero(n >= question["min_responses"])
    where = {path.stem: path for path in (survey / config["images"]).rglob("*.jpg")}
    images = np.empty((len(table), stored, stored), np.float32)
    for row in usable:
        image = Image.open(where[table[config["map_file"]][row]]).resize((stored, stored), Image.Resampling.BICUBIC)
        images[row] = np.asarray(image, np.float32).mean(axis=-1) / 255
    roles = pd.read_parquet(config["split"].format(seed=seed)).set_index("id")["role"].reindex(table[config["id"]])
    test, initial, pool = (np.flatnonzero(roles == role) for role in ("test", "initial", "pool"))
    return config, Survey(images, k, n, test, initial, pool)
