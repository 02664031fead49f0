"""The demonstration from end to end; its votes once more, as if they came from Zooniverse. It takes a minute or so."""

import hashlib
import json
import shutil
import sys

import pandas as pd
import pytest
import yaml

from activezoo import tables
from activezoo.steps import close_ask, import_zooniverse
from activezoo.survey import asks
from made_up_exports import row, write
from workflow_runs import ROOT, snakemake

sys.path.insert(0, str(ROOT / "demo"))
import demo

SMALL = {
    "images": {"stored_size": 24, "shards": 1},
    "loop": {"questions": ["smooth"], "seeds": [1]},
    "network": {"input_size": 12, "filters": [4], "dense_units": 8},
    "training": {"first_steps": 5, "steps": 3, "batch_size": 8},
    "sampling": {"augmentations": 2},
    "posteriors": {"questions": ["smooth"], "training_steps": 3},
}
ASKS = range(3)


@pytest.fixture
def config(tmp_path):
    described = yaml.safe_load(demo.CONFIG.read_text()) | SMALL
    described["questions"]["smooth"] |= {"initial": 60, "acquire": 40, "few_votes": 4}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(described))
    return tmp_path / "small.yaml"


def digests(folder):
    """Of the weights of all models of the loop."""
    loop = folder.glob("results/demo/smooth/seed_1/*/**/model.weights.h5")
    paths = [path for path in loop if "all" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def classifications(votes):
    """A Zooniverse export of votes; of its volunteers, some have an account."""
    for of in votes.itertuples():
        number = of.volunteer.removeprefix("volunteer ")
        yield row(
            f"![](https://example.org/x.png) **{of.answer}**",
            user_id=number if int(number) % 2 else "",
            user_name=f"name {number}" if int(number) % 2 else f"not-logged-in-{number}",
            created_at=f"{of.time:%Y-%m-%d %H:%M:%S} UTC",
            subject_data=json.dumps({"7": {"retired": None, "!galaxy_id": of.galaxy_id}}),
        )


def test_three_asks_through_the_page_and_the_same_votes_from_zooniverse(tmp_path, monkeypatch, config):
    page, zooniverse = tmp_path / "page", tmp_path / "zooniverse"
    demo.main(page, config, galaxies=70, volunteers=5)
    results = page / "results/demo"

    catalogue = tables.read(results / "smooth/posteriors/catalogue.parquet").to_pandas()
    assert len(catalogue) == 70
    assert catalogue.filter(regex="fraction$").apply(lambda column: column.between(0, 1)).all(axis=None)
    frozen = [tables.read(results / f"asks/ask_{ask}/votes.parquet").to_pandas() for ask in ASKS]
    curve = tables.read(results / "smooth/progress.parquet").to_pandas()
    assert curve["votes"].tolist() == pd.Series(map(len, frozen)).cumsum().tolist()
    assert "Nothing more is asked" in (results / "progress.md").read_text()
    for ask, votes in zip(ASKS, frozen, strict=True):
        wanted = tables.read(results / f"asks/ask_{ask}/galaxies.parquet").to_pandas().set_index("galaxy_id")["votes"]
        assert votes.groupby("galaxy_id")["volunteer"].nunique().to_dict() == wanted.to_dict()

    # The same asks elsewhere. An export holds all votes since the beginning, and others besides.
    zooniverse.mkdir()
    (zooniverse / "survey").symlink_to(page / "survey")
    monkeypatch.chdir(zooniverse)
    folder = zooniverse / "results/demo/asks"
    rows = [row("Smooth", workflow_id="6"), row("Glatt", subject_data=json.dumps({"7": {"galaxy_id": "none"}}))]
    for ask, votes in zip(ASKS, frozen, strict=True):
        shutil.copytree(
            results / f"asks/ask_{ask}", folder / f"ask_{ask}", ignore=lambda *_: [asks.VOTES, asks.REJECTED]
        )
        rows += [*classifications(votes), *classifications(votes[:5].assign(answer="Star or artifact"))]
        export = write(zooniverse / "export.csv", *rows)
        import_zooniverse.run(export, configfile=[config], tasks=["T0=smooth"], workflow="5")
        close_ask.run(
            sources=[zooniverse / "results/demo/votes/zooniverse_5.parquet"],
            galaxies=results / "catalogue/galaxies.parquet",
            folder=folder,
            ask=ask,
            votes=folder / f"ask_{ask}/votes.parquet",
            rejected=folder / f"ask_{ask}/rejected.parquet",
        )
    models = digests(page)
    assert len(models) == 3
    snakemake(zooniverse, *models, configfiles=[config])
    assert digests(zooniverse) == models
