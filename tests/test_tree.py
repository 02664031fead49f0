"""A tree of questions: what leads where, what its answers are, and what one network learns and says of all."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activezoo import tables
from activezoo.acquisition import bald, bald_per_vote
from activezoo.acquisition.registry import Candidates
from activezoo.errors import InputError
from activezoo.model import answers, description, network, posterior, votes
from activezoo.model.description import Head
from activezoo.model.information import information
from activezoo.model.network import Architecture
from activezoo.model.posterior import Sampling
from activezoo.model.predictions import Predictions, TreePredictions, stream_predictions, write_predictions
from activezoo.model.trained import TrainedModel
from activezoo.posteriors import whole_tree
from activezoo.posteriors.rescaling import Rescaling
from activezoo.steps.rank import of_pool
from activezoo.survey import oracle, tree
from activezoo.survey.tree import AskedIf, Question

SMOOTH = Question({"smooth": ("s",), "featured": ("f1", "f2"), "artifact": ("a",)}, ("s",))
EDGE = Question({"edge-on": ("e",), "face-on": ("o",)}, ("e",), AskedIf("smooth", ("featured",)))
BAR = Question({"bar": ("b",), "no-bar": ("n",)}, ("b",), AskedIf("edge-on", ("face-on",)))
ODD = Question({"odd": ("w",), "not": ("z",)}, ("w",))
TREE = {"smooth": SMOOTH, "edge-on": EDGE, "bar": BAR, "odd": ODD}


def drawn(galaxies=3, networks=4, seed=1):
    """Probabilities of the answers to each question, (G, T, A)."""
    rng = np.random.default_rng(seed)
    return {name: rng.dirichlet(np.ones(len(of.answers)), (galaxies, networks)) for name, of in TREE.items()}


def predicted(galaxies=3, networks=4, seed=1, concentration=None):
    """As `drawn`, as predictions of a tree."""
    weights_T = np.full(networks, 1 / networks)
    parts = {}
    for name, rho_GTA in drawn(galaxies, networks, seed).items():
        named = dict(zip(TREE[name].answers, TREE[name].is_positive.tolist(), strict=True))
        rho_GT = rho_GTA[..., TREE[name].is_positive].sum(axis=-1)
        concentration_GT = None if concentration is None else np.full(rho_GT.shape, concentration)
        ids = [f"galaxy {number}" for number in range(galaxies)]
        parts[name] = Predictions(ids, rho_GT, weights_T, concentration_GT, rho_GTA, named)
    return TreePredictions(TREE, parts)


def test_a_closer_look_at_a_tree_counts(tmp_path):
    looks = [predicted(3, 4).of(np.array([0, 1, 2])), predicted(3, 6, seed=2).of(np.array([1]))]
    paths = [tmp_path / "first", tmp_path / "closer"]
    for look, path in zip(looks, paths, strict=True):
        write_predictions([look], path)
    ids, parts = of_pool(paths[::-1], [f"galaxy {number}" for number in range(3)], ())
    assert ids == ["galaxy 1", "galaxy 0", "galaxy 2"]
    closer, others = parts
    assert (closer.ids, others.ids) == (ids[:1], ids[1:])
    for name in TREE:
        np.testing.assert_allclose(closer.of_questions[name].rho_GT, looks[1].of_questions[name].rho_GT, rtol=1e-6)
        rho_GT = looks[0].of_questions[name].rho_GT[[0, 2]]
        np.testing.assert_allclose(others.of_questions[name].rho_GT, rho_GT, rtol=1e-6)


def test_a_question_comes_back_from_json():
    assert tree.parse(json.loads(json.dumps(tree.describe(TREE)))) == TREE


def test_the_answers_of_people_are_texts():
    (found,) = tree.parse({"smooth": {"answers": ["Yes!", "No"], "positive": ["Yes!"], "text": "Smooth?"}}).values()
    assert found == Question({"Yes!": ("Yes!",), "No": ("No",)}, ("Yes!",), text="Smooth?")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smooth": SMOOTH._replace(answers={"smooth": ("s",)})}, "smooth.answers: ['smooth'] must be two or more"),
        ({"odd": ODD._replace(answers={"": ("w",), "not": ("z",)})}, "odd.answers: ['', 'not'] must be two or more"),
        ({"bar": BAR._replace(asked_if=AskedIf("spiral", ("yes",)))}, "bar.asked_if.question: 'spiral' is not one of"),
        ({"bar": BAR._replace(asked_if=AskedIf("odd", ("yes",)))}, "bar.asked_if.answers: 'yes' is no answer of 'odd'"),
        (
            {"edge-on": EDGE._replace(asked_if=AskedIf("bar", ("bar",)))},
            "leads round in a circle, edge-on → bar",
        ),
    ],
)
def test_a_tree_that_leads_nowhere_is_refused(change, message):
    assert tree.contradictions(TREE) == []
    assert message in tree.contradictions(TREE | change)[0]


def test_a_question_without_names_has_two_answers():
    settings = {"answers": None, "positive": ["a"], "responses": ["b", "a", "c"], "asked_if": None}
    found = tree.parse({"odd": settings})["odd"]
    assert found.answers == {"positive": ("a",), "negative": ("b", "c")}
    assert found.is_positive.tolist() == [True, False]
    votes = pd.DataFrame({"k": [3], "N": [10]})
    assert [tree.count(votes, answer)[0] for answer in found.answers] == [3, 7]
    with pytest.raises(ValueError, match="no column 'answer_smooth'"):
        tree.count(votes, "smooth")


def test_a_volunteer_comes_to_a_question_by_all_answers_before_it():
    rho = drawn()
    found = tree.reached(TREE, rho)
    np.testing.assert_array_equal(found["smooth"], 1)
    np.testing.assert_array_equal(found["odd"], 1)
    np.testing.assert_allclose(found["edge-on"], rho["smooth"][..., 1])
    np.testing.assert_allclose(found["bar"], rho["smooth"][..., 1] * rho["edge-on"][..., 1])


def test_information_of_a_tree_is_that_of_its_questions_by_how_many_come_to_them():
    predictions = predicted()
    expected = sum(
        predictions.reached_GT()[name].mean(axis=1) * answers.mutual_information(part.answers_GTA, 5)
        for name, part in predictions.of_questions.items()
    )
    np.testing.assert_allclose(information(predictions, 5), expected)
    one = predictions.of_questions["bar"]
    np.testing.assert_array_equal(information(one, 5), votes.mutual_information(one.rho_GT, 5, one.weights_T))


def test_strategies_rank_by_the_information_of_the_whole_tree():
    predictions = predicted(galaxies=8)
    shards = [predictions.of(slice(0, 5)), predictions.of(slice(5, 8))]
    candidates = Candidates(predictions.ids, shards, 6, np.random.default_rng(1), few_votes=3)
    asks = bald.STRATEGY.rank(candidates)
    np.testing.assert_allclose(asks.score, np.sort(information(predictions, 6))[::-1])
    first = bald_per_vote.STRATEGY.rank(candidates)
    assert first.score[0] == pytest.approx(information(predictions, 3).max())


@pytest.mark.parametrize("concentration", [None, 7.0])
def test_predictions_of_a_tree_come_back_from_their_file(tmp_path, concentration):
    predictions = predicted(concentration=concentration)
    write_predictions(iter([predictions.of(slice(0, 2)), predictions.of(slice(2, 3))]), tmp_path / "pool.parquet")
    (found,) = stream_predictions(tmp_path / "pool.parquet")
    assert found.tree == TREE
    assert found.ids == predictions.ids
    for name, part in predictions.of_questions.items():
        assert found.of_questions[name].answers == part.answers
        np.testing.assert_allclose(found.of_questions[name].answers_GTA, part.answers_GTA, rtol=1e-6)
        np.testing.assert_allclose(found.of_questions[name].rho_GT, part.rho_GT, rtol=1e-6)
    assert (found.of_questions["bar"].concentration_GT is None) == (concentration is None)


@given(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(-2, 2), st.floats(0, 3))
def test_rescaled_answers_add_up_and_keep_their_shares(a, b, c, spread):
    part = predicted().of_questions["smooth"]
    found = Rescaling(a, b, c, spread).apply(part)
    np.testing.assert_allclose(found.answers_GTA.sum(axis=-1), 1)
    np.testing.assert_allclose(found.answers_GTA[..., 0], found.rho_GT)
    shares = part.answers_GTA[..., 1] / part.answers_GTA[..., 2]
    np.testing.assert_allclose(found.answers_GTA[..., 1] / found.answers_GTA[..., 2], shares)


COUNTS = np.array([[5, 20, 3, 9, 11, 2, 9, 1, 30], [0, 7, 0, 0, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize("likelihood", ["binomial", "beta-binomial"])
def test_training_loss_is_that_of_each_question_added_up(likelihood):
    tf = pytest.importorskip("tensorflow")
    sizes = [len(question.answers) for question in TREE.values()]
    rng = np.random.default_rng(1)
    outputs = rng.normal(size=(2, network.heads(sizes, likelihood)[-1].stop))
    expected = 0
    starts = np.cumsum([0, *sizes])
    for place, start, size in zip(network.heads(sizes, likelihood), starts, sizes, strict=False):
        logits = outputs[:, place.start : place.start + size]
        rho = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        of = None if likelihood == "binomial" else network.concentration(outputs[:, place.stop - 1])
        expected += answers.loss(rho, COUNTS[:, start : start + size], of).mean()
    found = network.loss_of_answers(tf.constant(outputs, "float32"), tf.constant(COUNTS, "float32"), sizes)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("likelihood", ["binomial", "beta-binomial"])
def test_training_loss_of_one_question_of_two_answers_is_that_of_k_of_n(likelihood):
    tf = pytest.importorskip("tensorflow")
    outputs = tf.constant(
        np.random.default_rng(1).normal(size=(4, 3 if likelihood == "beta-binomial" else 2)), "float32"
    )
    k, n = tf.constant([0.0, 3, 10, 0]), tf.constant([5.0, 9, 10, 0])
    found = network.loss_of_answers(outputs, tf.transpose([k, n - k]), [2])
    assert float(found) == pytest.approx(float(network.loss(outputs, k, n)), rel=1e-6)


ARCHITECTURE = Architecture(16, (4,), 8, 0.5, "beta-binomial", "together")


@pytest.fixture
def model(description):
    """A model of the tree that was not trained."""
    pytest.importorskip("tensorflow")
    heads = tuple(Head(name, question, 10, 40) for name, question in TREE.items())
    described = description._replace(architecture=ARCHITECTURE, heads=heads)
    built = network.build(ARCHITECTURE, 0, described.numbers_of_answers)
    rng = np.random.default_rng(1)
    kernel, bias = built.get_layer("logits").get_weights()
    built.get_layer("logits").set_weights([rng.normal(size=kernel.shape), rng.normal(size=bias.shape)])
    return TrainedModel(described, built)


def test_networks_are_the_same_for_all_questions_and_as_the_layers_say(model):
    images = np.random.default_rng(2).random((3, 24, 24)).astype("float32")
    ids, sampling = ["a", "b", "c"], Sampling(2, 3, "even")
    (together,) = posterior.predict(model, images.__getitem__, ids, sampling)
    key = model.description.key("predict")
    ((_, features_GAH),) = posterior.features(model, images.__getitem__, ids, sampling)
    masks_AMH = posterior.dropout_masks(sampling, 8, 0.5, key) / 0.5
    kernel, bias = model.network.get_layer("logits").get_weights()
    outputs = np.einsum("gah,amh,ho->gamo", features_GAH, masks_AMH, kernel).reshape(3, 6, -1) + bias
    for (name, part), place in zip(
        together.of_questions.items(), network.heads((3, 2, 2, 2), "beta-binomial"), strict=True
    ):
        logits = outputs[..., place.start : place.stop - 1]
        expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(part.answers_GTA, expected, atol=1e-5)
        np.testing.assert_allclose(
            part.concentration_GT, network.concentration(outputs[..., place.stop - 1]), rtol=1e-4
        )
        (alone,) = posterior.predict(model, images.__getitem__, ids, sampling, question=name)
        np.testing.assert_array_equal(alone.answers_GTA, part.answers_GTA)
        np.testing.assert_allclose(alone.rho_GT, expected[..., 0], atol=1e-5)


def test_exact_masks_are_refused(model):
    images = np.zeros((1, 24, 24), "float32")
    with pytest.raises(ValueError, match="a number of masks"):
        next(posterior.predict(model, images.__getitem__, ["a"], Sampling(2, "exact", "even")))


def test_a_description_of_a_tree_comes_back_from_its_file(model, tmp_path):
    description.write(model.description, tmp_path / "model.json")
    assert description.read(tmp_path / "model.json") == model.description
    of_bar = model.description.of_question("bar")
    assert (of_bar.question, of_bar.positive, of_bar.responses) == ("bar", ("b",), ("b", "n"))
    assert of_bar.expected_responses == 4
    with pytest.raises(InputError, match="'spiral': the model has learnt smooth, edge-on, bar, odd"):
        model.description.of_question("spiral")


def votes_file(path, **columns):
    size = len(columns["id"])
    tables.write({name: of if name == "id" else pa.array(of, pa.int32()) for name, of in columns.items()}, path)
    assert size == tables.read(path).num_rows
    return path


def test_those_who_answer_a_question_come_to_the_next_one(tmp_path):
    before = pa.table(
        {
            "id": ["a", "b", "c", "d"],
            "k": [1, 8, 0, 2],
            "N": [8, 8, 8, 8],
            "answer_smooth": [1, 8, 0, 2],
            "answer_featured": [7, 0, 6, 6],
            "iteration": pa.array([0, 0, 2, 2], pa.int32()),
            "use": ["x", "y", "z", "x"],
        }
    )
    path = votes_file(
        tmp_path / "v.parquet",
        id=["c", "a", "b"],
        k=[5, 20, 1],
        N=[5, 30, 9],
        **{"answer_edge-on": [5, 20, 1], "answer_face-on": [0, 10, 8]},
    )
    found = oracle.label_below(before, ["featured"], path, "edge-on").to_pandas()
    # b was smooth to all who were asked; d has no votes on record. Of c, fewer are on record than came.
    assert found["id"].tolist() == ["a", "c"]
    assert found["N"].tolist() == [7, 5]
    assert (found["answer_edge-on"] + found["answer_face-on"]).tolist() == [7, 5]
    assert found["k"].tolist() == found["answer_edge-on"].tolist()
    assert found["iteration"].tolist() == [0, 2]
    assert found["use"].tolist() == ["x", "z"]
    everybody = oracle.label_below(before, [], path, "edge-on").to_pandas()
    assert everybody["N"].tolist() == [8, 8, 5]


@given(st.lists(st.integers(0, 12), min_size=3, max_size=3).filter(sum), st.text("abc", min_size=1, max_size=8))
def test_answers_come_one_by_one_and_the_positive_ones_are_those_of_k_of_n(counts, galaxy):
    total = sum(counts)
    numbers = np.arange(total + 1)
    counts_GA = np.tile(counts, (total + 1, 1))
    found = oracle.first_of_each(counts_GA, numbers, [galaxy] * (total + 1), ("smooth", "answers"))
    np.testing.assert_array_equal(found.sum(axis=1), numbers)
    np.testing.assert_array_equal(found[-1], counts)
    steps = np.diff(found, axis=0)
    assert set(map(tuple, steps)) <= {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    k = oracle.first_answers(
        counts_GA[:, 0], counts_GA.sum(axis=1), numbers, [galaxy] * (total + 1), ("smooth", "answers")
    )
    np.testing.assert_array_equal(k, found[:, 0])


def test_first_answers_are_a_fair_sample():
    ids = [f"galaxy {number}" for number in range(3000)]
    found = oracle.first_of_each(np.tile([10, 20, 10], (3000, 1)), np.full(3000, 8), ids, ("smooth", "answers"))
    np.testing.assert_allclose(found.mean(axis=0), [2, 4, 2], atol=4 * math.sqrt(8 * 0.25 / 3000))


def test_the_catalogue_of_a_tree_keeps_networks_together(tmp_path):
    paths = {}
    predictions = predicted(galaxies=4, networks=30)
    for name, part in predictions.of_questions.items():
        paths[name] = [tmp_path / f"{name}_{shard}.parquet" for shard in range(2)]
        for path, rows in zip(paths[name], (slice(0, 3), slice(3, 4)), strict=True):
            write_predictions(iter([part.of(rows)]), path)
    batches = whole_tree.stream(paths, TREE)
    tables.write_stream(
        (whole_tree.summarise(batch, {"activezoo": "0"}) for batch in batches), tmp_path / "tree.parquet"
    )
    found = tables.read(tmp_path / "tree.parquet").to_pandas()
    assert found["id"].tolist() == predictions.ids
    rho, reached = drawn(4, 30), predictions.reached_GT()
    np.testing.assert_allclose(found["bar_reached_fraction"], reached["bar"].mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found["smooth_featured_fraction"], rho["smooth"][..., 1].mean(axis=1), rtol=1e-6)
    assert "smooth_reached_fraction" not in found
    low, high = (found[f"b_fraction_{end}_68"] for end in ("low", "high"))
    inside = (rho["bar"][..., 0] >= low.to_numpy()[:, None]) & (rho["bar"][..., 0] <= high.to_numpy()[:, None])
    assert inside.mean() == pytest.approx(0.68, abs=0.04)
    both = whole_tree.joint_probability(tmp_path / "tree.parquet", ["b_fraction", "w_fraction", "bar_reached_fraction"])
    expected = (rho["bar"][..., 0] * rho["odd"][..., 0] * reached["bar"]).mean(axis=1)
    np.testing.assert_allclose(both, expected, rtol=1e-5)
    field = tables.read(tmp_path / "tree.parquet").schema.field("b_fraction")
    assert b"who is asked bar answers bar" in field.metadata[b"description"]


def test_predictions_of_other_galaxies_are_refused(tmp_path):
    predictions = predicted()
    paths = {}
    for name, part in predictions.of_questions.items():
        paths[name] = [tmp_path / f"{name}.parquet"]
        write_predictions(iter([part.of(slice(1, 3) if name == "bar" else slice(0, 2))]), paths[name][0])
    with pytest.raises(InputError, match="not the galaxies of the other questions"):
        list(whole_tree.stream(paths, TREE))
