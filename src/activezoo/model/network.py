"""The convolutional network (paper Fig. 3) and the loss of its likelihood, in Keras."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from activezoo.errors import InputError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


LARGEST_CONCENTRATION = 1e4
"""Of the beta-binomial: the binomial but for half a percent of the variance of 40 votes."""


class Architecture(NamedTuple):
    """Sizes of the network."""

    input_size: int
    """Side of the grey input image, pixels."""
    filters: tuple[int, ...]
    """Of each block: two 3×3 convolutions with so many filters, then max-pooling by 2."""
    dense_units: int
    """Units H of the linear dense layer, on which dropout acts."""
    dropout: float
    """Probability of dropping a unit, in training and in prediction."""
    likelihood: Literal["binomial", "beta-binomial"] = "binomial"
    """Of votes, see `votes` and `answers`."""
    questions: Literal["apart", "together"] = "apart"
    """Whether a network learns one question, or all: then there is a head for each, on the same layers before."""
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """Of the convolutions, a dtype policy of Keras. Weights are float32 in either."""


def heads(answers: Sequence[int], likelihood: str) -> list[slice]:
    """Where the outputs of each question stand among all: those of its answers, and of its concentration after them."""
    sizes = np.array(answers) + (likelihood == "beta-binomial")
    return [slice(end - size, end) for size, end in zip(sizes.tolist(), np.cumsum(sizes).tolist(), strict=True)]


def build(architecture: Architecture, dropout_seed: int = 0, answers: Sequence[int] = (2,)) -> keras.Model:
    """A Keras model from images (B, S, S, 1) to logits of the answers to each question, `heads`.

    `answers` says how many each question has. One question of k of N votes has two: the positive answer, then any
    other. For the beta-binomial, a last output of each question tells the concentration. The layer `features` is the
    dense one before dropout. It and what follows are float32, whatever the precision of the convolutions.
    """
    from keras import Sequential, layers

    precision = architecture.precision
    parts = [layers.Input((architecture.input_size, architecture.input_size, 1))]
    for filters in architecture.filters:
        parts.append(layers.Conv2D(filters, 3, padding="same", activation="relu", dtype=precision))
        parts.append(layers.Conv2D(filters, 3, padding="same", activation="relu", dtype=precision))
        parts.append(layers.MaxPooling2D(2, dtype=precision))
    parts.append(layers.Flatten())  # a layer of float32, as the rest: it casts its input
    parts.append(layers.Dense(architecture.dense_units, name="features"))
    parts.append(layers.Dropout(architecture.dropout, seed=dropout_seed))
    parts.append(layers.Dense(heads(answers, architecture.likelihood)[-1].stop, name="logits"))
    return Sequential(parts)  # all at once, since it builds itself anew with each layer that is added


def number_of_parameters(architecture: Architecture) -> int:
    """How many numbers training finds, without building the network."""
    channels, number = 1, 0
    for filters in architecture.filters:
        number += (9 * channels + 1) * filters + (9 * filters + 1) * filters
        channels = filters
    side = architecture.input_size >> len(architecture.filters)
    return number + (side**2 * channels + 1) * architecture.dense_units + (architecture.dense_units + 1) * 2


def load_weights(network: keras.Model, path: str | Path, kept: float = 1.0) -> None:
    """Load weights (and the optimiser's state, into a compiled model).

    Parameters
    ----------
    network
        Of the architecture that the weights are of.
    path
        HDF5 file of weights.
    kept
        Share of each weight that is loaded; the rest is that of the network before. Below 1 this is to shrink and
        perturb (Ash & Adams 2020, arXiv:1910.08475).

    Raises
    ------
    InputError
        The file is missing, damaged, or of another architecture.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; train the model again")
    fresh = [variable.numpy() for variable in network.trainable_variables] if kept < 1 else []
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: these weights do not fit the network described in model.json ({str(error).splitlines()[0]}); "
            "delete the file to train it again"
        ) from error
    for variable, before in zip(network.trainable_variables if fresh else [], fresh, strict=True):
        variable.assign(kept * variable + (1 - kept) * before)


def concentration(output: np.ndarray) -> np.ndarray:
    """The concentration that the last output of a question stands for: from 1 to the largest, their mean in logs at 0.

    It is bounded smoothly, so that training can leave every value again.
    """
    return LARGEST_CONCENTRATION ** (0.5 + 0.5 * np.tanh(np.asarray(output, np.float64) / 2))


def loss(outputs: tf.Tensor, k: tf.Tensor, votes: tf.Tensor) -> tf.Tensor:
    """Surprise at k of `votes` positive answers, without its constant: mean over the batch, nats (paper Eq. 6).

    Binomial of two outputs, beta-binomial of three; ρ is the softmax's first unit. See `votes.loss`.
    """
    import tensorflow as tf

    log_rho = tf.nn.log_softmax(outputs[:, :2])
    if outputs.shape[-1] == 2:
        return -tf.reduce_mean(k * log_rho[:, 0] + (votes - k) * log_rho[:, 1])
    # As in `posterior.vote_probability`, no probability is less than e⁻¹⁶.
    rho = tf.exp(tf.maximum(log_rho, -16.0))
    return tf.reduce_mean(_dirichlet_multinomial(rho, tf.stack([k, votes - k], axis=1), outputs[:, 2:]))


def loss_of_answers(outputs: tf.Tensor, counts: tf.Tensor, answers: Sequence[int]) -> tf.Tensor:
    """Surprise at the answers, without its constant: sum over questions, mean over the batch, nats.

    Parameters
    ----------
    outputs
        Of a network of `build`, shape (B, outputs).
    counts
        How many gave each answer, those of one question after the other, shape (B, sum of `answers`). A question
        without votes adds nothing.
    answers
        How many answers each question has.
    """
    import tensorflow as tf

    has_concentration = outputs.shape[-1] > sum(answers)
    places = heads(answers, "beta-binomial" if has_concentration else "binomial")
    total = 0.0
    for head, of_question in zip(places, tf.split(counts, list(answers), axis=1), strict=True):
        log_rho = tf.nn.log_softmax(outputs[:, head.start : head.start + of_question.shape[1]])
        if has_concentration:
            rho = tf.exp(tf.maximum(log_rho, -16.0))
            total += _dirichlet_multinomial(rho, of_question, outputs[:, head.stop - 1 : head.stop])
        else:
            total -= tf.reduce_sum(of_question * log_rho, axis=1)
    return tf.reduce_mean(total)


def _dirichlet_multinomial(rho: tf.Tensor, counts: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Surprise of each galaxy at its answers, shape (B,), from ρ and counts, (B, answers), and the output (B, 1)."""
    import tensorflow as tf

    # Sums of as many terms as a galaxy has answers of a kind, as in `votes.log_pmf`: float32 would not bear log Γ.
    votes = tf.reduce_sum(counts, axis=1)
    number = tf.range(tf.reduce_max(votes))
    steps = number * tf.exp(-math.log(LARGEST_CONCENTRATION) * tf.sigmoid(output))

    def log_rising(first: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
        terms = tf.math.log(first[:, None] + steps)
        return tf.reduce_sum(tf.where(number < answers[:, None], terms, 0.0), axis=1)

    surprise = log_rising(tf.ones_like(votes), votes)
    for answer in range(counts.shape[1]):
        surprise -= log_rising(rho[:, answer], counts[:, answer])
    return surprise
