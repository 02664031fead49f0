"""One live display of a run below all other output of a terminal, in place of a line for each finished step.

It never hides the cursor, so that the terminal is as it was however the run ends.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from activezoo.running.jobs import log_lines, name

if TYPE_CHECKING:
    from activezoo.running.progress import Progress

RESULT = re.compile(r"(?P<votes>\d+) votes: RMSE (?P<rmse>[\d.]+)")
WIDEST_BAR = 80
REFRESHES_PER_SECOND = 2


class Display(logging.Handler):
    """Draws how far a run is; what the handler for the terminal writes meanwhile appears above it.

    As a handler it sees all records, and logging closes it, be it as Snakemake's or when Python exits.

    Parameters
    ----------
    progress
        Counts steps and models, before this sees a record.
    terminal
        The handler whose stream is drawn on.
    """

    def __init__(self, progress: Progress, terminal: logging.StreamHandler):
        super().__init__()
        self.progress = progress
        self.terminal = terminal
        self.stream = terminal.stream
        self.running: dict[int, logging.LogRecord] = {}
        self.most_running = 0
        self.failed: set[int] = set()
        self.models_finished_at: list[float] = []
        self.results: dict[str, dict[str, str]] = {}
        console = _Console(file=self.stream, soft_wrap=True)  # lines above are left to the terminal to wrap
        self.live = Live(
            self,
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        try:
            self.live.start(refresh=True)
            terminal.setStream(FileProxy(console, self.stream))
        except BaseException:
            self.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # a record that is not as expected
            self._note(record)
        with suppress(Exception):
            if self.progress.finished_steps >= self.progress.steps["total"]:
                self.close()

    def close(self) -> None:
        """Leave the terminal to others; the last state stays."""
        self.running.clear()
        self.models_finished_at.clear()
        for end in (self.live.stop, lambda: self.terminal.setStream(self.stream)):
            with suppress(Exception):  # the terminal is gone
                end()
        super().close()

    def _note(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == "job_info":
            self.running[record.jobid] = record
            self.most_running = max(self.most_running, len(self.running))
        elif event == "job_error":
            self.running.pop(record.jobid, None)
            self.failed.add(record.jobid)
        elif event == "job_finished":
            self.failed.discard(record.job_id)
            job = self.running.pop(record.job_id)
            if job.rule_name == self.progress.model_rule:
                self.models_finished_at.append(monotonic())
                self._note_result(job)

    def _note_result(self, job: logging.LogRecord) -> None:
        """Keep the last result of each strategy; that of a first model, which all share, until one has its own."""
        found = RESULT.search("\n".join(log_lines(job)))
        if found:
            results = self.results.setdefault(job.wildcards["question"], {})
            strategy = job.wildcards["model"].partition("/")[0]
            results[strategy] = f"{strategy} {found['rmse']} ({found['votes']} votes)"
            if len(results) > 1:
                results.pop("initial", None)

    def __rich__(self) -> Group | str:
        try:
            return Group(*self._lines())
        except Exception:
            return ""

    def _lines(self):
        """A bar, the numbers, the latest results and what runs now."""
        progress = self.progress
        models, finished_models = progress.models, progress.finished_models
        steps = progress.steps["total"]
        trains = progress.model_rule in progress.steps
        done, of = (finished_models, models) if trains else (progress.finished_steps, steps)
        bar = ProgressBar(of, done, complete_style="green", finished_style="green")
        yield Constrain(Padding(bar), WIDEST_BAR)  # padded, even by nothing, it is a line of its own
        numbers = f"{finished_models} of {models} models{self._time_left()}; " if models else ""
        numbers += f"{progress.finished_steps} of {steps} steps"
        if self.failed:
            numbers += f", {len(self.failed)} failed"
        yield _wrapped(numbers)
        for question, results in sorted(self.results.items()):
            yield _wrapped(f"{question}: RMSE {', '.join(text for _, text in sorted(results.items()))}")
        if running := list(self.running.values()):
            what = f"{len(running)} submitted" if progress.submits else "now"
            yield Text(f"{what}: {'; '.join(map(name, running))}", style="dim", no_wrap=True, overflow="ellipsis")

    def _time_left(self) -> str:
        """How long the models will take, once it can be known.

        The estimate counts from the end of the first model, which leaves out what came before. Jobs that run side by
        side finish at about the same time, and one such round says little. So it waits for more than two rounds.
        """
        number = len(self.models_finished_at)
        left = self.progress.models - self.progress.finished_models
        if left <= 0 or number <= 2 * self.most_running:
            return ""
        first, last = self.models_finished_at[0], self.models_finished_at[-1]
        seconds_each = max((last - first) / (number - 1), (monotonic() - first) / number)  # the next may be overdue
        return f", {about(left * seconds_each)} left"


def _wrapped(line: str) -> Text:
    return Text(line, no_wrap=False, overflow="fold")


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        return False


def is_wanted(terminal: logging.StreamHandler, progress: Progress) -> bool:
    """Whether a handler writes the steps that finish to a terminal that can be drawn on."""
    console = Console(file=terminal.stream)
    step = logging.makeLogRecord({"event": "job_finished", "levelno": logging.INFO})
    filters = logging.Filterer()
    filters.filters = [each for each in terminal.filters if each is not progress]
    return (
        terminal.stream.isatty()
        and console.is_interactive
        and not console.no_color
        and not terminal.nocolor
        and not os.environ.get("CI")
        and bool(filters.filter(step))
    )


def about(seconds: float) -> str:
    """A time in one unit: an estimate is not worth more."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"about {minutes} min"
    hours = round(seconds / 3600)
    return f"about {hours} h" if hours < 48 else f"about {round(hours / 24)} days"
