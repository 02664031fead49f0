"""The published catalogue, as astropy opens it: names, values, units, descriptions, what made it."""

import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions
from activezoo.posteriors import conformal
from activezoo.posteriors.catalogue import summarise, with_roles
from activezoo.posteriors.published import fraction_column, published, write_fits
from activezoo.survey.layout import Answers

FRACTION = "t03_bar_a06_bar_fraction"
PROVENANCE = {"activezoo": "0.2.0", "question": "bar", "galaxies trained on": 1234}


@pytest.mark.parametrize(
    ("positive", "name"),
    [
        (["t01_smooth_or_features_a01_smooth_count"], "t01_smooth_or_features_a01_smooth_fraction"),
        (["smooth-or-featured_smooth-count"], "smooth-or-featured_smooth_fraction"),
        (["smooth-or-featured-desi_smooth"], "smooth-or-featured-desi_smooth_fraction"),
        (["bar_strong_count", "bar_weak_count"], "bar_fraction"),
    ],
)
def test_fractions_are_named_as_releases_name_them(positive, name):
    assert fraction_column(Answers(positive, [*positive, "no"]), "bar") == name


@pytest.fixture
def catalogue(tmp_path):
    """A catalogue of 40 galaxies, and what it was made of."""
    rng = np.random.default_rng(1)
    predictions = Predictions([f"5877{row}" for row in range(40)], rng.random((40, 4)), np.full(4, 0.25))
    calibration = conformal.calibrate(predictions, rng.integers(0, 21, 40), np.full(40, 20))
    summary = with_roles(summarise(predictions, 20, calibration=calibration), {"58773": "test"})
    tables.write_stream([published(summary, FRACTION, PROVENANCE)], tmp_path / "catalogue.parquet")
    return tmp_path / "catalogue.parquet", summary


def public_name(name):
    return FRACTION if name == "mean" else name.replace("rho_", f"{FRACTION}_")


def test_names_are_public_and_values_stay(catalogue):
    path, summary = catalogue
    back = tables.read(path)
    assert back.column_names == [public_name(name) for name in summary.column_names]
    for mine, theirs in zip(back.columns, summary.columns, strict=True):
        assert mine.equals(theirs)
    assert {f"{FRACTION}_low_95", f"{FRACTION}_high_95", FRACTION} <= set(back.column_names)


def test_every_column_says_what_it_is(catalogue):
    path, _ = catalogue
    schema = pq.read_schema(path)
    assert all(field.metadata[b"description"] for field in schema)
    high = schema.field("conformal_high_95").metadata
    assert high[b"description"] == b"Upper end of the conformal 95 % interval of that number"
    assert high[b"unit"] == b"count"
    assert schema.metadata[b"galaxies trained on"] == b"1234"


@pytest.mark.parametrize("kind", ["parquet.votable", "fits"])
def test_astropy_opens_it_with_units_and_descriptions(catalogue, kind, tmp_path):
    table = pytest.importorskip("astropy.table").Table
    path, summary = catalogue
    if kind == "fits":
        path, parquet = tmp_path / "catalogue.fits", path
        write_fits(parquet, path)
    opened = table.read(path, format=kind)
    assert opened.colnames == [public_name(name) for name in summary.column_names]
    assert [str(galaxy) for galaxy in opened["id"]] == summary["id"].to_pylist()
    assert {str(role) for role in opened["role"]} == {"test", "other"}
    np.testing.assert_array_equal(opened[FRACTION], summary["mean"].to_numpy())
    np.testing.assert_array_equal(np.stack(opened["rho"]), np.array(summary["rho"].to_pylist(), np.float32))
    assert str(opened["k_most_likely"].unit) in ("count", "ct")
    assert opened[FRACTION].description == "Mean over networks of the probability that a volunteer gives the answer"
    if kind == "fits":
        assert "galaxies trained on: 1234" in opened.meta["comments"]


def test_without_astropy_the_extra_is_named_and_no_file_is_left(catalogue, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.table", None)
    with pytest.raises(InputError, match=r"catalogue\.fits: astropy writes FITS; install it with: pip install"):
        write_fits(catalogue[0], tmp_path / "catalogue.fits")
    assert not (tmp_path / "catalogue.fits").exists()


def test_another_table_is_refused(tmp_path):
    tables.write({"id": ["a"]}, tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet: column 'id' has no description"):
        write_fits(tmp_path / "other.parquet", tmp_path / "other.fits")
    assert not (tmp_path / "other.fits").exists()
