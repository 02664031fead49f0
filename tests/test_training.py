"""Training learns, repeats itself to the bit, and continues where it stopped."""

import numpy as np
import pytest
from scipy import stats

from activezoo import randomness
from activezoo.errors import InputError
from activezoo.model import augmentation, network, training
from activezoo.model.training import Schedule
from conftest import ARCHITECTURE

KEY = ("smooth", 1, 0, "train")
IDS = [f"galaxy{number}" for number in range(30)]
K = np.linspace(38, 2, 30).round()
N = np.full(30, 40)


def schedule(steps=20, batch_size=12, rate=1e-2, final_rate=None, averaging=0.0) -> Schedule:
    return Schedule(steps, batch_size, rate, rate if final_rate is None else final_rate, averaging)


def train(model, grey, view, steps=20, key=KEY, **options):
    return training.train(model, lambda rows: grey[rows], IDS, K, N, view, schedule(steps, **options), key)


def new_network(**options):
    """A network with the same first weights each time, and the optimiser of a schedule."""
    import keras

    keras.utils.set_random_seed(7)
    model = network.build(ARCHITECTURE, dropout_seed=5)
    model.compile(schedule(**options).optimizer())
    model.optimizer.build(model.trainable_variables)
    return model


def test_batches_use_every_galaxy_once_before_any_again():
    drawn, epochs = np.concatenate(list(training.batches(10, schedule(5, 4), KEY)), axis=1)
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert list(drawn[:10]) != list(drawn[10:])
    np.testing.assert_array_equal(epochs, np.repeat([0, 1], 10))


def test_a_batch_larger_than_the_set_repeats_galaxies_in_other_epochs():
    ((batch, epochs),) = training.batches(3, schedule(1, 7), KEY)
    assert sorted(np.bincount(batch)) == [2, 2, 3]
    assert len(set(zip(batch, epochs, strict=True))) == 7


def test_loss_is_that_of_scipy(tensorflow):
    logits = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    k, n = np.array([0, 3, 10, 7, 40], np.float32), np.array([10, 10, 10, 12, 40], np.float32)
    rho = np.exp(logits[:, 0]) / np.exp(logits).sum(1)
    log_choose = stats.binom.logpmf(k, n, 0.5) - n * np.log(0.5)
    expected = -(stats.binom.logpmf(k, n, rho) - log_choose).mean()
    assert network.binomial_loss(logits, k, n).numpy() == pytest.approx(expected, rel=1e-5)


def test_training_reduces_the_loss_towards_the_entropy_of_the_votes(small_network, grey, view):
    losses = train(small_network, grey, view, steps=150)
    assert losses[-20:].mean() < losses[:5].mean() - 1
    assert losses[-20:].mean() > -(K * np.log(K / N) + (N - K) * np.log1p(-K / N)).mean()


def test_images_much_larger_than_the_input_are_shrunk_first(view, tensorflow):
    import keras

    keras.utils.set_random_seed(7)
    model = network.build(ARCHITECTURE._replace(dropout=0.0))
    model.compile(keras.optimizers.Adam(1e-2))
    model.optimizer.build(model.trainable_variables)
    noise = np.random.default_rng(1).random((30, 64, 64)).astype(np.float32)
    ((batch, epochs),) = training.batches(30, schedule(1), KEY)
    uniforms = randomness.galaxy_uniforms(KEY, [IDS[row] for row in batch], epochs)
    made = augmentation.from_uniforms(uniforms, view, 64, 16)
    losses = [
        network.binomial_loss(model(augmentation.apply(noise[batch], *made, 16, side)), K[batch], N[batch]).numpy()
        for side in (augmentation.shrunk_size(view, 64, 16), 64)
    ]
    (loss,) = train(model, noise, view, steps=1)
    assert loss == pytest.approx(losses[0], rel=1e-5)
    assert loss != pytest.approx(losses[1], rel=1e-3)


def test_same_key_same_bits(grey, view, tensorflow):
    weights = []
    for _ in range(2):
        model = new_network()
        train(model, grey, view)
        weights.append(model.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_warm_start_continues_with_the_optimiser(small_network, grey, view, tmp_path):
    train(small_network, grey, view)
    small_network.save_weights(tmp_path / "a.weights.h5")
    import keras

    other = network.build(ARCHITECTURE)
    other.compile(keras.optimizers.Adam(1e-2))
    other.optimizer.build(other.trainable_variables)
    network.load_weights(other, tmp_path / "a.weights.h5")
    for mine, theirs in zip(small_network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert int(other.optimizer.iterations) == 20


def test_averaged_weights_are_the_exponential_average_over_steps(grey, view, tensorflow):
    """The networks after 1, 2, … steps of one training are those of shorter trainings with the same key."""
    average = None
    for steps in (1, 2, 3, 4):
        model = new_network()
        train(model, grey, view, steps)
        weights = model.get_weights()
        average = weights if average is None else [0.7 * a + 0.3 * w for a, w in zip(average, weights, strict=True)]
    model = new_network(averaging=0.7)
    train(model, grey, view, 4, averaging=0.7)
    for expected, found in zip(average, model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_averages_go_on_in_the_next_training(grey, view, tensorflow, tmp_path):
    first = new_network(averaging=0.9)
    train(first, grey, view, averaging=0.9)
    first.save_weights(tmp_path / "a.weights.h5")
    second = new_network(averaging=0.9)
    network.load_weights(second, tmp_path / "a.weights.h5")
    assert len(second.optimizer.variables) == 2 + 3 * len(second.trainable_variables)  # moments and averages
    for expected, found in zip(first.optimizer.variables, second.optimizer.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_the_learning_rate_falls_as_half_a_cosine():
    falling = schedule(100, rate=1e-3, final_rate=1e-5)
    rates = [falling.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[50] == pytest.approx((1e-3 + 1e-5) / 2)
    assert 1e-5 < rates[99] < 1.1e-5
    assert (np.diff(rates) < 0).all()
    assert schedule(100).rate(70) == 1e-2


def test_the_rate_of_the_schedule_is_that_of_the_steps(grey, view, tensorflow):
    model = new_network()
    train(model, grey, view, 4, final_rate=0.0)
    assert model.optimizer.learning_rate.numpy() == pytest.approx(1e-2 * (1 + np.cos(np.pi * 3 / 4)) / 2)


@pytest.mark.parametrize("kept", [0.25, 1.0])
def test_shrunk_weights_are_between_those_of_the_file_and_fresh_ones(grey, view, tensorflow, tmp_path, kept):
    trained, fresh = new_network(), new_network()
    train(trained, grey, view)
    trained.save_weights(tmp_path / "a.weights.h5")
    loaded = new_network()
    network.load_weights(loaded, tmp_path / "a.weights.h5", kept)
    for old, new, mixed in zip(trained.get_weights(), fresh.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(mixed, kept * old + (1 - kept) * new, atol=1e-6)


def test_warm_start_keeps_the_learning_rate_asked_for(small_network, grey, view, tmp_path):
    train(small_network, grey, view)
    small_network.save_weights(tmp_path / "a.weights.h5")
    start = small_network.get_weights()

    def first_update(rate, load):
        model = new_network(rate=rate)
        load(model, tmp_path / "a.weights.h5")
        train(model, grey, view, steps=1, key=(*KEY, "again"), rate=rate)
        assert model.optimizer.learning_rate.numpy() == np.float32(rate)
        return [after - before for after, before in zip(model.get_weights(), start, strict=True)]

    same = first_update(1e-2, network.load_weights)
    # With the rate of the file, keeping it changes no bit.
    for kept, loaded in zip(same, first_update(1e-2, lambda model, path: model.load_weights(path)), strict=True):
        np.testing.assert_array_equal(kept, loaded)
    # Adam's update is proportional to the rate, and its moments come from the file.
    for small, large in zip(first_update(1e-3, network.load_weights), same, strict=True):
        assert np.abs(large).max() > 1e-4
        np.testing.assert_allclose(small, 0.1 * large, atol=1e-6)


def test_weights_load_into_a_network_without_an_optimiser(small_network, tmp_path):
    small_network.save_weights(tmp_path / "a.weights.h5")
    other = network.build(ARCHITECTURE)
    network.load_weights(other, tmp_path / "a.weights.h5")
    for mine, theirs in zip(small_network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_of_another_network_are_refused(small_network, tmp_path):
    small_network.save_weights(tmp_path / "a.weights.h5")
    other = network.build(ARCHITECTURE._replace(filters=(8, 4)))
    with pytest.raises(InputError, match=r"a\.weights\.h5: these weights do not fit"):
        network.load_weights(other, tmp_path / "a.weights.h5")
    (tmp_path / "b.weights.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.weights\.h5: these weights do not fit"):
        network.load_weights(other, tmp_path / "b.weights.h5")
    with pytest.raises(InputError, match=r"c\.weights\.h5: no such file"):
        network.load_weights(other, tmp_path / "c.weights.h5")
