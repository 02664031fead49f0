"""What drives the surprise: found again where it is known, and nothing where the posterior is right."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from activezoo import cli, tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions, read_predictions, write_predictions
from activezoo.posteriors import surprise
from activezoo.posteriors.surprise import EXCESS, SURPRISE, VOTES

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
    observed, features = galaxies
    return surprise.importance(observed, surprise.varying(features), GROUPS)


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
    observed, features = galaxies
    again = surprise.importance(observed, surprise.varying(features), GROUPS)
    pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_missing_values_warn_nobody(galaxies, recwarn):
    observed, features = galaxies
    surprise.importance(observed[:60], features[:60].drop(columns=["empty", "same"]), GROUPS)
    assert not recwarn.list


def test_resamples_are_bootstraps_with_galaxies_set_aside():
    times = surprise.resample(500)
    assert times.shape == (500, surprise.RESAMPLES)
    assert np.all(np.abs(times.astype(int)).sum(axis=0) == 500)
    assert np.mean(times == 0) == pytest.approx(np.exp(-1), abs=0.02)
    assert np.mean(times[times != 0] < 0) == pytest.approx(0.15, abs=0.02)
    assert len(np.unique(times, axis=1).T) == surprise.RESAMPLES


def votes(rho_GT: np.ndarray, truth: np.ndarray) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions ρ̂, and votes of the true ρ with N of 10 to 45."""
    rng = np.random.default_rng(1)
    responses = rng.integers(10, 46, len(truth))
    predictions = Predictions([str(row) for row in range(len(truth))], rho_GT, np.full(rho_GT.shape[1], 0.5))
    return predictions, rng.binomial(responses, truth), responses


def truth_and_features(galaxies: int = 1500) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.random((galaxies, 2)), columns=["redshift", "magnitude"])
    return rng.beta(0.7, 0.7, galaxies), features


def explained(rho_GT: np.ndarray, truth: np.ndarray, features: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What drives each target, by feature; the vote fraction k/N is one of the features, as in a run."""
    predictions, k, responses = votes(rho_GT, truth)
    features = features.assign(bar=k / responses)
    table = surprise.explain(predictions, k, responses, features, GROUPS)
    assert table.columns.tolist() == list(surprise.NOTHING)
    return {target: rows.set_index("feature") for target, rows in table.groupby("target", sort=False)}


def test_nothing_drives_the_excess_of_a_perfect_model_but_much_drives_its_surprise():
    truth, features = truth_and_features()
    of = explained(np.column_stack([truth, truth]), truth, features)
    assert list(of) == [EXCESS, SURPRISE]
    assert abs(of[EXCESS]["mean"][VOTES]) < 3 * of[EXCESS].standard_error[VOTES] < 0.06
    assert (of[EXCESS].low < 0.02).all()
    assert (of[EXCESS].importance < 0.06).all()
    assert of[SURPRISE].index[0] == "bar"
    assert of[SURPRISE].low["bar"] > 0.2


def test_what_a_model_is_wrong_about_leads_the_excess():
    """Where the redshift is high, the logit of ρ̂ is off; the surprise itself still depends on the fraction more."""
    truth, features = truth_and_features()
    error = 0.6 * np.random.default_rng(2).choice([-1, 1], len(truth)) * (features.redshift > 0.6)
    wrong = expit(logit(truth) + error)
    of = explained(np.column_stack([wrong, wrong]), truth, features)
    assert of[EXCESS].index[0] == "redshift"
    assert of[EXCESS].low["redshift"] > of[EXCESS].high.drop("redshift").max()
    assert of[EXCESS]["mean"][VOTES] > 5 * of[EXCESS].standard_error[VOTES]
    assert of[SURPRISE].index[0] == "bar"


def test_the_number_of_votes_is_a_feature_of_the_excess_alone():
    """The paper did without; it is of no group of the others."""
    truth, features = truth_and_features(60)
    of = explained(np.column_stack([truth, truth]), truth, features)
    groups = {"redshift": "other", "magnitude": "other", "bar": "morphology"}
    assert of[SURPRISE].group.to_dict() == groups
    assert of[EXCESS].group.to_dict() == {**groups, VOTES: "votes"}
    assert (of[SURPRISE].galaxies == 60).all()


def test_numbers_of_votes_that_are_all_the_same_are_left_out():
    truth, features = truth_and_features(60)
    predictions, k, responses = votes(truth[:, None].repeat(2, axis=1), truth)
    table = surprise.explain(predictions, np.minimum(k, 10), np.full_like(responses, 10), features, GROUPS)
    assert set(table.feature) == {"redshift", "magnitude"}


def test_step(tmp_path):
    truth, features = truth_and_features(60)
    predictions, k, responses = votes(truth[:, None].repeat(2, axis=1), truth)
    # Neither the votes nor the catalogue need be in the order of the predictions.
    answered = pd.DataFrame({"id": predictions.ids, "k": k, "N": responses})
    tables.write_with_csv(answered[::-1], tmp_path / "bar/votes.parquet")
    features.assign(name=predictions.ids)[::-1].to_csv(tmp_path / "catalogue.csv", index=False)
    write_predictions([predictions], tmp_path / "test.parquet")
    tables.write({"row": range(2, 62), "id": predictions.ids[::-1]}, tmp_path / "galaxies.parquet")
    inputs = {"predictions": "test.parquet", "votes": "bar/votes.parquet", "feature-votes": "bar/votes.parquet"}
    files = inputs | {"catalogue": "catalogue.csv", "galaxies": "galaxies.parquet"}
    files |= {"parquet": "surprise.parquet", "png": "figure.png"}
    flags = [f"--{name}={tmp_path / file}" for name, file in files.items()]
    settings = ["--question=bar", "--other=redshift", "--other=magnitude"]
    assert cli.main(["explain_surprise", *flags, *settings]) == 0
    groups = {"vote fraction bar": "morphology", "redshift": "other", "magnitude": "other"}
    columns = pd.DataFrame({"vote fraction bar": k / responses, **features})
    stored = read_predictions(tmp_path / "test.parquet")
    expected = surprise.explain(stored, k, responses, columns, groups)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "surprise.parquet").to_pandas(), expected)
    assert (tmp_path / "figure.png").stat().st_size


def test_too_few_galaxies():
    truth, features = truth_and_features(49)
    with pytest.raises(InputError, match="from 49 galaxies, at least 50"):
        explained(truth[:, None].repeat(2, axis=1), truth, features)


def test_no_feature_that_varies():
    truth, features = truth_and_features(60)
    same = features.assign(empty=np.nan, same=1.5)[["empty", "same"]]
    with pytest.raises(InputError, match=r"none of the features \['empty', 'same'\] varies"):
        surprise.explain(*votes(truth[:, None].repeat(2, axis=1), truth), same, GROUPS)
