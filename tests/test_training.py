"""Training learns, repeats itself to the bit, and continues where it stopped."""

import numpy as np
import pytest
from scipy import stats

from activezoo import randomness
from activezoo.errors import InputError
from activezoo.model import augmentation, network, training, votes
from activezoo.model.training import Schedule, Trainer
from conftest import ARCHITECTURE

KEY = ("smooth", 1, 0, "train")
IDS = [f"galaxy{number}" for number in range(30)]
K = np.linspace(38, 2, 30).round()
N = np.full(30, 40)


def schedule(steps=20, batch_size=12, rate=1e-2, final_rate=None, averaging=0.0) -> Schedule:
    return Schedule(steps, batch_size, rate, rate if final_rate is None else final_rate, averaging)


def new_trainer(steps=20, architecture=ARCHITECTURE, **options):
    """Of a network with the same first weights each time."""
    import keras

    keras.utils.set_random_seed(7)
    return Trainer(network.build(architecture, dropout_seed=5), schedule(steps, **options))


def train(trainer, grey, view, key=KEY):
    return trainer.train(lambda rows: grey[rows], IDS, (K, N), view, key)


@pytest.fixture
def saved(grey, view, tensorflow, tmp_path):
    """A trained model, and the file of its weights."""
    trainer = new_trainer()
    train(trainer, grey, view)
    trainer.model.save_weights(tmp_path / "a.weights.h5")
    return trainer.model, tmp_path / "a.weights.h5"


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
    assert network.loss(logits, k, n).numpy() == pytest.approx(expected, rel=1e-5)


def test_loss_of_three_outputs_is_beta_binomial(tensorflow):
    rng = np.random.default_rng(1)
    outputs = rng.normal(0, 3, (6, 3)).astype(np.float32)
    n = np.array([10, 10, 1, 12, 40, 45], np.float32)
    k = np.array([0, 3, 1, 12, 40, 20], np.float32)
    rho = np.exp(outputs[:, 0]) / np.exp(outputs[:, :2]).sum(1)
    expected = votes.loss(rho, k, n, network.concentration(outputs[:, 2])).mean()
    assert network.loss(outputs, k, n).numpy() == pytest.approx(expected, rel=1e-5)
    binomial = network.loss(outputs[:, :2], k, n).numpy()
    outputs[:, 2] = 40
    assert network.loss(outputs, k, n).numpy() == pytest.approx(binomial, rel=3e-2)


def test_gradients_are_finite_where_networks_are_sure(tensorflow):
    outputs = tensorflow.Variable([[90.0, -90.0, 50.0], [-90.0, 90.0, -50.0], [0.0, 0.0, 0.0]])
    with tensorflow.GradientTape() as tape:
        loss = network.loss(outputs, np.float32([0, 40, 20]), np.float32([40, 40, 40]))
    assert np.isfinite(tape.gradient(loss, outputs).numpy()).all()
    assert np.isfinite(loss.numpy())


def test_a_network_learns_how_much_volunteers_scatter(grey, view, tensorflow):
    """Votes on galaxies that look alike, which scatter as a beta-binomial of concentration 5 does."""
    k = stats.betabinom.ppf((np.arange(30) + 0.5) / 30, 40, 2.5, 2.5)
    alike = np.broadcast_to(grey[:1], grey.shape)
    trainer = new_trainer(200, ARCHITECTURE._replace(likelihood="beta-binomial", dropout=0.0), batch_size=30)
    trainer.train(lambda rows: alike[rows], IDS, (k, N), view, KEY)
    outputs = trainer.model.predict(alike[:1, 4:20, 4:20, None], verbose=0)
    assert 2 < network.concentration(outputs[0, 2]) < 12
    assert 1 / (1 + np.exp(outputs[0, 1] - outputs[0, 0])) == pytest.approx(0.5, abs=0.15)


def test_training_reduces_the_loss_towards_the_entropy_of_the_votes(grey, view, tensorflow):
    losses = train(new_trainer(150), grey, view)
    assert losses[-20:].mean() < losses[:5].mean() - 1
    assert losses[-20:].mean() > -(K * np.log(K / N) + (N - K) * np.log1p(-K / N)).mean()


def test_steps_on_one_vector_of_weights_are_those_of_adam_on_each_array(grey, view, tensorflow):
    import keras

    trainer = new_trainer(4)
    expected = keras.models.clone_model(trainer.model)
    expected.set_weights(trainer.model.get_weights())
    train(trainer, grey, view)
    adam = keras.optimizers.Adam(1e-2)
    for batch, epochs in training.batches(30, schedule(4), KEY):
        uniforms = randomness.galaxy_uniforms(KEY, [IDS[row] for row in batch], epochs)
        made = augmentation.from_uniforms(uniforms, view, 24, 16)
        with tensorflow.GradientTape() as tape:
            logits = expected(augmentation.apply(grey[batch], made, 16), training=True)
            loss = network.loss(logits, K[batch], N[batch])
        weights = expected.trainable_variables
        adam.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    for mine, theirs in zip(trainer.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_images_much_larger_than_the_input_are_shrunk_first(view, tensorflow):
    trainer = new_trainer(1, ARCHITECTURE._replace(dropout=0.0))
    noise = np.random.default_rng(1).random((30, 64, 64)).astype(np.float32)
    ((batch, epochs),) = training.batches(30, schedule(1), KEY)
    uniforms = randomness.galaxy_uniforms(KEY, [IDS[row] for row in batch], epochs)
    made = augmentation.from_uniforms(uniforms, view, 64, 16)
    losses = [
        network.loss(trainer.model(augmentation.apply(noise[batch], drawn, 16)), K[batch], N[batch]).numpy()
        for drawn in (made, made._replace(shrunk_size=64))
    ]
    (loss,) = train(trainer, noise, view)
    assert loss == pytest.approx(losses[0], rel=1e-5)
    assert loss != pytest.approx(losses[1], rel=1e-3)


def test_it_does_not_matter_how_many_steps_tensorflow_takes_at_once(grey, view, tensorflow, monkeypatch):
    together = new_trainer(9, final_rate=1e-3, averaging=0.9)
    losses = train(together, grey, view)
    monkeypatch.setattr(training, "_PIXELS_AT_ONCE", 2 * 12 * 24**2)  # two steps
    apart = new_trainer(9, final_rate=1e-3, averaging=0.9)
    np.testing.assert_array_equal(train(apart, grey, view), losses)
    for mine, theirs in zip(apart.model.get_weights(), together.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_same_key_same_bits(grey, view, tensorflow):
    weights = []
    for _ in range(2):
        trainer = new_trainer()
        train(trainer, grey, view)
        weights.append(trainer.model.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_warm_start_continues_with_the_optimiser(saved):
    model, path = saved
    other = new_trainer().model
    network.load_weights(other, path)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert int(other.optimizer.iterations) == 20


def test_averaged_weights_are_the_exponential_average_over_steps(grey, view, tensorflow):
    """The networks after 1, 2, … steps of one training are those of shorter trainings with the same key."""
    average = None
    for steps in (1, 2, 3, 4):
        trainer = new_trainer(steps)
        train(trainer, grey, view)
        weights = trainer.model.get_weights()
        average = weights if average is None else [0.7 * a + 0.3 * w for a, w in zip(average, weights, strict=True)]
    trainer = new_trainer(4, averaging=0.7)
    train(trainer, grey, view)
    for expected, found in zip(average, trainer.model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_averages_go_on_in_the_next_training(grey, view, tensorflow, tmp_path):
    first, second = new_trainer(averaging=0.9), new_trainer(averaging=0.9)
    train(first, grey, view)
    first.model.save_weights(tmp_path / "a.weights.h5")
    network.load_weights(second.model, tmp_path / "a.weights.h5")
    assert len(second.model.optimizer.variables) == 2 + 3  # moments and average
    for expected, found in zip(first.model.optimizer.variables, second.model.optimizer.variables, strict=True):
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
    trainer = new_trainer(4, final_rate=0.0)
    train(trainer, grey, view)
    rate = trainer.model.optimizer.learning_rate.numpy()
    assert rate == pytest.approx(1e-2 * (1 + np.cos(np.pi * 3 / 4)) / 2)


@pytest.mark.parametrize("kept", [0.25, 1.0])
def test_shrunk_weights_are_between_those_of_the_file_and_fresh_ones(saved, kept):
    trained, path = saved
    fresh, loaded = new_trainer().model, new_trainer().model
    network.load_weights(loaded, path, kept)
    for old, new, mixed in zip(trained.get_weights(), fresh.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(mixed, kept * old + (1 - kept) * new, atol=1e-6)


def test_warm_start_keeps_the_learning_rate_asked_for(saved, grey, view):
    model, path = saved
    start = model.get_weights()

    def first_update(rate, load):
        trainer = new_trainer(1, rate=rate)
        load(trainer.model, path)
        train(trainer, grey, view, key=(*KEY, "again"))
        assert trainer.model.optimizer.learning_rate.numpy() == np.float32(rate)
        return [after - before for after, before in zip(trainer.model.get_weights(), start, strict=True)]

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
