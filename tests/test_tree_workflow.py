"""Questions together, with real Snakemake: one model for all, labels down the tree, one catalogue."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from activezoo.posteriors.whole_tree import joint_probability
from workflow_runs import ROOT, planned, snakemake

TREE = ROOT / "config/tree.yaml"
SMALL = """
survey: {name: smoke-tree, simulated: {galaxies: 200, image_size: 48}}
images: {stored_size: 32}
questions:
  smooth: {min_responses: 20, initial: 160, acquire: 160}
  edge-on: {min_responses: 1}
  bar: {min_responses: 1}
loop: {questions: [smooth, edge-on, bar], strategies: [bald_few], seeds: [1], iterations: 1, test_galaxies: 40}
network: {input_size: 16, filters: [4, 4], dense_units: 16, likelihood: beta-binomial}
training: {first_steps: 10, steps: 5, batch_size: 16}
sampling: {augmentations: 3}
posteriors: {training_steps: 10, networks: 4, shards: 1, conformal: false, surprise: {questions: [], other: []}}
"""
RESULTS = "results/smoke-tree"
QUESTIONS = ["smooth", "edge-on", "bar"]
LAST = "seed_1/bald_few/iteration_1"


def read(path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


@pytest.fixture(scope="module")
def configfiles(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(SMALL)
    return TREE, path


@pytest.fixture(scope="module")
def results(tmp_path_factory, configfiles):
    """Folder of the results of a run; not to be changed."""
    folder = tmp_path_factory.mktemp("tree")
    metrics = [f"{RESULTS}/{question}/metrics.parquet" for question in QUESTIONS]
    catalogues = [f"{RESULTS}/tree.parquet", f"{RESULTS}/galaxies.html", f"{RESULTS}/posteriors.md"]
    snakemake(folder, *metrics, *catalogues, configfiles=configfiles)
    return folder / RESULTS


def test_one_model_learns_all_questions_and_is_judged_by_each(results):
    assert not list(results.glob("bar/**/model.json"))
    described = json.loads((results / "smooth" / LAST / "model.json").read_text())
    assert [head["name"] for head in described["heads"]] == QUESTIONS
    for head in described["heads"]:
        labelled = read(results / head["name"] / LAST / "labelled.parquet")
        assert (head["galaxies"], head["votes"]) == (len(labelled), labelled.N.sum())
        metrics = read(results / head["name"] / "metrics.parquet")
        assert set(metrics.question) == {head["name"]}
        assert metrics.iteration.tolist() == [0, 1]
        assert metrics.votes.iloc[1] == described["votes"] == sum(of["votes"] for of in described["heads"])


def test_volunteers_go_down_the_tree_and_the_test_set_is_that_of_all(results):
    labelled = {
        question: read(results / question / LAST / "labelled.parquet").set_index("id") for question in QUESTIONS
    }
    smooth, edge_on, bar = labelled.values()
    assert (smooth.N == 8).all()
    np.testing.assert_array_equal(edge_on.N, smooth.answer_featured[edge_on.index])
    np.testing.assert_array_equal(bar.N, edge_on["answer_face-on"][bar.index])
    roles = {question: read(results / question / "seed_1/split.parquet").set_index("id").role for question in QUESTIONS}
    for of in roles.values():
        assert of.equals(roles["smooth"][of.index])
    held_out = {question: read(results / question / "seed_1/all/held_out.parquet") for question in QUESTIONS}
    trained = {question: read(results / question / "seed_1/all/labelled.parquet") for question in QUESTIONS}
    kept_back = set(held_out["smooth"].id) | set(roles["smooth"].index[roles["smooth"] == "test"])
    for question in QUESTIONS:
        assert set(held_out[question].id) <= set(held_out["smooth"].id)
        assert not set(trained[question].id) & kept_back
    recorded = read(results / "bar/votes.parquet").set_index("id")
    assert recorded.N[trained["bar"].id].tolist() == trained["bar"].N.tolist()


def test_the_catalogue_has_every_answer_and_the_same_networks_as_those_of_the_questions(results):
    tree = read(results / "tree.parquet")
    assert len(tree) == 200
    answers = [f"t01_smooth_or_features_{of}_fraction" for of in ("a01_smooth", "a02_features_or_disk")]
    third = tree["t01_smooth_or_features_a03_star_or_artifact_fraction"]
    np.testing.assert_allclose(tree[answers].sum(axis=1) + third, 1, atol=1e-5)
    of_bar = read(results / "bar/posteriors/catalogue.parquet")
    assert of_bar.id.tolist() == tree.id.tolist()
    np.testing.assert_array_equal(np.stack(of_bar.rho), np.stack(tree["t03_bar_a06_bar_fraction_networks"]))
    path = results / "tree.parquet"
    came = joint_probability(path, [answers[1], "t02_edgeon_a05_no_fraction"])
    np.testing.assert_allclose(came, tree["bar_reached_fraction"], rtol=1e-5)


def test_the_page_about_posteriors_has_a_part_for_each_question(results):
    text = (results / "posteriors.md").read_text()
    assert [line for line in text.splitlines() if line.removeprefix("## ") in QUESTIONS] == [
        f"## {question}" for question in QUESTIONS
    ]


def test_nothing_runs_again(results, configfiles):
    folder = results.parents[1]
    assert planned(folder, f"{RESULTS}/tree.parquet", f"{RESULTS}/bar/metrics.parquet", configfiles=configfiles) == {}


def test_questions_together_train_one_model_where_questions_apart_train_one_each(tmp_path, configfiles):
    together = planned(tmp_path, configfiles=configfiles)
    assert together["train"] == 2
    assert together["evaluate"] == 3 * together["train"]
    assert together["label_below"] == 2 * together["train"]
    apart = tmp_path / "apart.yaml"
    apart.write_text("network: {questions: apart}\nloop: {questions: [smooth, bar]}\nquestions: {bar: {acquire: 8}}")
    assert planned(tmp_path, configfiles=(*configfiles, apart))["train"] == 2 * together["train"]
