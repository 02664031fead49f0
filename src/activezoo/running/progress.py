"""One line for each finished step of a run, in place of Snakemake's paragraphs; in a terminal, one live display.

This changes how Snakemake's handler for the terminal filters and formats. What is not about a single job is shown as
before. Snakemake's log file in `.snakemake/log` still has everything, and so has the terminal with `--verbose`. If
anything here fails, the record is shown as Snakemake would show it, and the run goes on.
"""

# Why this is no logger plugin: a plugin must be installed, and named on the command line or in a profile. If a profile
# names it, `snakemake` starts only where it is installed. `snakemake-logger-plugin-rich` (0.5) counts the jobs of each
# rule, but it knows no models, RMSE or time left. It shows the whole log of a failed job. Without a terminal, it shows
# no finished step.

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from activezoo.running.jobs import log_lines, name

if TYPE_CHECKING:
    from activezoo.running.display import Display

CHATTER = ("Select jobs to execute", "Would remove temporary output", "Removing temporary output")
LINES_OF_A_FAILED_LOG = 15


class Progress(logging.Formatter):
    """Says what has finished, in the words of the last INFO line of its log, and how the log of a failed job ends."""

    def __init__(self, formatter: logging.Formatter | None, model_rule: str):
        super().__init__()
        self.formatter = formatter or logging.Formatter()
        self.model_rule = model_rule
        self.jobs: dict[int, logging.LogRecord] = {}
        self.steps: Mapping[str, int] = {}
        self.finished_steps = 0
        self.models = 0
        self.finished_models = 0
        self.submits = False
        self.terminal: logging.StreamHandler | None = None
        self.display: Display | None = None

    @classmethod
    def attach(cls, logger: str, model_rule: str) -> Progress:
        """Take over the terminal of a logger set up by Snakemake, unless it is verbose.

        `model_rule` is the rule that finishes one model; see `expect`.
        """
        handlers = logging.getLogger(logger).handlers
        terminal = next((handler for handler in handlers if handler.name == "DefaultStreamHandler"), None)
        progress = cls(terminal and terminal.formatter, model_rule)
        progress.logger = logging.getLogger(logger)
        if terminal and not progress.logger.isEnabledFor(logging.DEBUG):
            terminal.filters.insert(0, progress)
            terminal.setFormatter(progress)
            progress.terminal = terminal
        return progress

    def expect(self, models: int, submits: bool = False) -> None:
        """Say before the first job how many models the targets take, with those that are there already.

        `submits` says that jobs go to a cluster, where they may wait.
        """
        with suppress(Exception):
            self.models = models
            self.submits = submits
            self.finished_models = models - self.steps.get(self.model_rule, 0)
            if self.terminal:
                self.display = self.live_display(self.terminal)

    def live_display(self, terminal: logging.StreamHandler) -> Display | None:
        """Start the display, if it can be drawn."""
        from activezoo.running.display import Display, is_wanted

        if not is_wanted(terminal, self):
            return None
        display = Display(self, terminal)
        self.logger.addHandler(display)
        return display

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what a record tells, and whether to show it."""
        try:
            return self.note(record)
        except Exception:
            return True  # Snakemake's own filters come next

    def format(self, record: logging.LogRecord) -> str:
        """Say what a record tells, in one line if it can be."""
        for form in (self.line, self.formatter.format):
            with suppress(Exception):
                return form(record)
        return str(record.msg)

    def note(self, record: logging.LogRecord) -> bool:
        match getattr(record, "event", None):
            case "run_info":
                self.steps = record.stats
            case _ if not self.steps:  # nothing planned: this Snakemake runs one job of a cluster
                return True
            case "job_info":
                self.jobs[record.jobid] = record
                return False
            case "job_started" | "progress":
                return False
            case "job_finished":
                self.finished_steps += 1
                self.finished_models += self.jobs[record.job_id].rule_name == self.model_rule
                return not (self.display and self.display.live.is_started)
            case "error":  # a failed command: the event "job_error" has more to say
                return "CalledProcessError" not in record.getMessage()
        return not record.getMessage().startswith(CHATTER)

    def line(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        if event == "job_finished" and record.job_id in self.jobs:
            return self.finished(self.jobs[record.job_id])
        if event == "job_error" and self.steps:
            return self.failed(record)
        return self.formatter.format(record)

    def finished(self, job: logging.LogRecord) -> str:
        total = str(self.steps.get("total", 0))
        step = f"[{self.finished_steps:>{len(total)}}/{total}] {name(job)}"
        results = [line.removeprefix("INFO ") for line in log_lines(job) if line.startswith("INFO ")]
        if results:
            step += f": {results[-1]}"
        if job.rule_name == self.model_rule:
            step += f" (model {self.finished_models} of {self.models})"
        return step

    def failed(self, error: logging.LogRecord) -> str:
        try:
            lines = log_lines(error)[-LINES_OF_A_FAILED_LOG:]
            end = "ends:\n" + "\n".join(f"    {line}" for line in lines) if lines else "is empty"
        except OSError as unreadable:
            end = f"cannot be read: {unreadable.strerror}"
        # What a cluster says of the job comes before a hint of Snakemake's, and before the whole command.
        said = (getattr(error, "rule_msg", None) or "").partition("For further error details")[0].splitlines()
        reason = f": {said[0].rstrip('. ')}" if said else ""
        return f"Error in {name(self.jobs.get(error.jobid, error))}{reason}; its log {', '.join(error.log)} {end}"
