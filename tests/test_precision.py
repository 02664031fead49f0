"""`network.precision`: convolutions in bfloat16 change how exact a network is, and nothing that comes after it."""

import numpy as np
import pytest

from activezoo.model import backend, devices, network, posterior, trained
from activezoo.model import description as descriptions
from activezoo.model.posterior import EXACT, Sampling
from activezoo.model.trained import TrainedModel
from activezoo.model.training import Schedule, Trainer
from activezoo.posteriors import dropout_tuning
from conftest import ARCHITECTURE

MIXED = ARCHITECTURE._replace(precision="mixed_bfloat16")
ROUNDING = 2**-8  # of bfloat16, which has eight bits
KEY = ("smooth", 1, 0, "train")
IDS = [f"galaxy{number}" for number in range(30)]
K, N = np.linspace(38, 2, 30).round(), np.full(30, 40)


@pytest.fixture
def mixed_model(tensorflow, small_network, description):
    """The network of `trained_model`, weight for weight, with convolutions in bfloat16."""
    mixed = network.build(MIXED)
    mixed.set_weights(small_network.get_weights())
    return TrainedModel(description._replace(architecture=MIXED), mixed)


def features(model, grey, sampling):
    return np.concatenate([of for _, of in posterior.features(model, lambda rows: grey[rows], IDS, sampling)])


def train(grey, view, steps, architecture=MIXED):
    import keras

    keras.utils.set_random_seed(7)
    trainer = Trainer(network.build(architecture, dropout_seed=5), Schedule(steps, 12, 1e-2, 1e-2, 0.9))
    return trainer.model, trainer.train(lambda rows: grey[rows], IDS, (K, N), view, KEY)


def test_by_default_a_network_is_that_of_keras_to_the_bit(small_network, grey):
    from keras import Sequential, layers

    assert ARCHITECTURE.precision == "float32"
    plain = Sequential([layers.Input((16, 16, 1))])
    for filters in ARCHITECTURE.filters:
        for _ in range(2):
            plain.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        plain.add(layers.MaxPooling2D(2))
    plain.add(layers.Flatten())
    plain.add(layers.Dense(ARCHITECTURE.dense_units, name="features"))
    plain.add(layers.Dropout(ARCHITECTURE.dropout, seed=0))
    plain.add(layers.Dense(2, name="logits"))

    def settings(layer):
        return {key: value for key, value in layer.get_config().items() if key != "name"}

    assert [settings(layer) for layer in small_network.layers] == [settings(layer) for layer in plain.layers]
    plain.set_weights(small_network.get_weights())
    images = grey[:, 4:20, 4:20, None]
    np.testing.assert_array_equal(small_network(images), plain(images))


def test_only_convolutions_and_pooling_are_bfloat16(mixed_model):
    for layer in mixed_model.network.layers:
        assert layer.compute_dtype == ("bfloat16" if layer.name.startswith(("conv", "max")) else "float32")
        assert {weights.dtype for weights in layer.weights if not layer.name.startswith("dropout")} <= {"float32"}


def test_outputs_are_those_of_float32_but_for_the_rounding(trained_model, mixed_model, grey):
    images = grey[:, 4:20, 4:20, None]
    mixed, exact = (np.asarray(model.network(images)) for model in (mixed_model, trained_model))
    assert mixed.dtype == np.float32
    assert 0 < np.abs(mixed - exact).max() < 4 * ROUNDING * np.abs(exact).max()


def test_predictions_follow(trained_model, mixed_model, grey):
    sampling = Sampling(3, EXACT, "even")
    mixed, exact = (features(model, grey, sampling) for model in (mixed_model, trained_model))
    assert mixed.dtype == np.float32
    assert 0 < np.abs(mixed - exact).max() < 4 * ROUNDING * np.abs(exact).max()
    np.testing.assert_array_equal(features(mixed_model, grey, sampling), mixed)
    at_rates = [
        dropout_tuning.predict_at_rates([model], lambda rows: grey[rows], IDS, sampling, rates=(0.2, 0.7))
        for model in (mixed_model, trained_model)
    ]
    for rate, predicted in at_rates[0].items():
        assert 0 < np.abs(predicted.rho_GT - at_rates[1][rate].rho_GT).max() < 4 * ROUNDING


def test_training_learns_and_repeats_itself_to_the_bit(grey, view, tensorflow):
    model, losses = train(grey, view, 150)
    assert losses.dtype == np.float32
    assert losses[-20:].mean() < losses[:5].mean() - 1
    assert losses[-20:].mean() == pytest.approx(train(grey, view, 150, ARCHITECTURE)[1][-20:].mean(), abs=0.5)
    again, same_losses = train(grey, view, 150)
    np.testing.assert_array_equal(same_losses, losses)
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        assert first.dtype == np.float32
        np.testing.assert_array_equal(first, second)


def test_a_model_comes_back_from_its_files_in_its_precision(mixed_model, small_network, grey, tmp_path):
    descriptions.write(mixed_model.description, tmp_path / "model.json")
    small_network.save_weights(tmp_path / "a.weights.h5")  # of either precision, weights are the same file
    loaded = trained.load(tmp_path / "model.json", tmp_path / "a.weights.h5")
    assert loaded.description == mixed_model.description
    sampling = Sampling(2, EXACT, "even")
    np.testing.assert_array_equal(features(loaded, grey, sampling), features(mixed_model, grey, sampling))


def test_a_description_without_the_precision_is_of_float32(description, tmp_path):
    path = tmp_path / "model.json"
    descriptions.write(description, path)
    text = path.read_text()
    path.write_text(text.replace(',\n  "precision": "float32"', ""))
    assert path.read_text() != text
    assert descriptions.read(path) == description


@pytest.mark.parametrize(
    ("features", "has"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\nflags\t\t: fpu\n", True),
        ("flags\t\t: fpu avx2 avx512f amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd i8mm bf16 dgh\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\nbugs\t\t: bf16\n", False),
        ("Features\t: fp asimd svebf16x\n", False),
        ("processor\t: 0\n", True),  # it does not say
        (None, True),
    ],
)
def test_the_processor_says_whether_it_has_bfloat16(features, has, tmp_path):
    if features is not None:
        (tmp_path / "cpuinfo").write_text(features)
    assert devices.processor_has_bfloat16(tmp_path / "cpuinfo") == has


@pytest.mark.parametrize(
    ("architecture", "has", "gpus", "warned"),
    [
        (MIXED, False, [], True),
        (MIXED, False, ["GPU"], False),
        (MIXED, True, [], False),
        (ARCHITECTURE, False, [], False),
    ],
)
def test_emulation_is_warned_of(
    architecture, has, gpus, warned, small_network, description, monkeypatch, caplog, tmp_path
):
    import tensorflow

    descriptions.write(description._replace(architecture=architecture), tmp_path / "model.json")
    small_network.save_weights(tmp_path / "a.weights.h5")
    monkeypatch.setattr(backend, "processor_has_bfloat16", lambda: has)
    monkeypatch.setattr(tensorflow.config, "get_visible_devices", lambda _: gpus)
    trained.load(tmp_path / "model.json", tmp_path / "a.weights.h5")
    assert ("network.precision: mixed_bfloat16 is slow on this processor" in caplog.text) == warned
