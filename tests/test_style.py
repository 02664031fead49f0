"""Python and Snakemake code are in the project's style."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOW = ["Snakefile", "workflow"]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--check", "--no-cache"],
        ["snakefmt", "--check", *WORKFLOW],
    ],
    ids=" ".join,
)
def test_style(command):
    path = Path(sys.executable).parent / command[0]
    done = subprocess.run([path, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
