"""What all tests share: TensorFlow set up as jobs do, and a small network."""

import signal
import subprocess
import threading

import hypothesis
import numpy as np
import pytest

from activezoo.model.augmentation import View
from activezoo.model.backend import import_tensorflow
from activezoo.model.description import Description
from activezoo.model.network import Architecture
from activezoo.model.trained import TrainedModel

ARCHITECTURE = Architecture(input_size=16, filters=(4, 4), dense_units=12, dropout=0.5)


def pytest_configure():
    # On a busy machine an example may take its time.
    hypothesis.settings.register_profile("activezoo", deadline=None)
    hypothesis.settings.load_profile("activezoo")
    # Workers of pytest-xdist, and what a script runs in the background, ignore Ctrl-C; so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def process():
    """Start a process that reads and writes text, and ends with the test; options are those of `subprocess.Popen`."""
    started = []

    def start(command, **options):
        started.append(subprocess.Popen(command, text=True, **options))
        return started[-1]

    yield start
    for each in started:
        with each:
            each.kill()


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

    from activezoo.model import network

    keras.utils.set_random_seed(7)
    model = network.build(ARCHITECTURE)
    model.compile(keras.optimizers.Adam(1e-2))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def view():
    return View((1.1, 1.3), "anywhere")


@pytest.fixture
def description(view):
    """Of `small_network`, as if it had been trained on the images of `grey`."""
    return Description(
        version="0.0",
        question="smooth",
        positive=("yes",),
        responses=("yes", "no"),
        seed=1,
        strategy="bald",
        iteration=2,
        architecture=ARCHITECTURE,
        view=view,
        stored_size=24,
        galaxies=30,
        votes=1200,
    )


@pytest.fixture
def trained_model(small_network, description):
    """The untrained network, as if it were trained."""
    return TrainedModel(description, small_network)


@pytest.fixture
def grey():
    """Thirty grey images with a bright blob of growing size."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[-12:12, -12:12] + 0.5
    widths = np.linspace(1, 6, 30)[:, None, None]
    return (np.exp(-(x**2 + y**2) / (2 * widths**2)) + 0.02 * rng.random((30, 24, 24))).astype(np.float32)


@pytest.fixture
def server(monkeypatch):
    """A server of files on this machine."""
    from faulty_server import Server

    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.stopping.set()
        server.shutdown()
        thread.join()
