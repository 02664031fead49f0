"""Posteriors over votes by Monte Carlo dropout (paper §2.3), streamed over galaxies.

Suffixes name the axes of an array: G galaxies, A augmentations, M masks, T = A·M networks, H units of the dense layer,
C answers to choose from (A elsewhere).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from activezoo import randomness
from activezoo.model import augmentation, network
from activezoo.model.augmentation import View
from activezoo.model.predictions import Predictions, TreePredictions

if TYPE_CHECKING:
    from activezoo.model.trained import TrainedModel

EXACT = "exact"
SHARE_OF_CLOSER_LOOK = 1 / 3
"""Of the galaxies of a look at the pool, those that the next look takes."""
# Pixels of input that are augmented, and given to one call of TensorFlow: small enough for memory, large enough that
# Python takes no time beside the convolutions.
PIXELS_AT_ONCE = 1 << 20
# Of those, how many go through the convolutions together: what these make of so many stays in a processor's cache.
PIXELS_IN_CACHE = 1 << 16


class Sampling(NamedTuple):
    """Which networks are mixed."""

    augmentations: int
    """Number A of augmented views of each galaxy."""
    masks: int | Literal["exact"]
    """Number M of dropout masks a view, or `exact`: the integral over all masks."""
    draws: Literal["independent", "even"]
    """Augmentations are drawn each by itself (`independent`, as in the paper) or spread `even`ly."""


class Head(NamedTuple):
    """What follows the dense layer, reduced to the logit of ρ: a weighted sum over its units."""

    weights_H: np.ndarray
    bias: float
    dropout: float
    concentration_weights_H: np.ndarray | None = None
    """Of the output that tells the concentration; None for the binomial."""
    concentration_bias: float = 0.0


class AnswersHead(NamedTuple):
    """What follows the dense layer of a model of several questions, for one of them: logits of its answers."""

    weights_HC: np.ndarray
    bias_C: np.ndarray
    answers: dict[str, bool]
    """Their names, and which are positive."""
    dropout: float
    concentration_weights_H: np.ndarray | None = None
    """Of the output that tells the concentration; None for the multinomial."""
    concentration_bias: float = 0.0


def dropout_masks(sampling: Sampling, units: int, dropout: float, key: tuple) -> np.ndarray:
    """The unit masks of the networks, shape (A, M, H): one network's mask is the same for all galaxies."""
    shape = (sampling.augmentations, sampling.masks, units)
    return randomness.generator(*key, "masks").random(shape) >= dropout


def vote_probability(features_GAH: np.ndarray, head: Head, sampling: Sampling, key: tuple) -> np.ndarray:
    """ρ of each galaxy by each network, shape (G, T).

    With `exact` masks, no mask is drawn. The logit is a sum over many units that are dropped independently, so it is
    taken as normal, with its exact mean and variance. The T = 9 A values of a galaxy are then the nodes of a
    Gauss-Hermite rule. `network_weights` gives their weights.
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


def concentration(
    features_GAH: np.ndarray, head: Head | AnswersHead, sampling: Sampling, key: tuple
) -> np.ndarray | None:
    """Concentration of the beta-binomial of each galaxy by each network, shape (G, T); None for the binomial.

    The networks are those of `vote_probability`. With `exact` masks, it is what is expected of the output at the logit
    of a node, for both are normal sums over the same units.
    """
    if head.concentration_weights_H is None:
        return None
    terms_GAH, keep = features_GAH * head.concentration_weights_H, 1.0 - head.dropout
    if sampling.masks == EXACT:
        logit_terms_GAH = features_GAH * head.weights_H
        deviation_GA = np.sqrt((logit_terms_GAH**2).sum(axis=-1) * head.dropout / keep)
        covariance_GA = (terms_GAH * logit_terms_GAH).sum(axis=-1) * head.dropout / keep
        slope_GA = covariance_GA / np.maximum(deviation_GA, np.finfo(float).tiny)
        output = terms_GAH.sum(axis=-1)[..., None] + slope_GA[..., None] * _nodes_and_weights()[0]
    else:
        masks_AMH = dropout_masks(sampling, features_GAH.shape[-1], head.dropout, key)
        output = np.einsum("gah,amh->gam", terms_GAH, masks_AMH / keep)
    output = (output + head.concentration_bias).reshape(len(output), output.shape[1] * output.shape[2])
    return network.concentration(output)


def answer_probability(features_GAH: np.ndarray, head: AnswersHead, sampling: Sampling, key: tuple) -> np.ndarray:
    """Probability of each answer by each network, shape (G, T, C).

    The networks are those of `vote_probability`, and the same for every question of a model. So what one of them says
    of all questions goes together. With `exact` masks there are none: the logits of several answers are no single sum.
    """
    if sampling.masks == EXACT:
        raise ValueError("answers to several questions are predicted with a number of masks, not with exact masks")
    masks_AMH = dropout_masks(sampling, len(head.weights_HC), head.dropout, key) / (1.0 - head.dropout)
    logits_GAMC = np.einsum("gah,amh,hc->gamc", features_GAH, masks_AMH, head.weights_HC, optimize=True) + head.bias_C
    logits_GAMC -= logits_GAMC.max(axis=-1, keepdims=True)
    rho_GAMC = np.exp(np.maximum(logits_GAMC, -16))  # as in `vote_probability`
    rho_GAMC /= rho_GAMC.sum(axis=-1, keepdims=True)
    return rho_GAMC.reshape(len(rho_GAMC), -1, len(head.bias_C))


def predictions_of(
    ids: list[str], features_GAH: np.ndarray, head: Head | AnswersHead, sampling: Sampling, key: tuple
) -> Predictions:
    """What networks of one model predict of galaxies, from the output of their dense layer."""
    if isinstance(head, AnswersHead):
        answers_GTC = answer_probability(features_GAH, head, sampling, key)
        rho_GT = answers_GTC[..., list(head.answers.values())].sum(axis=-1)
        concentration_GT = concentration(features_GAH, head, sampling, key)
        return Predictions(ids, rho_GT, network_weights(sampling), concentration_GT, answers_GTC, head.answers)
    rho_GT = vote_probability(features_GAH, head, sampling, key)
    return Predictions(ids, rho_GT, network_weights(sampling), concentration(features_GAH, head, sampling, key))


def network_weights(sampling: Sampling) -> np.ndarray:
    """Weight of each network in the mixture, shape (T,)."""
    if sampling.masks == EXACT:
        weights = np.tile(_nodes_and_weights()[1], sampling.augmentations)
    else:
        weights = np.ones(sampling.augmentations * sampling.masks)
    return weights / weights.sum()


def _nodes_and_weights() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.hermite_e.hermegauss(9)


def augmentations_of(
    ids: Sequence[str], view: View, sampling: Sampling, stored_size: int, input_size: int, key: tuple
) -> augmentation.Augmentations:
    """The A augmentations of each galaxy, shapes (G, A, …)."""
    if sampling.draws == "even":
        uniforms = randomness.galaxy_latin_hypercube(key, ids, sampling.augmentations)
    else:
        numbers = np.broadcast_to(np.arange(sampling.augmentations), (len(ids), sampling.augmentations))
        uniforms = randomness.galaxy_uniforms(key, ids, numbers)
    return augmentation.from_uniforms(uniforms, view, stored_size, input_size)


def predict(
    model: TrainedModel,
    read_grey: Callable[[slice], np.ndarray],
    ids: Sequence[str],
    sampling: Sampling,
    dropout: float | None = None,
    question: str | None = None,
    stage: str = "predict",
) -> Iterator[Predictions | TreePredictions]:
    """Predict galaxies, a few at a time, in their order, on views like those that the model was trained on.

    Parameters
    ----------
    model
        The trained model.
    read_grey
        Grey images (G, P, P) of the galaxies at a slice of positions.
    ids
        Of the galaxies.
    sampling
        Which networks are mixed.
    dropout
        Probability of dropping a unit; by default that of training.
    question
        Of a model that learns several, the one to predict; by default all, as `TreePredictions`.
    stage
        Views and masks of another stage are others.

    Notes
    -----
    Dropout acts after the convolutions, so that an augmented image goes through them once, however many masks follow.
    """
    key, tree = model.description.key(stage), model.description.tree
    dropout = model.description.architecture.dropout if dropout is None else dropout
    heads = answers_heads(model, dropout) if tree else {}
    head = None if tree and question is None else heads[question] if tree else head_of(model, dropout)
    for batch, features_GAH in features(model, read_grey, ids, sampling, stage):
        if head is not None:
            yield predictions_of(batch, features_GAH, head, sampling, key)
        else:
            parts = {name: predictions_of(batch, features_GAH, of, sampling, key) for name, of in heads.items()}
            yield TreePredictions(tree, parts)


def mix(models: Sequence[Iterable[Predictions]]) -> Iterator[Predictions]:
    """Mix, with equal weights, what several models predict of the same galaxies, as it comes."""
    for parts in zip(*models, strict=True):
        concentration_GT, answers_GTC = (
            None if of[0] is None else np.concatenate(of, axis=1)
            for of in ([part.concentration_GT for part in parts], [part.answers_GTA for part in parts])
        )
        yield Predictions(
            parts[0].ids,
            np.concatenate([part.rho_GT for part in parts], axis=1),
            np.concatenate([part.weights_T for part in parts]) / len(parts),
            concentration_GT,
            answers_GTC,
            parts[0].answers,
        )


def head_of(model: TrainedModel, dropout: float) -> Head:
    """What follows the dense layer of a model."""
    logits = model.network.get_layer("logits")
    kernel_HO, bias_O = (weights.astype(np.float64) for weights in logits.get_weights())
    head = Head(kernel_HO[:, 0] - kernel_HO[:, 1], bias_O[0] - bias_O[1], dropout)
    if len(bias_O) == 2:
        return head
    return head._replace(concentration_weights_H=kernel_HO[:, 2], concentration_bias=bias_O[2])


def answers_heads(model: TrainedModel, dropout: float) -> dict[str, AnswersHead]:
    """What follows the dense layer of a model of several questions, by question."""
    described = model.description
    kernel_HO, bias_O = (weights.astype(np.float64) for weights in model.network.get_layer("logits").get_weights())
    places = network.heads(described.numbers_of_answers, described.architecture.likelihood)
    found = {}
    for (name, question), place in zip(described.tree.items(), places, strict=True):
        answers = dict(zip(question.answers, question.is_positive.tolist(), strict=True))
        of_answers = slice(place.start, place.start + len(answers))
        head = AnswersHead(kernel_HO[:, of_answers], bias_O[of_answers], answers, dropout)
        if place.stop > of_answers.stop:
            last = place.stop - 1
            head = head._replace(concentration_weights_H=kernel_HO[:, last], concentration_bias=bias_O[last])
        found[name] = head
    return found


def views_together(views: int, input_size: int) -> int:
    """How many views go through the convolutions together, of so many in one call of TensorFlow."""
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        return views
    parts = -(-views * input_size**2 // PIXELS_IN_CACHE)
    return -(-views // min(parts, views))


def features(
    model: TrainedModel,
    read_grey: Callable[[slice], np.ndarray],
    ids: Sequence[str],
    sampling: Sampling,
    stage: str = "predict",
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Output of the dense layer for each augmentation of galaxies, with their ids, a few at a time: shape (G, A, H).

    The parameters are those of `predict`.
    """
    import keras
    import tensorflow as tf

    dense = model.network.get_layer("features")
    trunk = keras.Model(model.network.inputs, dense.output)
    input_size, view = model.description.architecture.input_size, model.description.view
    key = model.description.key(stage)

    if not len(ids):
        yield [], np.empty((0, sampling.augmentations, dense.units))
        return
    size = min(len(ids), max(1, PIXELS_AT_ONCE // (input_size**2 * sampling.augmentations)))
    # All parts have one shape, the last one being filled up, so that the convolutions are planned once.
    part = views_together(size * sampling.augmentations, input_size)
    forward = tf.function(
        lambda parts: tf.map_fn(partial(trunk, training=False), parts, parallel_iterations=1),
        input_signature=[tf.TensorSpec((None, part, input_size, input_size, 1), tf.float32)],
        autograph=False,
    )
    for start in range(0, len(ids), size):
        batch = slice(start, start + size)
        images = read_grey(batch)
        augmentations = augmentations_of(ids[batch], view, sampling, images.shape[-1], input_size, key)
        views = augmentation.apply(images, augmentations, input_size)
        views = views.reshape(-1, *views.shape[2:])
        if missing := -len(views) % part:
            views = np.concatenate([views, np.zeros((missing, *views.shape[1:]), np.float32)])
        features_GAH = forward(views.reshape(-1, part, *views.shape[1:])).numpy().reshape(-1, dense.units)
        features_GAH = features_GAH[: len(images) * sampling.augmentations]
        yield list(ids[batch]), features_GAH.reshape(len(images), sampling.augmentations, dense.units)
