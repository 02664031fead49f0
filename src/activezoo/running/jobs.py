"""What the records of a job say of it."""

from __future__ import annotations

import logging
from pathlib import Path


def name(job: logging.LogRecord) -> str:
    """Rule and wildcards, as in `train smooth, seed 1, bald/iteration_3`."""
    wildcards = getattr(job, "wildcards", {})
    values = [f"{key} {value}" if value.isdigit() else value for key, value in wildcards.items()]
    return f"{job.rule_name} {', '.join(values)}".strip()


def log_lines(job: logging.LogRecord) -> list[str]:
    """Lines of the logs of a job; none if it has written none."""
    paths = (Path(path) for path in job.log)
    return [line for path in paths if path.exists() for line in path.read_text(errors="replace").splitlines()]
