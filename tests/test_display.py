"""The live display, on a terminal of the tests' own."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import weakref
from pathlib import Path

import pytest

from activezoo.running import display
from activezoo.running.display import about, is_wanted
from activezoo.running.progress import Progress

PLAIN = ("NO_COLOR", "CI", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")
"""Variables that change how a terminal is used."""

BAR = "[━╸╺]+"


def screen(written: str, columns: int, rows: int) -> list[str]:
    """What a terminal shows of that, with all that scrolled off at its top."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\s\S]", written):
        if token.endswith("A") and len(token) > 1:
            row = max(row - int(token[2:-1]), len(lines) - rows, 0)
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token == "\r":
            column = 0
        elif len(token) > 1:
            assert token.endswith("m"), token  # colours; above all, the cursor is never hidden
        else:
            if token == "\n" or column == columns:
                row, column = row + 1, 0
                lines += [""] * (row == len(lines))
            if token != "\n":
                lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + 1 :]
                column += 1
    return lines


# --- one display, drawn when told ------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


COLUMNS, ROWS = 60, 20


@pytest.fixture
def handler(monkeypatch):
    """A handler for a terminal, as Snakemake has one."""
    for variable in PLAIN:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("LINES", str(ROWS))
    handler = logging.StreamHandler(Terminal())
    handler.nocolor = False
    return handler


class Run:
    """Sends the records of a run to a display."""

    def __init__(self, handler, models: int, trained: int, others: int = 0):
        self.terminal = handler.stream
        self.logger = logging.Logger("run")
        self.logger.addHandler(handler)
        self.progress = Progress(handler.formatter, "evaluate")
        self.progress.terminal, self.progress.logger = handler, self.logger
        handler.addFilter(self.progress)
        handler.setFormatter(self.progress)
        stats = {"evaluate": trained, "train": others} if trained else {"train": others}
        self.log("run_info", stats=stats | {"total": trained + others}, msg="plan")
        self.progress.expect(models)
        self.started = 0

    def log(self, event, msg="", **attributes):
        self.logger.info(msg, extra={"event": event} | attributes)

    def start(self, rule, log=(), **wildcards) -> int:
        self.started += 1
        self.log("job_info", jobid=self.started, rule_name=rule, wildcards=wildcards, log=list(log))
        return self.started

    def finish(self, job):
        self.log("job_finished", msg=f"finished {job}", job_id=job)

    def model(self, model="bald/iteration_1", question="smooth", log=()):
        self.finish(self.start("evaluate", log, question=question, seed="1", model=model))

    def shown(self) -> list[str]:
        self.progress.display.live.refresh()
        return "\n".join(screen(self.terminal.getvalue(), COLUMNS, ROWS)).rstrip("\n").split("\n")


@pytest.fixture
def run(handler):
    runs = []

    def start(**numbers):
        runs.append(Run(handler, **numbers))
        return runs[-1]

    yield start
    for each in runs:
        if each.progress.display:
            each.progress.display.close()


def test_shows_models_steps_and_what_runs(run):
    live = run(models=4, trained=3, others=2)
    assert live.shown()[0] == "plan"
    assert re.fullmatch(BAR, live.shown()[1])
    assert live.shown()[2:] == ["1 of 4 models; 0 of 5 steps"]
    job = live.start("train", question="smooth", seed="1", model="initial")
    assert live.shown()[3:] == ["now: train smooth, seed 1, initial"]
    live.progress.submits = True
    live.start("train", question="smooth", seed="2", model="initial")
    assert live.shown()[3:] == ["2 submitted: train smooth, seed 1, initial; train smooth, s…"]
    live.progress.submits = False
    live.finish(job)
    live.model()
    assert live.shown()[2] == "2 of 4 models; 2 of 5 steps"


def test_run_that_trains_no_model_counts_steps(run):
    live = run(models=0, trained=0, others=2)
    assert live.shown()[2:] == ["0 of 2 steps"]
    live.finish(live.start("train"))
    assert live.shown()[2:] == ["1 of 2 steps"]
    assert live.shown()[1].count("━") == COLUMNS - 1  # half of a bar, and where it ends


def test_latest_result_of_each_question_and_strategy(run, tmp_path):
    live = run(models=9, trained=9)
    models = ["smooth initial", "smooth bald/iteration_1", "smooth random/iteration_1", "bar initial", "smooth initial"]
    for number, (question, model) in enumerate(map(str.split, [*models, "smooth bald/iteration_2"])):
        log = tmp_path / f"{number}.log"
        log.write_text(
            f"INFO nothing yet\nINFO {96 + number} votes: RMSE 0.1{number}, test loss 25.3\npeak memory 7 MB\n"
        )
        live.model(model, question, [log])
        if number == 0:
            assert live.shown()[3:] == ["smooth: RMSE initial 0.10 (96 votes)"]
    assert live.shown()[3] == "bar: RMSE initial 0.13 (99 votes)"
    assert live.shown()[4:] == ["smooth: RMSE bald 0.15 (101 votes), random 0.12 (98 votes)"]
    live.model("bald/iteration_3", "smooth", [tmp_path])  # a log that cannot be read
    assert live.shown()[2].startswith("7 of 9 models")


@pytest.fixture
def clock(monkeypatch):
    """Set the time."""
    now = [0.0]
    monkeypatch.setattr(display, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_time_left_is_shown_once_it_can_be_known(run, clock):
    live = run(models=101, trained=101)
    for number in range(3):
        assert live.shown()[2].startswith(f"{number} of 101 models; ")
        clock(1000 + 60 * number)
        live.model()
    assert live.shown()[2].startswith("3 of 101 models, about 98 min left; ")
    clock(1000 + 60 * 3)  # the next is due
    assert "about 98 min" in live.shown()[2]
    clock(1000 + 60 * 6)  # and overdue
    assert "about 3 h" in live.shown()[2]
    clock(1000 + 60 * 9)
    for _ in range(7):
        live.model()
    assert "10 of 101 models, about 91 min left" in live.shown()[2]
    for _ in range(90):
        live.model()
    assert "100 of 101 models, less than a minute left" in live.shown()[2]


def test_time_left_is_not_known_from_models_that_finish_together(run, clock):
    live = run(models=100, trained=100)
    for number in range(1, 4):
        jobs = [live.start("evaluate", question="smooth", seed=str(seed), model="initial") for seed in range(8)]
        clock(600 * number)
        for job in jobs:
            assert ("left" in live.shown()[2]) == (live.progress.finished_models > 16)
            live.finish(job)
    assert "24 of 100 models, about 66 min left" in live.shown()[2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (29, "less than a minute"),
        (50, "about 1 min"),
        (7100, "about 118 min"),
        (7200, "about 2 h"),
        (100_000, "about 28 h"),
        (200_000, "about 2 days"),
    ],
)
def test_about(seconds, text):
    assert about(seconds) == text


def test_failures_are_counted_and_shown_above(run, tmp_path):
    live = run(models=2, trained=2)
    (tmp_path / "a.log").write_text("out of luck\n")
    job = live.start("evaluate", question="smooth", seed="1", model="initial")
    live.log("job_error", jobid=job, rule_name="evaluate", log=[str(tmp_path / "a.log")])
    shown = live.shown()
    assert re.fullmatch(BAR, shown[-2])
    failure = f"Error in evaluate smooth, seed 1, initial; its log {tmp_path}/a.log ends:"
    assert "".join(shown[1:-2]) == failure + "    out of luck"
    assert shown[-1] == "0 of 2 models; 0 of 2 steps, 1 failed"
    live.finish(job)  # a second try
    assert live.shown()[-1] == "1 of 2 models; 1 of 2 steps"


def test_long_lines_above_are_not_broken(run):
    live = run(models=1, trained=1)
    path = "/a/long path/" * 20
    live.log(None, msg=path)
    assert path in live.terminal.getvalue()
    assert "".join(live.shown()[1:-2]) == path
    live.log(None, msg="short")
    assert live.shown()[-3] == "short"


@pytest.mark.parametrize(("columns", "rows"), [(12, 20), (20, 5), (9, 3), (1, 1)])
def test_small_terminals(run, monkeypatch, columns, rows):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    live = run(models=3, trained=3)
    for number in range(2):
        live.start("train", question="smooth", seed="1", model="initial")
        live.log(None, msg=f"message {number}")
        live.shown()
    live.progress.display.close()
    text = "".join(screen(live.terminal.getvalue(), columns, rows)).replace(" ", "")
    assert re.fullmatch(f"planmessage0message1{BAR}0of3models;0of3steps", text)


def test_ends_with_the_last_step(run, capsys):
    live = run(models=1, trained=1, others=1)
    print("something printed")
    live.model()
    assert live.progress.display.live.is_started
    live.finish(live.start("train"))
    assert not live.progress.display.live.is_started
    live.log(None, msg="a message")
    live.finish(live.start("train"))  # more than had been planned
    shown = screen(live.terminal.getvalue(), COLUMNS, ROWS)
    assert shown[2:] == ["1 of 1 models; 2 of 2 steps", "a message", "[3/2] train", ""]


def test_logging_ends_it_when_python_exits(run):
    live = run(models=1, trained=1)
    logging.shutdown([weakref.ref(live.progress.display)])
    assert not live.progress.display.live.is_started
    assert screen(live.terminal.getvalue(), COLUMNS, ROWS)[2:] == ["0 of 1 models; 0 of 1 steps", ""]


def test_mistakes_in_it_end_no_run(run):
    live = run(models=1, trained=1, others=5)
    live.log("job_info")
    live.log("job_finished", msg="odd")
    live.progress.steps = {"total": None}
    live.shown()
    live.progress.steps = None
    live.shown()
    live.finish(live.start("train"))
    live.terminal.close()  # a terminal that is gone
    live.progress.display.close()


def test_plain_lines_where_it_cannot_be_had(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "activezoo.running.display", None)  # an import fails, as it would without `rich`
    live = run(models=1, trained=1)
    assert live.progress.display is None
    live.model()
    assert live.terminal.getvalue() == "plan\n[1/1] evaluate smooth, seed 1, bald/iteration_1 (model 1 of 1)\n"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"CI": "true"}, False),
        ({"TTY_INTERACTIVE": "0"}, False),
    ],
)
def test_which_terminals_are_drawn_on(handler, monkeypatch, environment, wanted):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_wanted(handler, Progress(None, "evaluate")) == wanted


def test_what_is_no_terminal_is_not_drawn_on(handler, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    handler.setStream(io.StringIO())
    assert not is_wanted(handler, Progress(None, "evaluate"))


def test_nothing_is_drawn_without_colour_or_where_steps_are_silenced(handler):
    handler.addFilter(lambda record: record.event != "job_finished")
    assert not is_wanted(handler, Progress(None, "evaluate"))
    handler.filters.clear()
    assert is_wanted(handler, Progress(None, "evaluate"))
    handler.nocolor = True
    assert not is_wanted(handler, Progress(None, "evaluate"))


# --- real Snakemake on a real terminal --------------------------------------------------------------------------------

SNAKEFILE = r"""
import sys

sys.path.insert(0, {src!r})
from activezoo.running.progress import Progress

progress = Progress.attach("snakemake.logging", model_rule="evaluate")


rule all:
    input:
        expand("smooth/1/{{model}}", model=["initial", "bald/iteration_1", "random/iteration_1"]),


wildcard_constraints:
    seed=r"\d+",
    question=r"\w+",


rule evaluate:
    output:
        "{{question}}/{{seed}}/{{model}}",
    log:
        "logs/{{question}}/{{seed}}/{{model}}.log",
    params:
        strategy=lambda wildcards: wildcards.model.partition("/")[0],
    shell:
        "read -r line <go; echo INFO 96 votes: RMSE 0.1346, test loss 25.3 >{{log}}; "
        "test {{params.strategy}} != $BAD; touch {{output}}"


onstart:
    progress.expect(models=sum(job.rule.name == "evaluate" for job in workflow.dag.jobs))


onsuccess:
    print("the answer")
"""


class Pty:
    """Snakemake in a terminal; each line written to `go` lets one job go on."""

    def __init__(self, folder: Path, arguments, environment, columns: int, rows: int, stdout):
        self.columns, self.rows, self.written = columns, rows, b""
        (folder / "Snakefile").write_text(SNAKEFILE.format(src=str(Path(__file__).parents[1] / "src")))
        os.mkfifo(folder / "go")
        self.go = os.open(folder / "go", os.O_RDWR)
        self.terminal, side = pty.openpty()
        termios.tcsetwinsize(side, (rows, columns))
        variables = {name: value for name, value in os.environ.items() if name not in PLAIN}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy", *arguments],
            cwd=folder,
            env=variables | {"TERM": "xterm-256color", "BAD": "none"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout or side,
            stderr=side,
            start_new_session=True,
        )
        os.close(side)

    def let_go(self, jobs: int) -> None:
        os.write(self.go, b"\n" * jobs)

    def read(self) -> bool:
        """Read what has been written, and whether there may be more."""
        try:
            new = os.read(self.terminal, 65536)
        except OSError:  # on Linux the end of the file
            new = b""
        self.written += new
        return bool(new)

    def shown(self) -> list[str]:
        return screen(self.written.decode(errors="ignore"), self.columns, self.rows)

    def wait_for(self, text: str) -> None:
        while text not in "\n".join(self.shown()):
            assert self.read(), self.shown()

    def finish(self) -> list[str]:
        while self.read():
            pass
        self.process.wait()
        return self.shown()

    def close(self) -> None:
        with self.process:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.close(self.go)


@pytest.fixture
def terminal(tmp_path):
    started = []

    def start(*arguments, columns=80, rows=24, stdout=None, **environment):
        started.append(Pty(tmp_path, arguments, environment, columns, rows, stdout))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_display_stands_in_for_the_lines_and_stays_as_the_last_state(terminal):
    snakemake = terminal()
    snakemake.wait_for("0 of 3 models; 0 of 4 steps\nnow: evaluate smooth, seed 1, ")
    snakemake.let_go(1)
    snakemake.wait_for("1 of 3 models; 1 of 4 steps\nsmooth: RMSE ")
    snakemake.let_go(2)
    shown = snakemake.finish()
    assert snakemake.process.returncode == 0
    end = shown.index("3 of 3 models; 4 of 4 steps")
    assert re.fullmatch(BAR, shown[end - 1])
    assert shown[end + 1] == "smooth: RMSE bald 0.1346 (96 votes), random 0.1346 (96 votes)"
    assert shown[end + 2] == "the answer"
    assert shown[end + 3].startswith("Complete log(s): ")
    assert shown[-1] == ""
    assert len([line for line in shown if "steps" in line]) == 1
    assert not [line for line in shown if line.startswith("[") or "now: " in line]


def test_other_output_goes_where_it_should(terminal):
    snakemake = terminal(stdout=subprocess.PIPE)
    snakemake.let_go(3)
    shown = snakemake.finish()
    assert snakemake.process.stdout.read() == b"the answer\n"
    assert "the answer" not in shown
    assert "3 of 3 models; 4 of 4 steps" in shown


@pytest.mark.parametrize(("columns", "rows"), [(200, 50), (30, 8)])
def test_failure_is_shown_in_full_above(terminal, columns, rows):
    snakemake = terminal("--keep-going", columns=columns, rows=rows, BAD="bald")
    snakemake.let_go(3)
    shown = snakemake.finish()
    assert snakemake.process.returncode == 1
    text = "".join(shown)
    failure = "Error in evaluate smooth, seed 1, bald/iteration_1; its log logs/smooth/1/bald/iteration_1.log ends:"
    assert failure + "    INFO 96 votes: RMSE 0.1346, test loss 25.3" in text
    state = "2 of 3 models; 2 of 4 steps, 1 ?failedsmooth: RMSE"
    assert re.search(rf"At least one job did not complete successfully\.{BAR}{state}", text)
    assert shown[-1] == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_a_clean_terminal(terminal, number):
    snakemake = terminal()
    snakemake.wait_for("now: evaluate")
    os.killpg(snakemake.process.pid, number)
    shown = snakemake.finish()
    assert snakemake.process.returncode != 0
    assert "now: " not in "\n".join(shown)
    end = next(place for place, line in enumerate(shown) if line.startswith("0 of 3 models; 0 of 4 steps"))
    assert re.fullmatch(BAR, shown[end - 1])
    assert shown[end + 1 :] == [""]
    if number == signal.SIGINT:
        assert [line for line in shown[:end] if line.startswith("Terminating processes on user request")]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_plain_lines_where_nothing_can_be_drawn(terminal, environment):
    snakemake = terminal(columns=200, **environment)
    snakemake.let_go(3)
    shown = snakemake.finish()
    text = "\n".join(shown)
    assert "━" not in text
    assert [line[:5] for line in shown if line.startswith("[")] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert "96 votes: RMSE 0.1346, test loss 25.3 (model 3 of 3)" in text


@pytest.mark.parametrize(("option", "expected"), [("--verbose", "localrule evaluate"), ("--dry-run", "evaluate ")])
def test_verbose_and_dry_run_are_left_alone(terminal, option, expected):
    snakemake = terminal(option)
    snakemake.let_go(3)
    text = "\n".join(snakemake.finish())
    assert snakemake.process.returncode == 0
    assert "━" not in text
    assert "models" not in text
    assert expected in text
