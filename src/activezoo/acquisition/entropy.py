"""Predictive entropy: the galaxies whose votes are least certain, whether images or networks are to blame."""

from activezoo.acquisition.registry import Asks, Candidates, Strategy, by_score
from activezoo.model.votes import entropy, mixture_pmf


def rank(candidates: Candidates) -> Asks:
    """Rank by the entropy of the count, marginalised over networks (the first term of paper Eq. 24), nats."""
    scores = (
        entropy(mixture_pmf(part.rho_GT, candidates.expected_responses, part.weights_T, part.concentration_GT))
        for part in candidates.predictions
    )
    return by_score(candidates.ids, scores, candidates.most)


STRATEGY = Strategy(label="entropy", colour="#009E73", needs_predictions=True, rank=rank)
