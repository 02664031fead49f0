"""The catalogue of posteriors: what the networks say about each galaxy, in a row, with no need of any votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activezoo import tables
from activezoo.model import votes
from activezoo.model.predictions import Predictions
from activezoo.posteriors import conformal, counts
from activezoo.posteriors.counts import LEVELS
from activezoo.survey.roles import galaxies_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CONFORMAL = "conformal"
"""What names the columns of conformal intervals of k."""


def summarise(
    predictions: Predictions,
    responses: int | np.ndarray,
    quantiles: int | None = None,
    calibration: conformal.Calibration | None = None,
) -> pa.Table:
    """Posteriors of galaxies over ρ and over k of N votes, in numbers.

    Parameters
    ----------
    predictions
        By networks of equal weight.
    responses
        Number of votes N that posteriors over k are about: one for all galaxies, or of each galaxy, shape (G,).
    quantiles
        Keep so many evenly spaced quantiles of ρ̂, at (i + ½) / quantiles, instead of ρ̂ of each network.
    calibration
        Of conformal intervals; without it, there are none.

    Returns
    -------
    A row a galaxy, with the columns

    - `id`;
    - `rho`: ρ̂ of each network, or quantiles of it; a list of float32;
    - `mean`: of ρ̂ over networks;
    - `rho_low_68`, `rho_high_68`, `rho_low_95`, `rho_high_95`: central intervals of ρ̂ over networks;
    - `N`: votes that the following columns are about;
    - `k_most_likely`, `k_low_68`, `k_high_68`, `k_low_95`, `k_high_95`: most likely count, and central intervals:
      the lowest counts whose cumulative probability reaches (1 − level) / 2 and (1 + level) / 2;
    - `conformal_low_68`, `conformal_high_68`, `conformal_low_95`, `conformal_high_95`: conformal intervals of k;
    - `predictive_entropy`: of k, nats;
    - `mutual_information`: of the votes and the network (paper Eq. 24), nats;
    - `p_majority`: p(k > N/2) + ½ p(k = N/2).

    Notes
    -----
    Quantiles of ρ̂ are those of Hazen, for which the sorted values of T networks are the quantiles at (i + ½) / T.
    """
    import pyarrow as pa

    if not np.allclose(predictions.weights_T, predictions.weights_T[0]):
        raise ValueError("networks differ in weight: predict with a number of masks, not with exact masks")
    galaxies = len(predictions.ids)
    responses = np.broadcast_to(np.asarray(responses, int), (galaxies,))
    rho_GT = predictions.rho_GT
    if quantiles is not None:
        rho_GT = _quantiles(predictions, (np.arange(quantiles) + 0.5) / quantiles)
    rho = pa.FixedSizeListArray.from_arrays(rho_GT.astype(np.float32).ravel(), rho_GT.shape[1])
    columns = {"id": pa.array(predictions.ids, pa.string()), "rho": rho, "mean": predictions.rho_GT.mean(axis=1)}
    for level in LEVELS:
        low, high = _names("rho", level)
        columns[low], columns[high] = _quantiles(predictions, _tails(level)).T
    columns["N"] = responses
    quantities = ["k"] if calibration is None else ["k", CONFORMAL]
    interval_columns = [name for quantity in quantities for level in LEVELS for name in _names(quantity, level)]
    for name in ("k_most_likely", *interval_columns):
        columns[name] = np.empty(galaxies, int)
    for name in ("predictive_entropy", "mutual_information", "p_majority"):
        columns[name] = np.empty(galaxies)

    group_G = None if calibration is None else calibration.group(predictions)
    for rows, n, pmf_RK in counts.posteriors(predictions, responses):
        columns["k_most_likely"][rows] = counts.most_likely(pmf_RK)
        for level in LEVELS:
            for name, probability in zip(_names("k", level), _tails(level), strict=True):
                columns[name][rows] = counts.quantile(pmf_RK, probability)
        if calibration is not None:
            for level, ends in zip(LEVELS, calibration.intervals(pmf_RK, group_G[rows]), strict=True):
                for name, end_R in zip(_names(CONFORMAL, level), ends, strict=True):
                    columns[name][rows] = end_R
        columns["predictive_entropy"][rows] = votes.entropy(pmf_RK)
        of_rows = predictions.of(rows)
        columns["mutual_information"][rows] = votes.mutual_information(
            of_rows.rho_GT, n, concentration_GT=of_rows.concentration_GT
        )
        columns["p_majority"][rows] = counts.majority(pmf_RK)
    return pa.table(columns)


def roles_of(split: str | Path, labelled: str | Path, held_out: str | Path) -> dict[str, str]:
    """What galaxies were to the models whose posteriors a catalogue holds, by id.

    `trained` on, `held_out` to tune predictions, of the `test` set, or `experts`: kept back to judge what experts would
    say. Galaxies that the question cannot be asked of are left out.
    """
    roles = dict.fromkeys(tables.read(split, ["id"])["id"].to_pylist(), "experts")
    roles |= dict.fromkeys(galaxies_of(tables.read(split), "test"), "test")
    for path, role in ((labelled, "trained"), (held_out, "held_out")):
        roles |= dict.fromkeys(tables.read(path, ["id"])["id"].to_pylist(), role)
    return roles


def with_roles(catalogue: pa.Table, roles: Mapping[str, str]) -> pa.Table:
    """The rows of a catalogue with the column `role` after their id: `other` of galaxies that no model knows."""
    import pyarrow as pa

    column = pa.array([roles.get(galaxy, "other") for galaxy in catalogue["id"].to_pylist()], pa.string())
    return catalogue.add_column(1, "role", column)


def _quantiles(predictions: Predictions, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles of ρ̂ over networks: a column for each probability."""
    return np.quantile(predictions.rho_GT, probabilities, axis=1, method="hazen").T


def _tails(level: float) -> tuple[float, float]:
    """Cumulative probabilities at the ends of a central interval."""
    return (1 - level) / 2, (1 + level) / 2


def _names(quantity: str, level: float) -> tuple[str, str]:
    """Columns of the ends of an interval."""
    return f"{quantity}_low_{100 * level:.0f}", f"{quantity}_high_{100 * level:.0f}"


def coverage_by_group(
    catalogue: pd.DataFrame, truth_rho: np.ndarray | None, k: np.ndarray, features: pd.DataFrame, groups: int = 4
) -> pd.DataFrame:
    """`interval_coverage` of groups of galaxies that are alike in a feature.

    Parameters
    ----------
    catalogue, truth_rho, k
        See `interval_coverage`.
    features
        A row a galaxy, in the order of the catalogue; numbers. Galaxies without a value are left out.
    groups
        Into how many groups of equal size each feature divides the galaxies. There are fewer where values are equal, so
        that galaxies of one value are in one group.

    Returns
    -------
    The columns of `interval_coverage` behind `feature`, `lowest` and `highest`, the values of a group's ends.
    """
    import pandas as pd

    parts = [pd.DataFrame(columns=["feature", "lowest", "highest"])]
    for name in features:
        quarters = pd.qcut(features[name].to_numpy(), groups, labels=False, duplicates="drop")
        for quarter in np.unique(quarters[~np.isnan(quarters)]):
            of = quarters == quarter
            found = interval_coverage(catalogue[of], None if truth_rho is None else truth_rho[of], k[of])
            ends = {"feature": name, "lowest": features[name][of].min(), "highest": features[name][of].max()}
            parts.append(found.assign(**ends)[[*ends, *found]])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def interval_coverage(catalogue: pd.DataFrame, truth_rho: np.ndarray | None, k: np.ndarray) -> pd.DataFrame:
    """How often the intervals of the catalogue hold the truth; both ends belong to an interval.

    Parameters
    ----------
    catalogue
        From `summarise`, for the N votes that each galaxy got.
    truth_rho
        True ρ of each galaxy, where it is known: only in a simulation.
    k
        Positive votes of each galaxy.

    Returns
    -------
    A row for each level and each of `rho` (if its truth is known), `k`, and `conformal`, the conformal interval of k
    (if the catalogue has it). Columns are `quantity`, `level`, `galaxies`, `covered`, `below` and `above` (fractions of
    the galaxies whose truth lies in the interval, below and above), `standard_error` (of `covered`) and `mean_width`.

    Notes
    -----
    A count is whole, so that an interval of k holds at least its level of the posterior, and more where N is small.
    """
    import pandas as pd

    truths = {"k": np.asarray(k)} if truth_rho is None else {"rho": np.asarray(truth_rho), "k": np.asarray(k)}
    for quantity, truth in truths.items():
        highest = catalogue.N if quantity == "k" else 1
        if truth.shape != (len(catalogue),) or not ((truth >= 0) & (truth <= highest)).all():
            raise ValueError(f"{quantity} must be from 0 to {'N' if quantity == 'k' else '1'}, one of each galaxy")
    if _names(CONFORMAL, LEVELS[0])[0] in catalogue:
        truths[CONFORMAL] = truths["k"]
    rows = []
    for quantity, truth in truths.items():
        for level in LEVELS:
            low, high = (catalogue[name].to_numpy() for name in _names(quantity, level))
            covered = np.mean((low <= truth) & (truth <= high))
            rows.append(
                {
                    "quantity": quantity,
                    "level": level,
                    "galaxies": len(catalogue),
                    "covered": covered,
                    "below": np.mean(truth < low),
                    "above": np.mean(truth > high),
                    "standard_error": np.sqrt(covered * (1 - covered) / len(catalogue)),
                    "mean_width": np.mean(high - low),
                }
            )
    return pd.DataFrame(rows)
