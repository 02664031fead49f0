"""On what a benchmark ran, in words."""

import os
from pathlib import Path

from activezoo import __version__
from activezoo.running import provenance

LOCK = Path(__file__).parents[2] / "envs/requirements.txt"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "snakemake")


def machine() -> str:
    """Processor, cores, how busy they are now, and versions."""
    installed, _ = provenance.locked_packages(LOCK)
    versions = ", ".join(f"{name} {installed[name]}" for name in LIBRARIES if name in installed)
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"activezoo {__version__}, {versions}; {provenance.processor().model}, {cores}"
