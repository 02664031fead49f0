"""Random choice: the baseline."""

import numpy as np

from activezoo.acquisition.registry import Asks, Candidates, Strategy


def rank(candidates: Candidates) -> Asks:
    """Rank at random, whatever the order in which the candidates come."""
    by_id = np.argsort(np.asarray(candidates.ids), kind="stable")
    return Asks(by_id[candidates.rng.permutation(len(by_id))], np.full(len(by_id), np.nan))


STRATEGY = Strategy(label="random", colour="#0072B2", needs_predictions=False, rank=rank)
