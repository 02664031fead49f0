"""Information per vote: a few votes at a time go to the galaxy, new or known, where the next ones tell most."""

import numpy as np

from activezoo.acquisition.registry import Asks, Candidates, Strategy
from activezoo.model.votes import mutual_information

# Votes on a galaxy in one iteration, in units of a few: a galaxy that is worth more gets them in the next.
MOST = 5


def rank(candidates: Candidates) -> Asks:
    """Rank by what the next votes on a galaxy would add to the mutual information with the network, nats.

    The information of n votes (paper Eq. 24) grows ever slower with n. So the best use of a number of votes is greedy:
    the gains of further votes, of all galaxies, in order.
    """
    few = candidates.few_votes or candidates.expected_responses
    information_NG = [np.zeros(len(candidates.ids))]
    for times in range(1, MOST + 1):
        information_NG.append(
            np.concatenate(
                [mutual_information(part.rho_GT, times * few, part.weights_T) for part in candidates.predictions]
            )
        )
    gains_NG = np.diff(information_NG, axis=0)
    times_R, galaxies_R = (index.ravel() for index in np.indices(gains_NG.shape))
    # Of equal gains, that of the first votes; then in order of id, so that the order is unique.
    order = np.lexsort((np.asarray(candidates.ids)[galaxies_R], times_R, -gains_NG.ravel()))
    return Asks(galaxies_R[order], gains_NG.ravel()[order], np.full(len(order), few))


STRATEGY = Strategy(label="BALD, a vote", colour="#000000", needs_predictions=True, rank=rank, votes="any")
