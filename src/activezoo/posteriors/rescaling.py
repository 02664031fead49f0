"""A rescaling of predicted vote probabilities, fitted to held-out votes.

They need not be right where they are extreme (paper §4), and networks of MC dropout agree too much. So networks are
spread first: the logit of each moves away from the mean logit of the mixture by a factor. Where it goes to, its rank
says: to the quantile of a distribution as wide as the networks of the galaxy scatter, and with the tails of
sinh(tail × z) / tail, z being normal. For networks scatter about normally, but they are wrong by little mostly and by
much at times. Then comes beta calibration (Kull, Silva Filho & Flach 2017): logit ρ' = a ln ρ − b ln(1 − ρ) + c with
a, b ≥ 0. Slopes above 1 make predictions more extreme, a on the side of 0 and b on the side of 1. The identity is
a = b = spread = 1, c = 0, without a tail. The order of the networks of a galaxy stays.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import counts

log = logging.getLogger(__name__)

# The coefficients need some votes, or posteriors are worse than before.
LEAST_GALAXIES = 30
# Logits beyond are not told apart, as in `posterior.vote_probability`.
_LARGEST_LOGIT = 16.0
# Smaller tails are taken for normal; larger ones than the largest are not tried.
_NORMAL, _LARGEST_TAIL = 1e-6, 3.0


class Rescaling(NamedTuple):
    """The rescaling, by its coefficients."""

    a: float
    b: float
    c: float
    spread: float
    tail: float | None = None
    """0 for normal tails, more for heavier ones; None leaves the networks as they scatter, but for the spread."""

    def apply(self, predictions: Predictions) -> Predictions:
        """The same networks, rescaled; where there are several answers, the positive ones keep their shares of ρ.

        So do the others of 1 − ρ.
        """
        from scipy.special import expit, log_expit, logit

        smallest = np.exp(-_LARGEST_LOGIT)
        logit_GT = logit(np.clip(predictions.rho_GT, smallest, 1 - smallest))
        mean_G1 = (logit_GT @ predictions.weights_T)[:, None]
        deviation_GT = logit_GT - mean_G1
        if self.tail is not None:
            width_G1 = np.sqrt(deviation_GT**2 @ predictions.weights_T)[:, None]
            deviation_GT = width_G1 * _quantiles(deviation_GT, predictions.weights_T, self.tail)
        logit_GT = np.clip(mean_G1 + self.spread * deviation_GT, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        rescaled_GT = self.a * log_expit(logit_GT) - self.b * log_expit(-logit_GT) + self.c
        rho_GT = expit(np.clip(rescaled_GT, -_LARGEST_LOGIT, _LARGEST_LOGIT))
        rescaled = predictions._replace(rho_GT=rho_GT)
        if predictions.answers_GTA is None:
            return rescaled
        before_GT = np.clip(predictions.rho_GT, smallest, 1 - smallest)
        positive_A = np.array(list(predictions.answers.values()))
        factor_GTA = np.where(positive_A, (rho_GT / before_GT)[..., None], ((1 - rho_GT) / (1 - before_GT))[..., None])
        return rescaled._replace(answers_GTA=predictions.answers_GTA * factor_GTA)


IDENTITY = Rescaling(1.0, 1.0, 0.0, 1.0)
# Normal prior of the coefficients, mean and deviation: what to expect of networks of MC dropout. See docs/posteriors.md
# for how it was chosen.
PRIOR, PRIOR_DEVIATION = Rescaling(1.0, 1.0, 0.0, 1.7, 0.7), Rescaling(0.3, 0.3, 0.3, 0.6, 0.3)


def _quantiles(values_GT: np.ndarray, weights_T: np.ndarray, tail: float) -> np.ndarray:
    """Quantiles of sinh(tail × z) / tail, z being normal, at the ranks of values among those of a galaxy: (G, T)."""
    from scipy.special import ndtri

    order_GT = values_GT.argsort(axis=1, kind="stable")
    weights_GT = weights_T[order_GT]
    z_GT = np.empty_like(values_GT)
    np.put_along_axis(z_GT, order_GT, ndtri(np.cumsum(weights_GT, axis=1) - weights_GT / 2), axis=1)
    return np.sinh(tail * z_GT) / tail if tail > _NORMAL else z_GT


def fit(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> Rescaling:
    """Fit to the votes of galaxies that the model was not trained on: the likelihood of the mixture, times the prior.

    The likelihood is a proper score, so that posteriors gain by being sharp as well as by being calibrated. The prior
    keeps few galaxies from telling too much.

    Parameters
    ----------
    predictions
        Of held-out galaxies, not rescaled.
    k, responses
        Positive votes and all votes N of each galaxy, shapes (G,).

    Raises
    ------
    InputError
        All votes are the same.
    """
    from scipy.optimize import minimize

    k, responses = np.asarray(k), np.asarray(responses)
    if not 0 < k.sum() < responses.sum():
        raise InputError(
            f"rescaling: {k.sum()} of {responses.sum()} votes on {len(k)} held-out galaxies are positive; both answers "
            "are needed, hold out more galaxies"
        )

    if len(k) < LEAST_GALAXIES:
        log.warning(
            "rescaling: %d held-out galaxies are too few to fit it, at least %d are needed (posteriors.held_out); "
            "nothing is rescaled",
            *(len(k), LEAST_GALAXIES),
        )
        return IDENTITY

    def loss(coefficients: np.ndarray) -> float:
        """−log of likelihood and prior, a galaxy."""
        surprise = counts.surprise(Rescaling(*coefficients).apply(predictions), k, responses)
        unexpected = (coefficients - np.array(PRIOR)) / np.array(PRIOR_DEVIATION)
        return float((surprise.sum() + (unexpected**2).sum() / 2) / len(k))

    bounds = [(0, None), (0, None), (None, None), (0, None), (0, _LARGEST_TAIL)]
    near = minimize(loss, PRIOR, method="L-BFGS-B", bounds=bounds).x
    # It follows differences of the loss, and may stop far from the minimum, on one processor and not on another.
    found = minimize(loss, near, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-4, "fatol": 1e-7})
    return Rescaling(*found.x.tolist())


def write(rescaling: Rescaling, path: str | Path) -> None:
    """Write the coefficients as JSON."""
    with tables.whole_file(path) as partial:
        partial.write_text(json.dumps(rescaling._asdict()) + "\n")


def read(path: str | Path) -> Rescaling:
    """Read what `write` wrote.

    Raises
    ------
    InputError
        The file is missing or holds something else.
    """
    try:
        values = json.loads(Path(path).read_text())
        tail = values.pop("tail")
        return Rescaling(**{name: float(of) for name, of in values.items()}, tail=None if tail is None else float(tail))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run again to make it") from None
    except (ValueError, TypeError, AttributeError, KeyError):
        raise InputError(
            f'{path}: not the coefficients of a rescaling, {{"a": …, "b": …, "c": …, "spread": …, "tail": …}}; '
            "delete it and run again"
        ) from None
