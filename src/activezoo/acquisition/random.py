"""Random choice: the baseline."""

import numpy as np

from activezoo.acquisition.registry import Asks, Candidates, Strategy


def rank(candidates: Candidates) -> Asks:
    """Rank at random, whatever the order in which the candidates come."""
    by_id = np.argsort(np.asarray(candidates.ids), kind="stable")
    chosen = by_id[candidates.rng.permutation(len(by_id))][: candidates.most]
    return Asks(chosen, np.full(len(chosen), np.nan))


STRATEGY = Strategy(label="random", colour="#0072B2", needs_predictions=False, rank=rank)
