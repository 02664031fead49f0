"""The target `posteriors`, with real Snakemake: on the small survey, and on images without votes."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.stats import binom

from workflow_runs import SMOKE, overlay, planned, snakemake

BAR = Path("results/smoke/bar")
FRACTION = "t03_bar_a06_bar_fraction"
VARIANTS = {
    "mixture": "mixture",
    "ensemble": "ensemble",
    "tuned dropout": "tuned_dropout",
    "rescaled": "rescaled",
}


def read(path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


@pytest.fixture(scope="session")
def predicted(tmp_path_factory):
    """A folder with the posteriors of the smoke run, every option being on; not to be changed."""
    folder = tmp_path_factory.mktemp("posteriors")
    snakemake(folder, "posteriors")
    return folder


def test_networks_are_trained_on_no_galaxy_that_they_are_judged_by(predicted):
    split = read(predicted / BAR / "seed_1/split.parquet").set_index("id").role
    experts = read(predicted / BAR / "posteriors/experts.parquet")
    judged = set(split.index[split == "test"]) | set(experts.id[experts.role == "evaluate"])
    labelled = read(predicted / BAR / "seed_1/all/labelled.parquet")
    held_out = read(predicted / BAR / "seed_1/all/held_out.parquet")
    correct, conformal = (set(held_out.id[held_out.use == use]) for use in ("correct", "conformal"))
    test = set(split.index[split == "test"])
    # Intervals are calibrated by galaxies of all kinds, also those that experts judge by.
    assert set(labelled.id) | correct | (conformal - judged) == set(split.index) - judged
    assert not (set(labelled.id) | correct) & conformal
    assert not set(labelled.id) & correct
    assert not conformal & test
    assert len(conformal) == round(round(0.2 * (len(split) - len(test))) / 3)
    other_member = read(predicted / BAR / "seed_2/all/labelled.parquet")
    assert dict(zip(other_member.id, other_member.k, strict=True)) == dict(zip(labelled.id, labelled.k, strict=True))
    fit = set(experts.id[experts.role == "fit"])
    assert set(read(predicted / BAR / "seed_1/experts/labelled.parquet").id) == fit


def counts(rho_T, k, n, epsilon):
    """Whether a galaxy is within ε of its most likely count, as expected and in fact (paper Eqs. 11-12)."""
    pmf = np.mean([binom.pmf(range(n + 1), n, rho) for rho in rho_T], axis=0)
    k_hat = next(j for j in range(n + 1) if pmf[j] >= pmf.max() * (1 - 1e-9))
    within = [j for j in range(n + 1) if abs(j - k_hat) < n * Fraction(str(epsilon))]
    return pmf[within].sum(), k in within


def test_calibration_table_is_that_of_brute_force(predicted):
    folder = predicted / BAR / "posteriors"
    table = read(folder / "calibration.parquet")
    table = table[table.estimator == "mode"].set_index(["variant", "epsilon"])
    votes = read(predicted / BAR / "votes.parquet").set_index("id")
    assert list(table.index.unique("variant")) == ["one network", "each network", *VARIANTS]
    for variant, name in VARIANTS.items():
        predictions = read(folder / name / "test.parquet").set_index("id").rho
        assert len(predictions) == 30
        assert {len(rho_T) for rho_T in predictions} == {4 if variant == "mixture" else 8}
        for epsilon in (0.02, 0.05, 0.1, 0.2):
            rows = [counts(rho_T, votes.k[galaxy], votes.N[galaxy], epsilon) for galaxy, rho_T in predictions.items()]
            expected, actual = np.sum(rows, axis=0)
            row = table.loc[(variant, epsilon)]
            assert row.expected == pytest.approx(expected, abs=1e-9)
            assert row.actual == actual
            error = (expected - actual) / actual if actual else np.nan
            assert row.coverage_error == pytest.approx(error, nan_ok=True)


def test_the_catalogue_has_every_galaxy_with_an_image(predicted):
    catalogue = read(predicted / BAR / "posteriors/catalogue.parquet")
    assert list(catalogue.id) == list(read(predicted / "results/smoke/images/index.parquet").id)
    rho = np.stack(catalogue.rho)
    assert rho.shape[1] == 8
    assert catalogue[FRACTION].to_numpy() == pytest.approx(rho.mean(axis=1), abs=1e-6)
    assert set(catalogue.N) == {catalogue.N[0]}


def test_the_catalogue_says_what_each_galaxy_was_to_the_models(predicted):
    role = read(predicted / BAR / "posteriors/catalogue.parquet").set_index("id").role
    split = read(predicted / BAR / "seed_1/split.parquet").set_index("id").role
    experts = read(predicted / BAR / "posteriors/experts.parquet")
    expected = {
        "trained": set(read(predicted / BAR / "seed_1/all/labelled.parquet").id),
        "held_out": set(read(predicted / BAR / "seed_1/all/held_out.parquet").id),
        "test": set(split.index[split == "test"]),
    }
    experts = set(experts.id[experts.role == "evaluate"])
    expected["experts"] = experts - expected["test"] - expected["held_out"]
    assert {name: set(role.index[role == name]) for name in expected} == expected
    assert set(role.index[role == "other"]) == set(role.index) - set(split.index)


def test_the_page_shows_every_figure_and_links_every_table(predicted):
    results = predicted / "results/smoke"
    page = (results / "posteriors.md").read_text()
    links = re.findall(r"\]\((.*?)\)", page)
    assert all((results / link).exists() for link in links)
    assert {path.name for path in results.glob("figures/bar/posterior_*.png")} <= {Path(link).name for link in links}
    assert {path.name for path in results.glob("bar/posteriors/*.csv")} <= {Path(link).name for link in links}


def test_the_page_comes_as_one_html_file(predicted):
    page = (predicted / "results/smoke/posteriors.html").read_text()
    markdown = (predicted / "results/smoke/posteriors.md").read_text()
    assert page.count("data:image/webp") == markdown.count("![")


def test_a_second_run_does_nothing(predicted):
    assert planned(predicted, "posteriors") == {}


def test_images_without_votes_get_a_catalogue(predicted):
    """Of the same galaxies as before, so that their posteriors are known."""
    (predicted / "new/deeper").mkdir(parents=True)
    survey = predicted / "results/smoke/survey"
    names = pd.read_csv(survey / "gz2_filename_mapping.csv", dtype=str)
    for row in names[:40].itertuples():
        source = survey / f"images_gz2/images/{row.asset_id}.jpg"
        (predicted / "new/deeper" / f"{row.objid}.jpg").symlink_to(source.resolve())
    (predicted / "new/broken.jpg").write_bytes(source.read_bytes()[:200])
    for suffix in ("jpg", "png"):
        Image.new("L", (48, 48)).save(predicted / f"new/twice.{suffix}")

    new = overlay(
        predicted,
        survey={"name": "new", "kind": "images", "release": {"images": "new"}, "max_rejected": 0.2},
        posteriors={"trained_on": "smoke", "shards": 3},
    )
    jobs = planned(predicted, configfiles=new)
    assert jobs == {
        "list_images": 1,
        "check_images": 1,
        "store_images": 2,
        "index_images": 1,
        "predict_posteriors": 3,
        "rescale_posteriors": 3,
        "posterior_catalogue": 1,
        "browse_page": 1,
        "all": 1,
        "total": 14,
    }
    snakemake(predicted, configfiles=new)
    catalogue = read(predicted / "results/new/bar/posteriors/catalogue.parquet").set_index("id")
    known = read(predicted / BAR / "posteriors/catalogue.parquet").set_index("id")
    stored = [galaxy for galaxy in names.objid[:40] if galaxy in known.index]
    assert sorted(catalogue.index) == sorted(stored)
    for column in (
        FRACTION,
        f"{FRACTION}_low_95",
        "k_most_likely",
        "N",
        "predictive_entropy",
        "mutual_information",
        "p_majority",
    ):
        np.testing.assert_allclose(catalogue.loc[stored, column], known.loc[stored, column], atol=1e-5)
    rejected = read(predicted / "results/new/catalogue/rejected.parquet")
    assert list(rejected.reason) == ["several image files of this name"] * 2
    assert (catalogue.role == "other").all()
    assert "broken.jpg" in " ".join(read(predicted / "results/new/images/rejected.parquet").image)


def test_images_without_trained_models_are_told_what_to_train(tmp_path):
    (tmp_path / "new").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "new/galaxy.png")
    new = overlay(
        tmp_path,
        survey={"name": "new", "kind": "images", "release": {"images": "new"}},
        posteriors={"trained_on": "smoke"},
    )
    printed = snakemake(tmp_path, configfiles=new, succeeds=False)
    assert "results/smoke/bar/seed_1/all/model.json: no such file; train the models of survey 'smoke'" in printed


def test_a_missing_file_of_experts_is_named_even_where_results_are(predicted):
    wrong = overlay(predicted, posteriors={"experts": {"file": "nope.csv"}})
    printed = snakemake(predicted, "posteriors", configfiles=wrong, succeeds=False)
    assert "nope.csv: no such file; correct posteriors.experts.file" in printed


def test_with_the_loop(tmp_path):
    both = planned(tmp_path, configfiles=overlay(tmp_path, posteriors={"with_loop": True}))
    alone = planned(tmp_path, "posteriors", configfiles=(SMOKE,))
    assert both["posteriors_page"] == 1
    assert both["html_page"] == 2
    assert both["results_page"] == 1
    assert both["train"] == 2 * (1 + 2 * 2) + alone["train"]
