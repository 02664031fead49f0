"""The catalogue of posteriors against SciPy, galaxy by galaxy, and its file."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model import votes
from activezoo.model.predictions import Predictions
from activezoo.posteriors import conformal
from activezoo.posteriors.catalogue import coverage_by_group, interval_coverage, summarise

COLUMNS = [
    "id", "rho", "mean", "rho_low_68", "rho_high_68", "rho_low_95", "rho_high_95",
    "N", "k_most_likely", "k_low_68", "k_high_68", "k_low_95", "k_high_95",
    "predictive_entropy", "mutual_information", "p_majority",
]  # fmt: skip


def predicted(rho_GT, first=0):
    galaxies, networks = np.shape(rho_GT)
    ids = [f"galaxy{first + number}" for number in range(galaxies)]
    return Predictions(ids, np.array(rho_GT, float), np.full(networks, 1 / networks))


def random_predictions(galaxies=40, networks=30, seed=0, first=0):
    return predicted(np.random.default_rng(seed).beta(2, 1, (galaxies, networks)), first)


@pytest.mark.parametrize("responses", [37, np.random.default_rng(1).integers(1, 50, 40)], ids=["one N", "each its own"])
def test_rows_galaxy_by_galaxy(responses):
    predictions = random_predictions()
    catalogue = summarise(predictions, responses)
    assert catalogue.column_names == COLUMNS
    assert catalogue["rho"].type == pa.list_(pa.float32(), 30)
    for row, rho_T, n in zip(catalogue.to_pylist(), predictions.rho_GT, np.broadcast_to(responses, 40), strict=True):
        pmf = stats.binom.pmf(np.arange(n + 1), n, rho_T[:, None]).mean(axis=0)
        cdf = pmf.cumsum()
        assert row["rho"] == pytest.approx(rho_T, abs=1e-6)
        assert row["mean"] == pytest.approx(rho_T.mean())
        assert row["N"] == n
        assert row["k_most_likely"] == pmf.argmax()
        for level in (68, 95):
            low, high = (1 - level / 100) / 2, (1 + level / 100) / 2
            assert row[f"k_low_{level}"] == next(k for k in range(n + 1) if cdf[k] >= low)
            assert row[f"k_high_{level}"] == next(k for k in range(n + 1) if cdf[k] >= high)
            assert row[f"rho_low_{level}"] == pytest.approx(np.quantile(rho_T, low, method="hazen"))
            assert row[f"rho_high_{level}"] == pytest.approx(np.quantile(rho_T, high, method="hazen"))
        assert row["predictive_entropy"] == pytest.approx(stats.entropy(pmf))
        assert row["mutual_information"] == pytest.approx(votes.mutual_information(rho_T[None], int(n))[0])
        assert row["p_majority"] == pytest.approx(sum(p * np.heaviside(k - n / 2, 0.5) for k, p in enumerate(pmf)))
    assert catalogue["id"].to_pylist() == predictions.ids


# SciPy overflows at the smallest floats.
@given(st.lists(st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1), min_size=1, max_size=12), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_intervals_are_nested_and_hold_their_level(rho, n):
    row = summarise(predicted([rho]), n).to_pylist()[0]
    for quantity, highest in (("rho", 1), ("k", n)):
        ends = [row[f"{quantity}_{end}"] for end in ("low_95", "low_68", "high_68", "high_95")]
        assert ends == sorted(ends)
        assert 0 <= ends[0] <= ends[-1] <= highest
    pmf = stats.binom.pmf(np.arange(n + 1), n, np.array(rho)[:, None]).mean(axis=0)
    for level in (68, 95):
        assert pmf[row[f"k_low_{level}"] : row[f"k_high_{level}"] + 1].sum() >= level / 100 - 1e-8
    assert 0 <= row["mutual_information"] <= row["predictive_entropy"] + 1e-9 <= math.log(n + 1) + 1e-8
    assert 0 <= row["p_majority"] <= 1 + 1e-9


def test_quantiles_in_place_of_networks():
    predictions = random_predictions(networks=12)
    few = summarise(predictions, 20, quantiles=4)
    assert few["rho"].type == pa.list_(pa.float32(), 4)
    expected = np.quantile(predictions.rho_GT, [0.125, 0.375, 0.625, 0.875], axis=1, method="hazen").T
    np.testing.assert_allclose(few["rho"].to_pylist(), expected, rtol=1e-6)
    all_of_them = summarise(predictions, 20, quantiles=12)
    np.testing.assert_allclose(all_of_them["rho"].to_pylist(), np.sort(predictions.rho_GT, axis=1), rtol=1e-6)
    assert few.drop_columns("rho").equals(summarise(predictions, 20).drop_columns("rho"))


def test_conformal_intervals_stand_beside_those_of_the_posterior():
    calibrating, k = random_predictions(200, seed=2), np.random.default_rng(2).integers(0, 21, 200)
    calibration = conformal.calibrate(calibrating, k, np.full(200, 20), [0.6])
    predictions = random_predictions(50, seed=3)
    catalogue = summarise(predictions, 20, calibration=calibration)
    names = [f"conformal_{end}_{level}" for level in (68, 95) for end in ("low", "high")]
    place = COLUMNS.index("predictive_entropy")
    assert catalogue.column_names == [*COLUMNS[:place], *names, *COLUMNS[place:]]
    assert catalogue.drop_columns(names).equals(summarise(predictions, 20))
    pmf_GK = votes.mixture_pmf(predictions.rho_GT, 20)
    expected = calibration.intervals(pmf_GK, calibration.group(predictions)).reshape(4, 50)
    np.testing.assert_array_equal([catalogue[name].to_numpy() for name in names], expected)
    table = interval_coverage(catalogue.to_pandas(), None, np.full(50, 10))
    held = (expected[2] <= 10) & (expected[3] >= 10)
    assert table.set_index(["quantity", "level"]).covered["conformal", 0.95] == held.mean()


def test_networks_of_unequal_weight_are_refused():
    with pytest.raises(ValueError, match="networks differ in weight"):
        summarise(Predictions(["a"], np.array([[0.1, 0.2]]), np.array([0.3, 0.7])), 20)


def test_no_votes_to_predict_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        summarise(random_predictions(2), np.array([3, 0]))


def test_coverage_of_intervals_by_hand():
    catalogue = pd.DataFrame({"N": [10, 10, 20, 20]})
    for level in (68, 95):
        catalogue[f"rho_low_{level}"] = [0.1, 0.2, 0.3, 0.4]
        catalogue[f"rho_high_{level}"] = [0.2, 0.4, 0.6, 0.8]
        catalogue[f"k_low_{level}"] = [1, 1, 5, 5]
        catalogue[f"k_high_{level}"] = [3, 3, 9, 11]
    # Ends belong to the interval.
    table = interval_coverage(catalogue, np.array([0.1, 0.4, 0.2, 0.9]), np.array([3, 4, 10, 12]))
    assert list(zip(table.quantity, table.level, strict=True)) == [
        ("rho", 0.68),
        ("rho", 0.95),
        ("k", 0.68),
        ("k", 0.95),
    ]
    rho, k = table.iloc[0], table.iloc[3]
    assert (rho.galaxies, rho.covered, rho.below, rho.above) == (4, 0.5, 0.25, 0.25)
    assert rho.standard_error == pytest.approx(0.25)
    assert rho.mean_width == pytest.approx(0.25)
    assert (k.covered, k.below, k.above, k.mean_width) == (0.25, 0, 0.75, 3.5)
    assert list(interval_coverage(catalogue, None, np.array([3, 4, 10, 12])).quantity) == ["k", "k"]


def test_coverage_by_group_is_that_of_its_galaxies():
    catalogue = summarise(random_predictions(40), 20).to_pandas()
    k, truth = np.arange(40) % 21, np.linspace(0, 1, 40)
    features = pd.DataFrame({"size": np.arange(40.0), "same": 1.0, "few": [np.nan] * 30 + [1.0, 2.0] * 5})
    table = coverage_by_group(catalogue, truth, k, features, groups=2)
    assert table.groupby("feature").galaxies.first().to_dict() == {"few": 5, "size": 20}
    upper = table[(table.feature == "size") & (table.lowest == 20)].drop(columns=["feature", "lowest", "highest"])
    expected = interval_coverage(catalogue[20:], truth[20:], k[20:])
    pd.testing.assert_frame_equal(upper.reset_index(drop=True), expected)
    assert coverage_by_group(catalogue, None, k, features[["same"]]).empty


def test_intervals_cover_truths_drawn_from_the_posterior():
    rng = np.random.default_rng(5)
    centre = rng.normal(0, 1, (3000, 1))
    predictions = predicted(1 / (1 + np.exp(-centre - rng.normal(0, 0.8, (3000, 60)))))
    truth = 1 / (1 + np.exp(-centre[:, 0] - rng.normal(0, 0.8, 3000)))
    k = rng.binomial(40, truth)
    table = interval_coverage(summarise(predictions, 40).to_pandas(), truth, k)
    rho = table[table.quantity == "rho"]
    assert (abs(rho.covered - rho.level) < 4 * rho.standard_error + 0.01).all()
    counts = table[table.quantity == "k"]
    assert (counts.covered > counts.level - 4 * counts.standard_error).all()
    assert (counts.covered < counts.level + 0.08).all()


@pytest.mark.parametrize(
    ("truth", "k", "message"),
    [
        ([0.5, 1.5], [3, 4], "rho must be from 0 to 1"),
        ([0.5, np.nan], [3, 4], "rho must be from 0 to 1"),
        ([0.5], [3, 4], "rho must be from 0 to 1"),
        (None, [3, 21], "k must be from 0 to N"),
        (None, [3], "k must be from 0 to N"),
    ],
)
def test_truths_that_cannot_be(truth, k, message):
    catalogue = summarise(random_predictions(2), 20).to_pandas()
    with pytest.raises(ValueError, match=message):
        interval_coverage(catalogue, truth, k)


def test_a_stream_is_the_whole_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROW_GROUP", 50)
    parts = [summarise(random_predictions(15, 4, seed, 15 * seed), 20) for seed in range(10)]
    tables.write_stream(parts, tmp_path / "all.parquet")
    assert tables.read(tmp_path / "all.parquet").equals(pa.concat_tables(parts))
    groups = list(tables.read_stream(tmp_path / "all.parquet"))
    assert [len(group) for group in groups] == [60, 60, 30]


def test_a_catalogue_of_no_galaxies_has_all_columns(tmp_path):
    tables.write_stream([summarise(predicted(np.empty((0, 3))), 20, quantiles=2)], tmp_path / "empty.parquet")
    (back,) = tables.read_stream(tmp_path / "empty.parquet")
    assert len(back) == 0
    assert back.schema.equals(summarise(random_predictions(2), 20, quantiles=2).schema)


def test_only_one_row_group_is_held_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROW_GROUP", 40)
    written, write_table = [], pq.ParquetWriter.write_table

    def counted(writer, table):
        written.append(len(table))
        write_table(writer, table)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", counted)
    made = []

    def batches():
        for seed in range(12):
            made.append(10)
            assert sum(made) - sum(written) <= 40
            yield summarise(random_predictions(10, 3, seed), 20)

    tables.write_stream(batches(), tmp_path / "catalogue.parquet")
    assert written == [40, 40, 40]


def test_a_stream_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no table to write"):
        tables.write_stream([], tmp_path / "all.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"broken\.parquet: not a readable parquet file"):
        next(tables.read_stream(tmp_path / "broken.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["broken.parquet"]
