"""What a run shows on the terminal."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from activezoo.running.progress import Progress

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


UNREADABLE = """
rule all:
    input:
        "first",
        "second",


rule work:
    output:
        "{number}",
    log:
        "{number}.log",
    shell:
        "mkdir {log}; test {wildcards.number} != $BAD; touch {output}"
"""


@pytest.mark.parametrize("bad", ["none", "second"])
def test_log_that_cannot_be_read_ends_no_run(run, tmp_path, bad):
    snakefile = (tmp_path / "Snakefile").read_text().partition("rule all:")[0] + UNREADABLE
    (tmp_path / "Snakefile").write_text(snakefile)
    status, shown = run("--keep-going", bad=bad)
    assert status == (bad == "second")
    assert any("Finished jobid" in line and "work" in line for line in shown)  # as Snakemake shows it
    if bad == "second":
        assert "Error in work second; its log second.log cannot be read: Is a directory" in shown
        assert not (tmp_path / "second").exists()
    else:
        assert any(line.startswith("[3/3] all") for line in shown)
    assert (tmp_path / "first").exists()
    assert not [line for line in shown if "Traceback" in line or "Logging error" in line]


JOB = {"rule_name": "evaluate", "wildcards": {"seed": "1"}, "log": []}
RECORDS = {
    "run_info": {"stats": {"evaluate": 2, "total": 4}},
    "job_info": {"jobid": 1} | JOB,
    "job_started": {"jobs": [1]},
    "job_error": {"jobid": 1} | JOB,
    "job_finished": {"job_id": 1},
    "progress": {"done": 1, "total": 4},
    "error": {"exception": "CalledProcessError"},
    "shellcmd": {"cmd": "true"},
}


def record(event, without=None, **changes):
    """What Snakemake logs of an event, changed, or without an attribute."""
    attributes = {"event": event, "msg": f"message of {event}", "levelno": logging.INFO} | RECORDS.get(event, {})
    return logging.makeLogRecord({key: value for key, value in (attributes | changes).items() if key != without})


def progress_of(formatter):
    """A run that has started one job."""
    progress = Progress(formatter, "evaluate")
    assert progress.filter(record("run_info"))
    assert not progress.filter(record("job_info"))
    progress.expect(models=2)
    return progress


@pytest.mark.parametrize("event", RECORDS)
def test_odd_records_end_no_run(event):
    attributes = [*RECORDS[event], "msg", "event", "levelno"]
    odd = [record(event, without=attribute) for attribute in attributes]
    odd += [record(**{"event": event, key: value}) for key in attributes for value in (None, "nonsense", 7, object())]
    for one in odd:
        progress = progress_of(logging.Formatter())
        for each in (one, record("job_finished")):
            progress.filter(each)
            assert isinstance(progress.format(each), str)
            progress.expect(models=2)


@pytest.mark.parametrize(
    ("event", "missing"), [("job_finished", "job_id"), ("job_error", "log"), ("job_error", "jobid")]
)
def test_record_without_what_a_line_takes_is_shown_as_snakemake_would(event, missing):
    progress = progress_of(logging.Formatter("Snakemake: %(message)s"))
    odd = record(event, without=missing)
    assert progress.filter(odd)
    assert progress.format(odd) == f"Snakemake: message of {event}"


class Raising(logging.Formatter):
    def format(self, record):
        raise RuntimeError


@pytest.mark.parametrize(
    ("event", "missing"), [("job_finished", "job_id"), ("job_error", "log"), ("shellcmd", None), (None, None)]
)
def test_formatter_that_raises_ends_no_run(event, missing):
    progress = progress_of(Raising())
    odd = record(event, without=missing, msg="what happened")
    assert progress.filter(odd)
    assert progress.format(odd) == "what happened"


def test_unexpected_number_of_models_ends_no_run():
    progress_of(logging.Formatter()).expect(models=None)
