"""Posteriors over votes by Monte Carlo dropout (paper §2.3), streamed over galaxies.

Suffixes name the axes of an array: G galaxies, A augmentations, M masks, T = A·M networks, H units of the dense layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from activezoo import augmentation, randomness, tables
from activezoo.augmentation import View

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

EXACT = "exact"
# Pixels of input that go through the convolutions at once: small enough for memory, large enough for speed.
_FORWARD_PIXELS = 1_000_000


class Sampling(NamedTuple):
    """Which networks are mixed."""

    augmentations: int
    """Number A of augmented views of each galaxy."""
    masks: int | str
    """Number M of dropout masks a view, or `exact`: the integral over all masks."""
    draws: str
    """Augmentations are drawn each by itself (`independent`, as in the paper) or spread `even`ly."""


class Predictions(NamedTuple):
    """Vote probabilities of galaxies by networks."""

    ids: list[str]
    rho_GT: np.ndarray
    """In [0, 1]."""
    weights_T: np.ndarray
    """Weight of each network in the mixture; they sum to 1."""


class Head(NamedTuple):
    """What follows the dense layer, reduced to the logit of ρ: a weighted sum over its units."""

    weights_H: np.ndarray
    bias: float
    dropout: float


def dropout_masks(sampling: Sampling, units: int, dropout: float, key: tuple) -> np.ndarray:
    """The unit masks of the networks, shape (A, M, H): one network's mask is the same for all galaxies."""
    shape = (sampling.augmentations, sampling.masks, units)
    return randomness.generator(*key, "masks").random(shape) >= dropout


def vote_probability(features_GAH: np.ndarray, head: Head, sampling: Sampling, key: tuple) -> np.ndarray:
    """ρ of each galaxy by each network, shape (G, T).

    With `exact` masks the logit, a sum over many independently dropped units, is taken as normal with its exact mean
    and variance, and the T = 9 A values of a galaxy are the nodes of a Gauss-Hermite rule; see `network_weights`.
    """
    terms_GAH = features_GAH * head.weights_H
    keep = 1.0 - head.dropout
    if sampling.masks == EXACT:
        mean_GA = terms_GAH.sum(axis=-1) + head.bias
        deviation_GA = np.sqrt((terms_GAH**2).sum(axis=-1) * head.dropout / keep)
        logit = mean_GA[..., None] + deviation_GA[..., None] * _nodes_and_weights()[0]
    else:
        masks_AMH = dropout_masks(sampling, len(head.weights_H), head.dropout, key)
        logit = np.einsum("gah,amh->gam", terms_GAH, masks_AMH / keep) + head.bias
    logit = np.clip(logit, -16, 16)  # beyond, float32 would not tell ρ from 1, and one vote would cost hundreds of nats
    return (0.5 + 0.5 * np.tanh(logit / 2)).reshape(len(logit), logit.shape[1] * logit.shape[2])


def network_weights(sampling: Sampling) -> np.ndarray:
    """Weight of each network in the mixture, shape (T,)."""
    if sampling.masks == EXACT:
        weights = np.tile(_nodes_and_weights()[1], sampling.augmentations)
    else:
        weights = np.ones(sampling.augmentations * sampling.masks)
    return weights / weights.sum()


def _nodes_and_weights() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.hermite_e.hermegauss(9)


def augmentations_of(ids: Sequence[str], view: View, sampling: Sampling, stored_size: int, key: tuple):
    """The A augmentations of each galaxy, shapes (G, A, …)."""
    if sampling.draws == "even":
        uniforms = randomness.galaxy_latin_hypercube(key, ids, sampling.augmentations)
    else:
        uniforms = np.stack(
            [randomness.galaxy_uniforms(key, ids, number) for number in range(sampling.augmentations)], axis=1
        )
    return augmentation.from_uniforms(uniforms, view, stored_size)


def predict(
    model: keras.Model,
    read_grey: Callable[[slice], np.ndarray],
    ids: Sequence[str],
    view: View,
    sampling: Sampling,
    dropout: float,
    key: tuple,
) -> Iterator[Predictions]:
    """Predict galaxies, a few at a time, in their order.

    Parameters
    ----------
    model
        From `network.build`, with trained weights.
    read_grey
        Grey images (G, P, P) of the galaxies at a slice of positions.
    ids
        Of the galaxies.
    view, sampling
        How images are augmented, and which networks are mixed.
    dropout
        Probability of dropping a unit.
    key
        Key of the random draws, without the galaxy's id.

    Notes
    -----
    Dropout acts after the convolutions, so that an augmented image goes through them once, however many masks follow.
    """
    head, weights_T = head_of(model, dropout), network_weights(sampling)
    for batch, features_GAH in features(model, read_grey, ids, view, sampling, key):
        yield Predictions(batch, vote_probability(features_GAH, head, sampling, key), weights_T)


def mix(models: Sequence[Iterable[Predictions]]) -> Iterator[Predictions]:
    """Mix, with equal weights, what several models predict of the same galaxies, as it comes."""
    for parts in zip(*models, strict=True):
        rho_GT = np.concatenate([part.rho_GT for part in parts], axis=1)
        yield Predictions(parts[0].ids, rho_GT, np.concatenate([part.weights_T for part in parts]) / len(parts))


def head_of(model: keras.Model, dropout: float) -> Head:
    """What follows the dense layer of a model."""
    kernel_H2, bias_2 = (weights.astype(np.float64) for weights in model.get_layer("logits").get_weights())
    return Head(kernel_H2[:, 0] - kernel_H2[:, 1], bias_2[0] - bias_2[1], dropout)


def features(
    model: keras.Model,
    read_grey: Callable[[slice], np.ndarray],
    ids: Sequence[str],
    view: View,
    sampling: Sampling,
    key: tuple,
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Output of the dense layer for each augmentation of galaxies, with their ids, a few at a time: shape (G, A, H).

    The parameters are those of `predict`.
    """
    import keras
    import tensorflow as tf

    dense = model.get_layer("features")
    trunk = keras.Model(model.inputs, dense.output)

    @tf.function(autograph=False)
    def forward(images, transforms, contrast):
        inputs = [
            augmentation.apply(images, transforms[:, number], contrast[:, number], view.input_size)
            for number in range(sampling.augmentations)
        ]
        shape = (sampling.augmentations, -1, dense.units)
        features_AGH = tf.reshape(trunk(tf.concat(inputs, axis=0), training=False), shape)
        return tf.transpose(features_AGH, (1, 0, 2))

    if not len(ids):
        yield [], np.empty((0, sampling.augmentations, dense.units))
        return
    # All batches have one shape, the last one being filled up, so that the convolutions are planned once.
    size = min(len(ids), max(1, _FORWARD_PIXELS // (view.input_size**2 * sampling.augmentations)))
    for start in range(0, len(ids), size):
        batch = slice(start, start + size)
        images = read_grey(batch)
        augmentations = augmentations_of(ids[batch], view, sampling, images.shape[-1], key)
        missing = size - len(images)
        filled = (np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) for array in (images, *augmentations))
        yield list(ids[batch]), forward(*filled).numpy()[: len(images)]


def write_predictions(batches: Iterable[Predictions], path: str | Path) -> None:
    """Write predictions as they come: a parquet file with columns id and rho (T float32 values a galaxy)."""
    import pyarrow as pa

    def table(batch: Predictions) -> pa.Table:
        rho = pa.FixedSizeListArray.from_arrays(batch.rho_GT.astype(np.float32).ravel(), batch.rho_GT.shape[1])
        metadata = {"network_weights": json.dumps(batch.weights_T.tolist())}
        return pa.table({"id": pa.array(batch.ids, pa.string()), "rho": rho}).replace_schema_metadata(metadata)

    tables.write_stream(map(table, batches), path)


def read_predictions(path: str | Path) -> Predictions:
    """Read what `write_predictions` wrote."""
    return _predictions(tables.read(path, ["id", "rho"]))


def stream_predictions(path: str | Path) -> Iterator[Predictions]:
    """Read what `write_predictions` wrote, a few thousand galaxies at a time."""
    return map(_predictions, tables.read_stream(path))


def _predictions(table: pa.Table) -> Predictions:
    weights_T = np.array(json.loads(table.schema.metadata[b"network_weights"]))
    rho_GT = table["rho"].combine_chunks().flatten().to_numpy().reshape(len(table), len(weights_T))
    return Predictions(table["id"].to_pylist(), rho_GT.astype(np.float64), weights_T)
