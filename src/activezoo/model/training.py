"""Train a network on the votes that there are (paper §2.2, §3.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo import randomness
from activezoo.model import augmentation, network
from activezoo.model.augmentation import View

if TYPE_CHECKING:
    import keras


# Pixels of stored images that are augmented, and trained on by one call of TensorFlow: small enough for memory, large
# enough that Python takes no time beside the steps.
_PIXELS_AT_ONCE = 4_000_000


class Schedule(NamedTuple):
    """How long and how fast to train."""

    steps: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    """To which the rate falls in the course of training, as half a cosine; equal to the other for no change."""
    weight_averaging: float
    """Momentum, per step, of the exponential average of the weights, which the model takes at the end; 0 for none."""

    def optimizer(self) -> keras.Optimizer:
        """Adam, on this schedule."""
        import keras

        averaging = {"use_ema": True, "ema_momentum": self.weight_averaging} if self.weight_averaging else {}
        return keras.optimizers.Adam(self.learning_rate, **averaging)

    def rate(self, step: int | np.ndarray) -> float | np.ndarray:
        """Learning rate of a step, from 0."""
        course = (1 + np.cos(np.pi * step / self.steps)) / 2
        return self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * course


def batches(galaxies: int, schedule: Schedule, key: tuple) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions and epochs of the galaxies of each batch: the whole set in a new random order, again and again."""
    queue = np.empty((2, 0), np.int64)
    epoch = 0
    for _ in range(schedule.steps):
        while queue.shape[1] < schedule.batch_size:
            positions = randomness.generator(*key, "epoch", epoch).permutation(galaxies)
            queue = np.concatenate([queue, [positions, np.full(galaxies, epoch)]], axis=1)
            epoch += 1
        yield tuple(queue[:, : schedule.batch_size])
        queue = queue[:, schedule.batch_size :]


class Trainer:
    """A network, and the optimiser of a schedule on one vector of all its weights.

    One vector of all weights takes Adam a fraction of the time that an array for each layer takes, most of all to build
    its graph. The steps are the same.

    Parameters
    ----------
    model
        From `network.build`. It is compiled with the optimiser, so that weights are saved and loaded with its state.
    schedule
        How long and how fast to train.
    """

    def __init__(self, model: keras.Model, schedule: Schedule) -> None:
        import keras

        self.model = model
        self.schedule = schedule
        self._weights = keras.Variable(np.zeros(sum(weights.size for weights in model.get_weights()), np.float32))
        optimizer = schedule.optimizer()
        optimizer.build([self._weights])
        model.compile(optimizer)

    def train(
        self,
        read_grey: Callable[[np.ndarray], np.ndarray],
        ids: Sequence[str],
        votes: Sequence[np.ndarray],
        view: View,
        key: tuple,
        loss: Callable = network.loss,
    ) -> np.ndarray:
        """Train the model, in place, on randomly augmented images.

        Parameters
        ----------
        read_grey
            Grey images (B, P, P) of the galaxies at given positions.
        ids, votes
            Of each galaxy: its id, and what `loss` takes: k and N of its answers.
        view
            How images are augmented.
        key
            Key of the random draws, without the galaxy's id and the epoch.
        loss
            Of outputs and votes of a batch: `network.loss`, or a kind of `network.loss_of_answers`.

        Returns
        -------
        Loss of each step, nats a galaxy, shape (steps,).
        """
        import tensorflow as tf

        model, vector = self.model, self._weights
        input_size = model.input_shape[1]
        weights, others = model.trainable_variables, model.non_trainable_variables
        vector.assign(tf.concat([tf.reshape(array, [-1]) for array in weights], 0))

        def arrays():
            parts = tf.split(vector.value, [np.prod(array.shape, dtype=int) for array in weights])
            return [tf.reshape(part, array.shape) for part, array in zip(parts, weights, strict=True)]

        def step(batch):
            views, *votes_B, rate = batch
            model.optimizer.learning_rate.assign(rate)
            with tf.GradientTape() as tape:
                logits, changed = model.stateless_call(arrays(), others, views, training=True)
                value = loss(logits, *votes_B)
            model.optimizer.apply([tape.gradient(value, vector.value)])
            for variable, array in zip(others, changed, strict=True):
                variable.assign(array)
            return value

        @tf.function(autograph=False, reduce_retracing=True)
        def steps(*batches):
            return tf.map_fn(step, batches, parallel_iterations=1, fn_output_signature=tf.float32)

        ids = np.asarray(ids)
        votes = [np.asarray(of, np.float32) for of in votes]
        stored_size = read_grey(slice(1)).shape[-1]
        order = np.array(list(batches(len(ids), self.schedule, key)))
        rates = self.schedule.rate(np.arange(self.schedule.steps)).astype(np.float32)
        at_once = max(1, _PIXELS_AT_ONCE // (self.schedule.batch_size * stored_size**2))
        losses = []
        for first in range(0, self.schedule.steps, at_once):
            some = slice(first, first + at_once)
            rows, epochs = order[some, 0], order[some, 1]
            uniforms = randomness.galaxy_uniforms(key, ids[rows.ravel()], epochs.ravel())
            augmentations = augmentation.from_uniforms(uniforms, view, stored_size, input_size)
            views = augmentation.apply(read_grey(rows.ravel()), augmentations, input_size)
            losses.extend(
                steps(views.reshape(*rows.shape, *views.shape[1:]), *(of[rows] for of in votes), rates[some]).numpy()
            )
        if self.schedule.weight_averaging:
            model.optimizer.finalize_variable_values([vector])
        for variable, array in zip(weights, arrays(), strict=True):
            variable.assign(array)
        return np.array(losses)
