"""BALD: the galaxies whose votes would carry most information about the network (paper §3.3)."""

from activezoo.acquisition.registry import Asks, Candidates, Strategy, by_score
from activezoo.model.information import information


def rank(candidates: Candidates) -> Asks:
    """Rank by the mutual information of the votes and the network (paper Eq. 24), nats."""
    scores = (information(part, candidates.expected_responses) for part in candidates.predictions)
    return by_score(candidates.ids, scores, candidates.most)


STRATEGY = Strategy(label="BALD", colour="#D55E00", needs_predictions=True, rank=rank)
