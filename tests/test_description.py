"""What a model says of itself comes back as it was written."""

import json

import pytest

from activezoo import __version__
from activezoo.errors import InputError
from activezoo.model import description as descriptions


def test_a_description_comes_back_from_its_file(description, tmp_path):
    path = tmp_path / "model.json"
    described = description._replace(votes=1280)
    descriptions.write(described, path)
    assert descriptions.read(path) == described
    assert json.loads(path.read_text())["view"] == {"zoom": [1.1, 1.3], "crop": "anywhere"}


@pytest.mark.parametrize(("galaxies", "votes", "expected"), [(2, 81, 41), (3, 34, 11), (5, 1, 1)])
def test_expected_responses_are_the_rounded_mean(description, galaxies, votes, expected):
    assert description._replace(galaxies=galaxies, votes=votes).expected_responses == expected


def test_draws_are_told_apart_by_iteration_and_outside_the_loop_by_name(description):
    assert description.key("train") == ("smooth", 1, 2, "train")
    assert description._replace(strategy="random").key("train") == ("smooth", 1, 2, "train")
    assert description._replace(strategy="all", iteration=0).key("predict") == ("smooth", 1, "all", "predict")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"view": 3}', "null"])
def test_what_is_no_description_is_named(description, tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InputError, match=r"model\.json: not the description of a model"):
        descriptions.read(tmp_path / "model.json")
    with pytest.raises(InputError, match=r"other\.json: no such file"):
        descriptions.read(tmp_path / "other.json")


def test_a_model_of_another_version_is_read_if_it_can_be_and_else_refused_by_its_version(description, tmp_path):
    path = tmp_path / "model.json"
    descriptions.write(description._replace(version="0.1.4"), path)
    assert descriptions.read(path).version == "0.1.4"
    values = json.loads(path.read_text())
    for changed in (values | {"colour": "red"}, {"version": "0.1.4"}, values | {"architecture": {"layers": 3}}):
        path.write_text(json.dumps(changed))
        with pytest.raises(InputError, match=r"model\.json: a model of activezoo 0\.1\.4, which .* cannot read"):
            descriptions.read(path)


def test_a_key_that_is_missing_or_unknown_is_named(description, tmp_path):
    path = tmp_path / "model.json"
    descriptions.write(description._replace(version=__version__), path)
    values = json.loads(path.read_text())
    for change in ({"colour": "red"}, {"seed": None}):
        changed = values | change
        if change.get("seed", 0) is None:
            del changed["seed"]
        path.write_text(json.dumps(changed))
        with pytest.raises(InputError, match=r"colour|seed"):
            descriptions.read(path)
