"""The package for other people's loops: README's example, and an import that loads nothing heavy."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import activezoo

ROOT = Path(__file__).parents[1]


def test_the_example_of_the_readme_runs():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted >= 6
    assert results.failed == 0


def test_importing_it_loads_nothing_heavy():
    code = "import sys, activezoo; print(set(sys.modules) & {'tensorflow', 'pandas', 'numpy', 'pyarrow', 'matplotlib'})"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", activezoo.__all__)
def test_what_it_names_is_there_and_documented(name):
    assert getattr(activezoo, name).__doc__
    assert name in dir(activezoo)
    assert name in activezoo.__doc__


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        activezoo.nothing  # noqa: B018
