"""Flags are read by the annotations of a step, and every step is a subcommand."""

import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from activezoo import cli

STEPS = sorted(path.stem for path in cli.STEPS.glob("[a-z]*.py"))


class Size(NamedTuple):
    width: int
    heights: tuple[int, ...]
    name: str | None


def run(
    *, table: Path, size: Size, shapes: list[str], kind: Literal["a", "b"], count: int | str, start: Path | None = None
):
    pass


FLAGS = ["--table=t.csv", "--width=3", "--heights=1", "--heights=2", "--shapes=-x", "--kind=a", "--count=exact"]


def test_flags_become_what_is_annotated():
    assert cli.parse(run, FLAGS) == {
        "table": Path("t.csv"),
        "size": Size(3, (1, 2), None),
        "shapes": ["-x"],
        "kind": "a",
        "count": "exact",
        "start": None,
    }
    more = cli.parse(run, [*FLAGS[:-1], "--count=12", "--start=-a b", "--name=n"])
    assert (more["count"], more["start"], more["size"].name) == (12, Path("-a b"), "n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (FLAGS[1:], "--table"),
        ([*FLAGS, "--wide=3"], "--wide=3"),
        ([*FLAGS, "--kind=c"], "'c'"),
        ([*FLAGS, "--width=x"], "'x'"),
        ([*FLAGS, "--tab=x"], "--tab"),
    ],
)
def test_wrong_flags_are_named(flags, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.parse(run, flags)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_help(step, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([step, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr()
    assert f"usage: activezoo {step}" in shown.out
    assert "peak memory" not in shown.err


def test_help_lists_every_step_and_says_nothing_of_memory():
    command = [sys.executable, "-m", "activezoo", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cli.STEPS.parents[1], check=True)
    assert all(f"\n  {step} " in done.stdout for step in STEPS)
    assert done.stderr == ""


def test_bad_input_is_told_without_a_traceback(tmp_path, capsys):
    flags = [f"--metrics={tmp_path}/nothing.parquet", f"--parquet={tmp_path}/table.parquet"]
    assert cli.main(["savings", f"--evaluations={tmp_path}/e.parquet", *flags]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == f"input error: {tmp_path}/nothing.parquet: no such file; run again to make it"
    assert shown[-1].startswith("peak memory ")
