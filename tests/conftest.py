"""What all tests share: TensorFlow set up as jobs do, and a small network."""

import signal

import numpy as np
import pytest

from activezoo.augmentation import View
from activezoo.network import Architecture
from activezoo.runtime import import_tensorflow

ARCHITECTURE = Architecture(input_size=16, filters=(4, 4), dense_units=12, dropout=0.5)


def pytest_configure():
    # Workers of pytest-xdist, and what a script runs in the background, ignore Ctrl-C; so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow on one thread, with the same bits every time."""
    module = import_tensorflow()
    module.config.threading.set_intra_op_parallelism_threads(1)
    module.config.threading.set_inter_op_parallelism_threads(1)
    module.config.experimental.enable_op_determinism()
    return module


@pytest.fixture
def small_network(tensorflow):
    """An untrained network of ARCHITECTURE, the same every time."""
    import keras

    from activezoo import network

    keras.utils.set_random_seed(7)
    model = network.build(ARCHITECTURE)
    model.compile(keras.optimizers.Adam(1e-2))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def view():
    return View((1.1, 1.3), "anywhere", ARCHITECTURE.input_size)


@pytest.fixture
def grey():
    """Thirty grey images with a bright blob of growing size."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[-12:12, -12:12] + 0.5
    widths = np.linspace(1, 6, 30)[:, None, None]
    return (np.exp(-(x**2 + y**2) / (2 * widths**2)) + 0.02 * rng.random((30, 24, 24))).astype(np.float32)
