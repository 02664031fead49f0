"""What the process of a job took, and where Python finds the package.

Light on purpose: every job imports this before anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


def prepend_to_python_path(folder: str) -> str:
    """Let the Python processes that this one starts import from a folder before all others; return the new path.

    By itself, Python looks in the working folder first, where a user may have a `random.py`: these processes do not.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([folder, *filter(None, others)]))
    return os.environ["PYTHONPATH"]


@contextmanager
def measured() -> Iterator[None]:
    """Print, as the last line of a job's log, what the job took.

    The kernel's peak of the memory misses nothing. Snakemake's benchmark looks at a process every now and then, and
    sees no forked one.
    """
    import resource

    start = perf_counter()
    try:
        yield
    finally:
        used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        megabytes = max(of.ru_maxrss for of in used) / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
        processor = sum(of.ru_utime + of.ru_stime for of in used)
        print(
            f"peak memory {megabytes:.0f} MB, processor {processor:.1f} s, wall {perf_counter() - start:.1f} s",
            file=sys.stderr,
        )
