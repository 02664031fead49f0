"""What a run shows on the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SNAKEFILE = """
import sys

sys.path.insert(0, {src!r})
from activezoo.running.progress import Progress

progress = Progress.attach("snakemake.logging", model_rule="evaluate")


rule all:
    input:
        expand("{{strategy}}_{{seed}}.txt", strategy="bald", seed=[1, 2]),


rule train:
    output:
        temp("weights_{{seed}}"),
    log:
        "train_{{seed}}.log",
    shell:
        "echo INFO first >{{log}}; echo INFO loss 0.5 >>{{log}}; echo peak memory >>{{log}}; touch {{output}}"


rule evaluate:
    input:
        "weights_{{seed}}",
    output:
        "{{strategy}}_{{seed}}.txt",
    log:
        "evaluate_{{strategy}}_{{seed}}.log",
    shell:
        "for line in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do echo line $line >>{{log}}; done; "
        "test {{wildcards.seed}} != $BAD; touch {{output}}"


onstart:
    progress.expect(models=sum(job.rule.name == "evaluate" for job in workflow.dag.jobs))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run Snakemake; return its exit status and what it showed, line by line."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(src=str(Path(__file__).parents[1] / "src")))

    def run(*arguments, bad=0):
        monkeypatch.setenv("BAD", str(bad))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stderr.splitlines() + done.stdout.splitlines()

    return run


def test_one_line_a_step(run):
    status, shown = run()
    assert status == 0
    steps = [line for line in shown if line.startswith("[")]
    assert [line[:5] for line in steps] == [f"[{number}/5]" for number in range(1, 6)]
    assert {line[6:] for line in steps if "train" in line} == {"train seed 1: loss 0.5", "train seed 2: loss 0.5"}
    models = [line.partition("(")[2] for line in steps if "evaluate bald, seed" in line]
    assert models == ["model 1 of 2)", "model 2 of 2)"]
    assert not [line for line in shown if "rule" in line or "Removing" in line or "of 5 steps" in line]


def test_models_that_are_there_already_count(run):
    run("bald_1.txt")
    _, shown = run()
    assert "evaluate bald, seed 2 (model 2 of 2)" in [line[6:] for line in shown]
    _, shown = run()
    assert shown[-1].startswith("Nothing to be done")


def test_failed_step_shows_the_end_of_its_log(run):
    status, shown = run("--keep-going", bad=2)
    assert status == 1
    start = shown.index("Error in evaluate bald, seed 2; its log evaluate_bald_2.log ends:")
    assert shown[start + 1 : start + 16] == [f"    line {number}" for number in range(3, 18)]
    assert not [line for line in shown if "CalledProcessError" in line or "Traceback" in line]


def test_plan_is_a_table(run):
    _, shown = run("--dry-run")
    assert "evaluate        2" in shown
    assert not [line for line in shown if line.startswith("rule ")]


def test_verbose_is_left_alone(run):
    _, shown = run("--verbose")
    assert [line for line in shown if line.startswith("localrule evaluate")]
