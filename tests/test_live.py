"""A live survey end to end, with real Snakemake: ask, wait, close, learn, ask again."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from activezoo.survey.volunteers import COLUMNS
from workflow_runs import snakemake

CONFIG = {
    "survey": {"name": "own", "kind": "live", "release": {"images": "images"}},
    "images": {"stored_size": 24, "shards": 1},
    "questions": {
        "smooth": {
            "text": "Is the galaxy smooth?",
            "positive": ["Smooth"],
            "responses": ["Smooth", "Features"],
            "unit": "votes",
            "initial": 60,
            "acquire": 40,
            "few_votes": 4,
        }
    },
    "loop": {"questions": ["smooth"], "seeds": [1]},
    "network": {"input_size": 12, "filters": [4], "dense_units": 8},
    "training": {"first_steps": 5, "steps": 3, "batch_size": 8},
    "sampling": {"augmentations": 2},
}


class Survey:
    """A folder of images, and people who answer."""

    def __init__(self, folder):
        self.folder = folder
        self.asks = folder / "results/own/asks"
        rng = np.random.default_rng(1)
        (folder / "images").mkdir()
        for number in range(60):
            pixels = rng.integers(0, 4 * number + 10, (24, 24, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"images/g{number}.png")
        (folder / "own.yaml").write_text(yaml.safe_dump(CONFIG))

    def ask(self, *arguments):
        return snakemake(self.folder, "ask", *arguments, configfiles=[self.folder / "own.yaml"])

    def wanted(self, number):
        return pq.read_table(self.asks / f"ask_{number}/galaxies.parquet").to_pandas()

    def answer(self, number, galaxies=None):
        """All votes on the first galaxies of an ask, as a table such as the page writes."""
        rng, rows = np.random.default_rng(number), []
        for galaxy, votes in self.wanted(number)[["galaxy_id", "votes"]].iloc[:galaxies].itertuples(index=False):
            for volunteer in range(votes):
                said = "Smooth" if rng.random() < int(galaxy[1:]) / 60 else "Features"
                rows.append((galaxy, "smooth", f"person {volunteer}", said, pd.Timestamp("2026-01-01T12:00:00Z")))
        (self.folder / "results/own/votes").mkdir(exist_ok=True)
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        table.to_parquet(self.folder / f"results/own/votes/ask_{number}.parquet")

    def digests(self):
        files = sorted((self.folder / "results/own/smooth").rglob("*.h5"))
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def survey(tmp_path):
    return Survey(tmp_path)


def test_people_are_asked_until_their_votes_are_in_and_then_the_next_time(survey):
    assert "ask 0: show" in survey.ask()
    first = survey.wanted(0)
    assert set(first.why) == {"random", "test"}
    assert first.votes.sum() >= 60
    survey.answer(0, galaxies=len(first) - 2)
    said = survey.ask()
    assert "ask 0: 2 of" in said
    assert "still want 8 votes; go on without them: --config live='{close: 0}'" in said
    assert not (survey.asks / "ask_1").exists()
    assert "ask 1: show" in survey.ask("--config", "live={close: 0}")

    second, models = survey.wanted(1), survey.digests()
    assert {"informative", "test"} == set(second.why)
    assert not set(second.galaxy_id) & set(first.galaxy_id)
    # Late votes change nothing of an ask that is closed.
    frozen = (survey.asks / "ask_0/votes.parquet").read_bytes()
    survey.answer(0)
    survey.answer(1)
    assert "ask 2: show" in survey.ask()
    assert (survey.asks / "ask_0/votes.parquet").read_bytes() == frozen
    assert models.items() <= survey.digests().items()

    # An iteration comes back with the same bits.
    models = survey.digests()
    for path in models:
        survey.folder.joinpath(path).unlink()
    snakemake(survey.folder, *models, configfiles=[survey.folder / "own.yaml"])
    assert survey.digests() == models
