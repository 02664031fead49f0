"""What drives the surprise: found again where it is known."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from activezoo.errors import InputError
from activezoo.posteriors import surprise

GROUPS = {
    "featured": "morphology",
    "bar": "morphology",
    "redshift": "other",
    "magnitude": "other",
    "empty": "other",
    "same": "morphology",
}


@pytest.fixture(scope="module")
def galaxies() -> tuple[np.ndarray, pd.DataFrame]:
    """Surprise that grows by 2 nats with `featured` and by 0.5 over `redshift`, which is missing for a seventh."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.random((600, 4)), columns=["magnitude", "redshift", "bar", "featured"])
    observed = 2 * features.featured + 0.5 * (features.redshift > 0.5) + rng.normal(0, 0.2, 600)
    features.loc[::7, "redshift"] = np.nan
    return observed.to_numpy(), features.assign(empty=np.nan, same=1.5)


@pytest.fixture(scope="module")
def table(galaxies) -> pd.DataFrame:
    return surprise.importance(*galaxies, GROUPS)


def test_importance_is_the_mean_absolute_contribution(table):
    """Of 2x for uniform x it is 1/2, of a step by 1/2 at the median 1/4, a seventh less where values are missing."""
    rows = table.set_index("feature")
    assert rows.importance["featured"] == pytest.approx(0.5, abs=0.05)
    assert rows.importance["redshift"] == pytest.approx(0.25 * 6 / 7, abs=0.04)
    assert rows.importance[["bar", "magnitude"]].max() < 0.05


def test_table_is_sorted_and_complete(table):
    assert table.columns.tolist() == ["feature", "group", "importance", "low", "high"]
    assert table.feature.tolist()[:2] == ["featured", "redshift"]
    assert sorted(table.feature) == ["bar", "featured", "magnitude", "redshift"]
    assert table.group.tolist() == [GROUPS[name] for name in table.feature]
    assert np.all(np.diff(table.importance) <= 0)


def test_interval_holds_the_importance_and_tells_effects_from_noise(table):
    assert np.all((table.low >= 0) & (table.low <= table.importance) & (table.importance <= table.high))
    assert table.low[1] > table.high[2:].max()
    assert np.all(table.high - table.low < 0.25)


def test_columns_without_information_are_named(galaxies, caplog):
    with caplog.at_level(logging.WARNING):
        kept = surprise.varying(galaxies[1])
    assert list(kept) == ["magnitude", "redshift", "bar", "featured"]
    assert "['empty', 'same']" in caplog.text
    caplog.clear()
    surprise.varying(kept)
    assert not caplog.text


def test_same_galaxies_same_bits(galaxies, table):
    pd.testing.assert_frame_equal(surprise.importance(*galaxies, GROUPS), table, check_exact=True)


def test_missing_values_warn_nobody(galaxies, recwarn):
    observed, features = galaxies
    surprise.importance(observed[:60], features[:60], GROUPS)
    assert not recwarn.list


def test_resamples_are_bootstraps_with_galaxies_set_aside():
    times = surprise.resample(500)
    assert times.shape == (500, surprise.RESAMPLES)
    assert np.all(np.abs(times.astype(int)).sum(axis=0) == 500)
    assert np.mean(times == 0) == pytest.approx(np.exp(-1), abs=0.02)
    assert np.mean(times[times != 0] < 0) == pytest.approx(0.15, abs=0.02)
    assert len(np.unique(times, axis=1).T) == surprise.RESAMPLES


def test_too_few_galaxies(galaxies):
    observed, features = galaxies
    with pytest.raises(InputError, match="from 49 galaxies, at least 50"):
        surprise.importance(observed[:49], features[:49], GROUPS)


def test_no_feature_that_varies(galaxies):
    observed, features = galaxies
    with pytest.raises(InputError, match=r"none of the features \['empty', 'same'\] varies"):
        surprise.importance(observed, features[["empty", "same"]], GROUPS)
