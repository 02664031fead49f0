"""How the process of a job is set up, so that it gives the same bits wherever and however it was started.

Light on purpose: every job imports this before anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import ModuleType

# BLAS, OpenMP and TensorFlow read these when they are loaded and never again. BLAS and OpenMP keep to one thread, so
# that sums have one order on any machine; TensorFlow's threads are set by `tf.config.threading` once it is there.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

# Keras imports these where they are installed, for datasets, wrappers and plots that nothing here uses.
OPTIONAL_IMPORTS_OF_KERAS = ("matplotlib", "pandas", "scipy", "sklearn")


def import_tensorflow() -> ModuleType:
    """Import TensorFlow and Keras in half the usual time; the caller sets the number of threads.

    Example
    -------
    >>> tf = import_tensorflow()
    >>> tf.config.threading.set_intra_op_parallelism_threads(1)
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    os.environ.update(ENVIRONMENT)
    with _hidden(OPTIONAL_IMPORTS_OF_KERAS), _silent_stderr():
        import keras  # noqa: F401
        import tensorflow
    return tensorflow


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Make modules look as if they were not installed."""
    imported = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # None makes an import fail
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(imported)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what C++ code writes to file descriptor 2: TensorFlow greets before it can be told not to."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def prepend_to_python_path(folder: str) -> str:
    """Let the Python processes that this one starts import from a folder before all others; return the new path."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([folder, *filter(None, others)]))
    return os.environ["PYTHONPATH"]


def run_command(arguments: list[str]) -> int:
    """Run one command of the package in this process and return its exit status.

    The last line of the log says what it took. The kernel's peak of the memory misses nothing, while Snakemake's
    benchmark looks at a process every now and then, and sees no forked one.
    """
    import resource

    os.environ.update(ENVIRONMENT)
    start = perf_counter()
    try:
        from activezoo.cli import main

        return main(arguments)
    finally:
        used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        megabytes = max(of.ru_maxrss for of in used) / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
        processor = sum(of.ru_utime + of.ru_stime for of in used)
        print(
            f"peak memory {megabytes:.0f} MB, processor {processor:.1f} s, wall {perf_counter() - start:.1f} s",
            file=sys.stderr,
        )
