"""Predictions by dropout, against networks whose units are dropped one by one."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activezoo import tables
from activezoo.model import augmentation, backend, network, posterior, trained
from activezoo.model.posterior import Head, Sampling
from activezoo.model.predictions import Predictions, read_predictions, write_predictions
from activezoo.model.trained import TrainedModel
from activezoo.steps import predict_pool

KEY = ("smooth", 1, 2, "predict")  # of the description
IDS = [f"galaxy{number}" for number in range(30)]


def predict(model, grey, sampling, ids=IDS):
    places = [IDS.index(galaxy) for galaxy in ids]
    batches = list(posterior.predict(model, lambda rows: grey[places][rows], ids, sampling))
    return Predictions(
        [galaxy for batch in batches for galaxy in batch.ids],
        np.concatenate([batch.rho_GT for batch in batches]),
        batches[0].weights_T,
    )


@pytest.mark.parametrize("draws", ["independent", "even"])
def test_equals_networks_with_units_dropped_by_hand(trained_model, small_network, grey, view, draws):
    sampling = Sampling(augmentations=3, masks=2, draws=draws)
    predicted = predict(trained_model, grey, sampling)
    made = posterior.augmentations_of(IDS, view, sampling, 24, 16, KEY)
    views = augmentation.apply(grey, made, 16)
    masks_AMH = posterior.dropout_masks(sampling, 12, 0.5, KEY)
    features, logits = small_network.get_layer("features"), small_network.get_layer("logits")
    for view_number, mask in itertools.product(range(3), range(2)):
        activity = views[:, view_number]
        for layer in small_network.layers:
            if layer.name.startswith("dropout"):
                activity = activity * (masks_AMH[view_number, mask] / 0.5)
            else:
                activity = layer(activity)
        odds = np.exp(activity.numpy().astype(float))
        np.testing.assert_allclose(
            predicted.rho_GT[:, view_number * 2 + mask], odds[:, 0] / odds.sum(1), rtol=1e-5, atol=1e-6
        )
    assert features.units == 12
    assert logits.units == 2
    np.testing.assert_allclose(predicted.weights_T, np.full(6, 1 / 6))


@pytest.fixture
def beta_binomial_model(tensorflow, description):
    """An untrained network with a concentration."""
    import keras

    keras.utils.set_random_seed(7)
    architecture = description.architecture._replace(likelihood="beta-binomial")
    model = network.build(architecture)
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    logits.set_weights([4 * kernel, bias + np.float32([0, 0, 0.7])])
    return TrainedModel(description._replace(architecture=architecture), model)


def test_concentrations_are_those_of_units_dropped_by_hand(beta_binomial_model, grey, view):
    sampling = Sampling(augmentations=2, masks=3, draws="even")
    (predicted,) = posterior.predict(beta_binomial_model, lambda rows: grey[rows], IDS, sampling)
    ((_, features_GAH),) = posterior.features(beta_binomial_model, lambda rows: grey[rows], IDS, sampling)
    masks_AMH = posterior.dropout_masks(sampling, 12, 0.5, KEY)
    kernel, bias = beta_binomial_model.network.get_layer("logits").get_weights()
    for view_number, mask in itertools.product(range(2), range(3)):
        outputs = features_GAH[:, view_number] * masks_AMH[view_number, mask] / 0.5 @ kernel + bias
        place = view_number * 3 + mask
        np.testing.assert_allclose(
            predicted.rho_GT[:, place], 1 / (1 + np.exp(outputs[:, 1] - outputs[:, 0])), rtol=1e-5
        )
        expected = 1e4 ** (1 / (1 + np.exp(-outputs[:, 2])))
        np.testing.assert_allclose(predicted.concentration_GT[:, place], expected, rtol=1e-4)
    assert predicted.concentration_GT.std(axis=1).min() > 0


def test_exact_masks_expect_the_concentration_at_a_logit():
    """The output is a normal sum, as the logit is: of many masks with one logit, the mean is on a line."""
    rng = np.random.default_rng(5)
    features_GAH = rng.normal(size=(3, 1, 400))
    weights = rng.normal(size=400) / 20
    head = Head(weights, 0.3, 0.5, 0.8 * weights + rng.normal(size=400) / 30, -0.2)
    exact = posterior.concentration(features_GAH, head, Sampling(1, posterior.EXACT, "even"), KEY)
    masks = rng.random((20000, 400)) < 0.5
    nodes = np.polynomial.hermite_e.hermegauss(9)[0]
    for galaxy, (features_H,) in enumerate(features_GAH):
        logit = masks * 2.0 @ (features_H * head.weights_H)
        output = masks * 2.0 @ (features_H * head.concentration_weights_H) + head.concentration_bias
        slope, constant = np.polyfit((logit - logit.mean()) / logit.std(), output, 1)
        expected = 1e4 ** (1 / (1 + np.exp(-(constant + slope * nodes))))
        np.testing.assert_allclose(np.log(exact[galaxy]), np.log(expected), atol=0.15)


def test_concentrations_come_back_from_their_file_and_are_mixed_and_chosen(beta_binomial_model, grey, tmp_path):
    sampling = Sampling(2, 2, "even")
    batches = [list(posterior.predict(beta_binomial_model, lambda rows: grey[rows], IDS, sampling)) for _ in range(2)]
    write_predictions(posterior.mix(batches), tmp_path / "predictions.parquet")
    back = read_predictions(tmp_path / "predictions.parquet")
    assert back.concentration_GT.shape == (30, 8)
    np.testing.assert_allclose(back.concentration_GT[:, :4], batches[0][0].concentration_GT, rtol=1e-6)
    some = back.of(np.array([4, 2]), slice(1, 3))
    assert some.ids == ["galaxy4", "galaxy2"]
    np.testing.assert_array_equal(some.rho_GT, back.rho_GT[[4, 2], 1:3])
    np.testing.assert_array_equal(some.concentration_GT, back.concentration_GT[[4, 2], 1:3])
    np.testing.assert_allclose(some.weights_T, [0.5, 0.5])


def test_images_much_larger_than_the_input_are_shrunk_first(trained_model, small_network, view):
    noise = np.random.default_rng(1).random((30, 64, 64)).astype(np.float32)
    sampling = Sampling(1, posterior.EXACT, "even")
    ((_, features_GAH),) = posterior.features(trained_model, lambda rows: noise[rows], IDS, sampling)
    made = posterior.augmentations_of(IDS, view, sampling, 64, 16, KEY)

    def by_hand(shrunk_size):
        activity = augmentation.apply(noise, made._replace(shrunk_size=shrunk_size), 16)[:, 0]
        for layer in small_network.layers[:-2]:  # the last are dropout and logits
            activity = layer(activity)
        return activity

    np.testing.assert_allclose(features_GAH[:, 0], by_hand(made.shrunk_size), atol=1e-5)
    assert np.abs(features_GAH[:, 0] - by_hand(64)).max() > 1e-2


def test_a_network_is_one_mask_for_all_galaxies_and_every_network_has_its_own():
    masks = posterior.dropout_masks(Sampling(30, 2, "even"), 128, 0.5, KEY)
    assert masks.shape == (30, 2, 128)
    assert len(np.unique(masks.reshape(60, 128), axis=0)) == 60
    assert masks.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("dropout", [0.0, 0.2, 0.5])
def test_exact_masks_have_the_moments_of_all_masks(dropout):
    rng = np.random.default_rng(5)
    features_GAH = rng.normal(size=(4, 2, 10))
    head = Head(rng.normal(size=10) / 5, 0.3, dropout)
    exact = Sampling(2, posterior.EXACT, "even")
    rho_GT = posterior.vote_probability(features_GAH, head, exact, KEY)
    masks = np.array(list(itertools.product([0, 1], repeat=10)))
    weight = np.prod(np.where(masks, 1 - dropout, dropout), axis=1)
    logit = (features_GAH * head.weights_H) @ (masks.T / (1 - dropout)) + head.bias
    rho = 1 / (1 + np.exp(-logit))
    expected_mean = np.einsum("gam,m->g", rho, weight) / 2
    expected_square = np.einsum("gam,m->g", rho**2, weight) / 2
    weights_T = posterior.network_weights(exact)
    np.testing.assert_allclose(rho_GT @ weights_T, expected_mean, atol=2e-3)
    np.testing.assert_allclose(rho_GT**2 @ weights_T, expected_square, atol=3e-3)
    assert weights_T.sum() == pytest.approx(1)


def test_a_galaxy_gets_the_same_posterior_in_any_batch(trained_model, grey, monkeypatch):
    sampling = Sampling(4, posterior.EXACT, "even")
    whole = predict(trained_model, grey, sampling)
    monkeypatch.setattr(posterior, "PIXELS_AT_ONCE", 16 * 16 * 4 * 7)
    parts = predict(trained_model, grey, sampling)
    assert parts.ids == IDS
    np.testing.assert_allclose(parts.rho_GT, whole.rho_GT, rtol=1e-5)
    alone = predict(trained_model, grey, sampling, ["galaxy17"])
    np.testing.assert_allclose(alone.rho_GT[0], whole.rho_GT[17], rtol=1e-5)
    monkeypatch.setattr(posterior, "PIXELS_IN_CACHE", 16 * 16 * 5)  # of views, 4 a galaxy
    np.testing.assert_allclose(predict(trained_model, grey, sampling).rho_GT, whole.rho_GT, rtol=1e-5)


@given(st.integers(1, 5000), st.integers(8, 400))
def test_views_go_together_as_the_cache_allows_and_few_are_filled_up(tensorflow, views, input_size):
    with pytest.MonkeyPatch.context() as patch:  # of this machine, there may be one
        patch.setattr(tensorflow.config, "get_visible_devices", lambda kind: [])
        together = posterior.views_together(views, input_size)
    parts = -(-views // together)
    assert 1 <= together <= views
    assert together == 1 or (together - 1) * input_size**2 < posterior.PIXELS_IN_CACHE
    assert parts * together - views < parts


def test_all_views_go_together_on_a_gpu(tensorflow, monkeypatch):
    monkeypatch.setattr(tensorflow.config, "get_visible_devices", lambda kind: ["a GPU"])
    assert posterior.views_together(5000, 64) == 5000


@pytest.mark.parametrize("galaxies", range(4))
def test_a_closer_look_goes_to_a_third_of_few_galaxies(trained_model, grey, tmp_path, monkeypatch, galaxies):
    def grey_reader(index, ids, size):
        return grey[[IDS.index(galaxy) for galaxy in ids]].__getitem__

    monkeypatch.setattr(backend, "start", lambda threads, gpus: None)
    monkeypatch.setattr(trained, "load", lambda model, weights: trained_model)
    monkeypatch.setattr(predict_pool, "grey_reader", grey_reader)
    roles = ["test", "initial", *["pool"] * galaxies, *["test"] * (28 - galaxies)]
    tables.write({"id": IDS, "role": roles}, tmp_path / "split.parquet")
    tables.write({"id": IDS[1:2]}, tmp_path / "labelled.parquet")
    files = [tmp_path / f"look_{look}.parquet" for look in range(3)]
    predict_pool.run(
        model=None,
        weights=None,
        split=tmp_path / "split.parquet",
        labelled=tmp_path / "labelled.parquet",
        index=None,
        shard=0,
        shards=1,
        closer_looks=[5, 6],
        question="smooth",
        sampling=Sampling(4, posterior.EXACT, "even"),
        threads=1,
        gpu=0,
        predictions=files,
    )
    first, closer, closest = map(read_predictions, files)
    assert first.ids == IDS[2 : 2 + galaxies]
    assert len(closer.ids) == (galaxies > 1)
    assert set(closer.ids) <= set(first.ids)
    assert closest.ids == []
    assert [len(look.weights_T) for look in (first, closer, closest)] == [36, 45, 54]


def test_predictions_come_back_from_their_file(tmp_path):
    rho_GT = np.random.default_rng(1).random((5000, 3)).astype(np.float32).astype(float)
    ids = [str(number) for number in range(5000)]
    weights_T = np.array([0.2, 0.3, 0.5])
    batches = [
        Predictions(ids[start : start + 700], rho_GT[start : start + 700], weights_T) for start in range(0, 5000, 700)
    ]
    write_predictions(batches, tmp_path / "predictions.parquet")
    back = read_predictions(tmp_path / "predictions.parquet")
    assert back.ids == ids
    np.testing.assert_array_equal(back.rho_GT, rho_GT)
    np.testing.assert_array_equal(back.weights_T, weights_T)


def test_no_galaxies_make_an_empty_file(trained_model, tmp_path):
    batches = posterior.predict(trained_model, None, [], Sampling(2, 1, "even"))
    write_predictions(batches, tmp_path / "predictions.parquet")
    back = read_predictions(tmp_path / "predictions.parquet")
    assert back.rho_GT.shape == (0, 2)


def test_an_interrupted_writer_leaves_no_file(tmp_path):
    def broken():
        yield Predictions(["a"], np.array([[0.5]]), np.ones(1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(broken(), tmp_path / "predictions.parquet")
    assert list(tmp_path.iterdir()) == []


def test_tables_name_what_is_missing(tmp_path):
    tables.write(pa.table({"id": ["a"]}), tmp_path / "table.parquet")
    with pytest.raises(tables.InputError, match="no column 'k'; it has id"):
        tables.read(tmp_path / "table.parquet", ["id", "k"])
    with pytest.raises(tables.InputError, match="no such file"):
        tables.read(tmp_path / "other.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(tables.InputError, match="not a readable parquet file"):
        tables.read(tmp_path / "broken.parquet")
