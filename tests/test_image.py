"""The recipe of the container image: pinned, layered for its cache, and not run as root."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "Dockerfile"
# Instructions, in their order; continued lines are joined, comments left out.
LINES = re.sub(r"^#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE).replace("\\\n", "").splitlines()
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in LINES if line.strip()]


def place(instruction: str, words: str) -> int:
    (found,) = [at for at, (what, rest) in enumerate(INSTRUCTIONS) if what == instruction and words in rest]
    return found


def test_base_is_pinned():
    ((_, base),) = [instruction for instruction in INSTRUCTIONS if instruction[0] == "FROM"]
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)


def test_packages_come_from_the_lock_with_hashes():
    installed = [rest for what, rest in INSTRUCTIONS if what == "RUN" and "pip install" in rest]
    assert all("--no-cache-dir" in rest and "--no-deps" in rest for rest in installed)
    from_lock, package = installed
    assert "--require-hashes" in from_lock
    assert "envs/requirements.txt" in from_lock
    assert "--editable ." in package
    assert not any("apt" in rest for what, rest in INSTRUCTIONS if what == "RUN")


def test_lock_is_copied_before_code():
    """So that an edit of the code does not install all packages again."""
    lock, packages, code = place("COPY", "requirements.txt"), place("RUN", "--require-hashes"), place("COPY", ". .")
    assert lock < packages < code


def test_last_user_is_not_root():
    users = [rest for what, rest in INSTRUCTIONS if what == "USER"]
    assert users[-1] not in ("root", "0")


def test_results_and_environments_stay_outside():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv", ".snakemake", "data", "logs", "results/*"} <= set(ignored)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_has_nothing_to_say():
    done = subprocess.run(["hadolint", RECIPE], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
