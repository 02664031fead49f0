"""A monotonic rescaling of predicted vote probabilities, which need not be right where they are extreme (paper §4).

Beta calibration (Kull, Silva Filho & Flach 2017): logit ρ' = a ln ρ − b ln(1 − ρ) + c with a, b ≥ 0. The identity is
a = b = 1, c = 0; slopes above 1 make predictions more extreme, a on the side of 0 and b on the side of 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import counts

# Logits beyond are not told apart, as in `posterior.vote_probability`.
_LARGEST_LOGIT = 16.0


class Rescaling(NamedTuple):
    """The rescaling, by its three coefficients."""

    a: float
    b: float
    c: float

    def apply(self, rho: np.ndarray) -> np.ndarray:
        """Rescale probabilities; the order of any two stays."""
        from scipy.special import expit

        log_yes, log_no = _logs(rho)
        logit = self.a * log_yes - self.b * log_no + self.c
        return expit(np.clip(logit, -_LARGEST_LOGIT, _LARGEST_LOGIT))


IDENTITY = Rescaling(1.0, 1.0, 0.0)


def _logs(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    smallest = np.exp(-_LARGEST_LOGIT)
    rho = np.asarray(rho, np.float64)
    return np.log(np.maximum(rho, smallest)), np.log(np.maximum(1.0 - rho, smallest))


def fit(predictions: Predictions, k: np.ndarray, responses: np.ndarray) -> Rescaling:
    """Fit to the votes of galaxies that the model was not trained on: the maximum likelihood of the mixture.

    Fitted to networks one by one instead, it would shrink their spread too, which the mixture is there to show.

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

    def mean_surprise(coefficients: np.ndarray) -> float:
        rescaled = predictions._replace(rho_GT=Rescaling(*coefficients).apply(predictions.rho_GT))
        return float(counts.surprise(rescaled, k, responses).mean())

    bounds = [(0, None), (0, None), (None, None)]
    return Rescaling(*minimize(mean_surprise, IDENTITY, method="L-BFGS-B", bounds=bounds).x.tolist())


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
        return Rescaling(**{name: float(value) for name, value in json.loads(Path(path).read_text()).items()})
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, TypeError, AttributeError):
        raise InputError(f'{path}: not the coefficients of a rescaling, {{"a": …, "b": …, "c": …}}') from None
