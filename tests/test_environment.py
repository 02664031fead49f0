"""The pinned environments: pip's and conda's are the same, complete and verifiable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "envs/requirements.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def by_name(requirements: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(requirement) for requirement in requirements]
    assert len({canonicalize_name(requirement.name) for requirement in parsed}) == len(parsed)
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


@pytest.fixture(scope="module")
def locked() -> dict[str, Requirement]:
    return by_name(re.findall(r"^([^\s#].*?) \\$", LOCK, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((ROOT / "envs/activezoo.yaml").read_text())


def test_conda_has_the_same_pins(locked, conda):
    *_, with_pip = conda["dependencies"]
    assert by_name(with_pip["pip"]) == locked


def test_python_of_conda_is_supported(conda):
    version = conda["dependencies"][0].removeprefix("python=")
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])


def test_every_pin_has_a_hash_and_names_no_host(locked):
    blocks = re.split(r"\n(?=\S)", LOCK)
    assert sum("--hash=sha256:" in block for block in blocks) == len(locked)
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_pins_meet_what_the_package_asks_for(locked):
    project = PROJECT["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["cpu"] + PROJECT["dependency-groups"]["dev"]
    for requirement in map(Requirement, wanted):
        (pin,) = locked[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert pin.version in requirement.specifier, requirement


def test_one_tensorflow_at_a_time(locked):
    """`tensorflow` and `tensorflow-cpu` overwrite each other's files."""
    everywhere = [
        {"sys_platform": platform, "platform_machine": machine, "python_full_version": "3.11.0"}
        for platform in ("linux", "darwin")
        for machine in ("x86_64", "aarch64", "arm64")
    ]
    for environment in everywhere:
        found = [name for name in ("tensorflow", "tensorflow-cpu") if locked[name].marker.evaluate(environment)]
        assert len(found) == 1, environment
    gpu = [Requirement(requirement).name for requirement in PROJECT["project"]["optional-dependencies"]["gpu"]]
    assert gpu == ["tensorflow"]
    assert not any("tensorflow" in requirement for requirement in PROJECT["project"]["dependencies"])
