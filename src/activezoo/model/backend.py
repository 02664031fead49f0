"""TensorFlow, imported quickly and set up so that it gives the same bits every time.

The one place where TensorFlow is imported on purpose; the modules beside this one import it inside functions, which run
after `start`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from activezoo.model.devices import claim, processor_has_bfloat16

# BLAS, OpenMP, TensorFlow and Arrow read these when they are loaded and never again. BLAS and OpenMP keep to one
# thread, so that sums have one order on any machine; TensorFlow's are set by `tf.config.threading` once it is there.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # Arrow's own keeps some fifty megabytes more of what is freed
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


def start(threads: int, gpus: int) -> None:
    """Load TensorFlow for so many threads, one operation at a time and each with the same bits every time.

    Parameters
    ----------
    threads
        Of each operation.
    gpus
        How many GPUs to use, which no other job of this machine does; 0 for none, even if there are some.
    """
    tensorflow = import_tensorflow()
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.config.set_visible_devices(claim(tensorflow.config.list_physical_devices("GPU"), gpus), "GPU")
    for device in tensorflow.config.get_visible_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(device, True)


def warn_if_emulated(precision: str) -> None:
    """Say so in the log if this job computes bfloat16 on a processor that has none: that is right, but slow."""
    if precision != "mixed_bfloat16" or processor_has_bfloat16():
        return
    if not import_tensorflow().config.get_visible_devices("GPU"):
        logging.warning(
            "network.precision: %s is slow on this processor, which has no bfloat16 and emulates it; float32 is faster",
            precision,
        )
