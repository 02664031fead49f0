"""What votes on galaxies would tell about the networks that predict them, of one question or of a tree of them."""

from __future__ import annotations

import numpy as np

from activezoo.model import answers, votes
from activezoo.model.predictions import Predictions, TreePredictions


def information(predictions: Predictions | TreePredictions, number: int) -> np.ndarray:
    """Information about the network that `number` votes on each galaxy would carry, nats, shape (G,).

    Notes
    -----
    Of one question, it is `mutual_information` of k of N votes, or of all answers if the model predicts them. Of a
    tree, it is the sum over questions, each weighted by the mean over networks of the probability that a volunteer
    comes to it. What the answers to several questions tell of the same thing counts with each.
    """
    if isinstance(predictions, TreePredictions):
        reached = predictions.reached_GT()
        return sum(
            (reached[name] @ part.weights_T) * information(part, number)
            for name, part in predictions.of_questions.items()
        )
    if predictions.answers_GTA is not None:
        return answers.mutual_information(
            predictions.answers_GTA, number, predictions.weights_T, predictions.concentration_GT
        )
    return votes.mutual_information(predictions.rho_GT, number, predictions.weights_T, predictions.concentration_GT)
