"""Galaxies that are set aside from training, to calibrate posteriors on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from activezoo import randomness
from activezoo.errors import InputError


def hold_out(ids: Sequence[str], question: str, fraction: float) -> np.ndarray:
    """Which training galaxies are set aside for calibration, shape (G,); the same for all seeds.

    Raises
    ------
    InputError
        None is set aside, or none is left.
    """
    number = round(fraction * len(ids))
    if fraction and not 0 < number < len(ids):
        raise InputError(
            f"question {question!r}: the fraction {fraction:g} (posteriors.held_out) of {len(ids)} training galaxies "
            f"is {number}; change it, or set posteriors.tune_dropout and posteriors.rescale to false"
        )
    order = randomness.generator(question, "held out").permutation(np.argsort(np.asarray(ids), kind="stable"))
    mask = np.zeros(len(ids), bool)
    mask[order[:number]] = True
    return mask
