"""A trained model: its weights, and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from activezoo.model import backend, description, network
from activezoo.model.description import Description

if TYPE_CHECKING:
    import keras


class TrainedModel(NamedTuple):
    """A network that can predict, as it was trained."""

    description: Description
    network: keras.Model


def load(model: str | Path, weights: str | Path) -> TrainedModel:
    """Load a model from the files of its description and its weights.

    Raises
    ------
    InputError
        A file is missing, damaged, or the weights are not of the network described.
    """
    described = description.read(model)
    backend.warn_if_emulated(described.architecture.precision)
    built = network.build(described.architecture, answers=described.numbers_of_answers)
    network.load_weights(built, weights)
    return TrainedModel(described, built)
