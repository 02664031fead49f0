"""Information per vote: a few votes at a time go to the galaxy, new or known, where the next ones tell most."""

import numpy as np

from activezoo.acquisition.registry import Asks, Candidates, Strategy
from activezoo.model.information import information
from activezoo.model.predictions import Predictions, TreePredictions

# How often a galaxy is asked for a few votes in one iteration, at most; it can get more in the next.
MOST = 5


def rank(candidates: Candidates) -> Asks:
    """Rank by what the next votes on a galaxy would add to those that it has, nats.

    The information of n votes about the network (paper Eq. 24) grows ever slower with n. So the best use of a number of
    votes is greedy: the gains of further votes, of all galaxies, in order. Those of a known galaxy begin where its
    votes end, for the networks go on to disagree on a galaxy that they have learnt from.
    """
    few = candidates.few_votes or candidates.expected_responses
    known_G = np.zeros(len(candidates.ids), int) if candidates.known_votes is None else candidates.known_votes
    gains_NG = np.empty((MOST, len(known_G)))
    start = 0
    for part in candidates.predictions:
        places = slice(start, start := start + len(part.ids))
        gains_NG[:, places] = _gains(part, known_G[places], few)
    times_R, galaxies_R = (index.ravel() for index in np.indices(gains_NG.shape))
    # Of equal gains, that of the first votes; then in order of id, so that the order is unique.
    order = np.lexsort((np.asarray(candidates.ids)[galaxies_R], times_R, -gains_NG.ravel()))
    return Asks(galaxies_R[order], gains_NG.ravel()[order], np.full(len(order), few))


def _gains(predictions: Predictions | TreePredictions, known_G: np.ndarray, few: int) -> np.ndarray:
    """What a few votes would add to those known, and what as many after them, and so on, shape (MOST, G)."""
    gains_NG = np.empty((MOST, len(known_G)))
    for known in np.unique(known_G):
        rows = np.flatnonzero(known_G == known)
        some = predictions.of(rows)
        after = [
            information(some, votes) if votes else np.zeros(len(rows)) for votes in known + few * np.arange(MOST + 1)
        ]
        gains_NG[:, rows] = np.diff(after, axis=0)
    return gains_NG


STRATEGY = Strategy(label="BALD per vote", colour="#000000", needs_predictions=True, rank=rank, votes="any")
