"""The fork server: a job runs as if it had been started alone, and never outlives who wanted it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from activezoo.running import forkserver

PACKAGE = Path(forkserver.__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server takes Linux")


COMMAND_LINE = """
import sys
from activezoo.running.runtime import measured

def main(arguments=None):
    with measured():
        return exec((arguments or sys.argv[1:])[0], {})
"""


def build(house: Path) -> Path:
    """Make a copy of the package whose one command is to execute its argument as Python."""
    package = house / "activezoo"
    for name in (
        "__init__.py",
        "__main__.py",
        "running/forkserver.py",
        "running/runtime.py",
        "model/backend.py",
        "model/devices.py",
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, package / name)
    (package / "cli.py").write_text(COMMAND_LINE)
    return house


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A package without TensorFlow, whose servers are ready at once."""
    house = build(tmp_path_factory.mktemp("house"))
    with (house / "activezoo/model/backend.py").open("a") as file:
        file.write("\n\ndef import_tensorflow():\n    raise ImportError\n")
    return house


@contextmanager
def server_of(house: Path):
    """Start a server of the package in `house` from this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(house))
        patch.setattr(forkserver, "__file__", str(house / "activezoo/running/forkserver.py"))
        patch.setenv(forkserver.VARIABLE, "")  # so that it is put back as it was, even if there was none
        patch.delenv(forkserver.VARIABLE)
        with forkserver.start() as server:
            yield server


@pytest.fixture(scope="module")
def server(house):
    with server_of(house) as server:
        yield server


@pytest.fixture
def job(server, house):
    """Start a job: the arguments are Python code, further arguments and what `subprocess.Popen` takes."""
    jobs = []

    def start(*arguments, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        jobs.append(subprocess.Popen([sys.executable, "-m", "activezoo", *arguments], **options))
        return jobs[-1]

    yield start
    for started in jobs:
        with started:
            started.kill()


PAUSE = "import os, signal; print(os.getpid(), flush=True); signal.pause()"


def forked(job) -> bool:
    """Whether a job that prints its process id ran in another process than the one that was started for it."""
    out, err = job.communicate()
    assert job.returncode == 0, err
    return int(out) != job.pid


def test_is_what_runs_the_job(job):
    assert forked(job("import os; print(os.getpid())"))


def test_passes_everything_through(job, tmp_path):
    code = "import os, sys; print(sys.argv[2:], os.getcwd(), os.environ['COLOUR'], [sys.stdin.read()])"
    code += "; print('oops', file=sys.stderr)"
    started = job(code, "two words", "é", cwd=tmp_path, env=os.environ | {"COLOUR": "blue"}, stdin=subprocess.PIPE)
    out, err = started.communicate("not for the job")
    assert out == f"{['two words', 'é']} {tmp_path} blue ['']\n"
    assert err.startswith("oops\npeak memory ")


def test_environment_of_other_jobs_is_gone(job):
    assert job("pass", env=os.environ | {"COLOUR": "blue"}).wait() == 0
    out, _ = job("import os; print(os.environ.get('COLOUR'))").communicate()
    assert out == "None\n"


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("pass", 0, "peak memory"),
        ("raise SystemExit(3)", 3, "peak memory"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("import os; os._exit(0)", 137, "killed"),
        ("import os; os.kill(os.getpid(), 9)", 137, "error: the job was killed"),
    ],
)
def test_exit_status(job, code, status, message):
    started = job(code)
    _, err = started.communicate()
    assert started.returncode == status
    assert message in err


def test_interrupt_reaches_the_job(job):
    started = job(f"try:\n  {PAUSE}\nfinally:\n  print('tidied up')")
    started.stdout.readline()
    started.send_signal(signal.SIGINT)
    out, err = started.communicate()
    assert (started.returncode, out) == (130, "tidied up\n")
    assert "KeyboardInterrupt" in err


# Ways to start a process that waits forever, and that holds open all that the job does.
CHILDREN = {
    "no child": "",
    "fork": "import os, signal; os.fork() or signal.pause()",
    "subprocess": "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])",
    "pool": "import signal; from concurrent.futures import ProcessPoolExecutor as P; p = P(1); p.submit(signal.pause)",
    "grandchild": "import os, signal\nif not os.fork():\n  os.fork() or signal.pause()\n  os._exit(0)",
}
with_children = pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN)


@pytest.mark.parametrize("length", [90, 105, 170])
def test_a_long_path_of_temporary_files_is_no_hindrance(tmp_path, monkeypatch, length):
    folder = tmp_path
    while len(str(folder)) < length:
        folder /= "temporary"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv(forkserver.VARIABLE, raising=False)
    server = forkserver.start()
    address = os.environ[forkserver.VARIABLE].removeprefix(forkserver._family())
    assert os.path.exists(address)
    server.stdin.close()
    server.wait()
    assert not os.path.exists(os.path.dirname(address))
    assert list(folder.iterdir()) == []


@with_children
def test_killed_client_takes_its_job_along(job, child):
    started = job(f"{child}\n{PAUSE}")
    pid = int(started.stdout.readline())
    assert pid != started.pid
    started.kill()
    assert started.stdout.read() == ""  # the end of the file: nobody holds the other end of the pipe any more


@with_children
@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import os; os._exit(0)", 137),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 11)", 137),
    ],
)
def test_job_takes_its_children_along(job, child, end, status):
    started = job(f"{child}\n{end}")
    started.communicate()  # to the end of the file
    assert started.returncode == status


def test_client_does_not_wait_for_a_child_that_left_the_process_group(job):
    code = """
import os, signal
has_left, leaves = os.pipe()
if child := os.fork():
    os.read(has_left, 1)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
os.setsid()
os.write(leaves, b".")
signal.pause()
"""
    started = job(code)
    child = int(started.stdout.readline())
    assert started.wait() == 137
    os.kill(child, signal.SIGKILL)


def test_ended_job_is_no_zombie(job):
    for end in ("pass", "import os; os.kill(os.getpid(), 9)"):
        started = job(f"import os; print(os.getpid(), flush=True); {end}")
        pid = int(started.communicate()[0])
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_signal_that_a_killed_job_has_not_read(job):
    started = job(PAUSE)
    pid = int(started.stdout.readline())
    os.kill(pid, signal.SIGSTOP)
    started.send_signal(signal.SIGINT)
    os.kill(pid, signal.SIGKILL)
    _, err = started.communicate()
    assert started.returncode == 137, err
    assert "Traceback" not in err


def test_killed_job_leaves_the_others_alone(job):
    other = job(f"try:\n  {PAUSE}\nfinally:\n  print('tidied up')")
    other.stdout.readline()
    assert job(f"{CHILDREN['fork']}\nos.kill(os.getpid(), 9)").wait() == 137
    other.send_signal(signal.SIGINT)
    out, _ = other.communicate()
    assert (other.returncode, out) == (130, "tidied up\n")


STARTER = """
import subprocess, sys
from activezoo.running import forkserver
server = forkserver.start()
subprocess.run([sys.executable, "-m", "activezoo", sys.argv[1]])
"""


@with_children
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ends_with_its_starter(house, number, child, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != forkserver.VARIABLE}
    environment |= {"PYTHONPATH": str(house), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, f"{child}\n{PAUSE}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as starter:
        assert int(starter.stdout.readline())
        assert list(tmp_path.iterdir())
        if number == signal.SIGINT:  # Ctrl-C: to the whole process group
            os.killpg(starter.pid, number)
        else:
            starter.kill()
        starter.stderr.read()  # to its end: the server and the job hold it open as long as they live
    assert not list(tmp_path.iterdir())


def test_leaves_nothing_behind(house, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with server_of(house) as server:
        folder = Path(os.environ[forkserver.VARIABLE].removeprefix(forkserver._family())).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert server.returncode == 0
    assert not folder.exists()


def test_does_without_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv(forkserver.VARIABLE, "")
    assert forkserver.start() is None
    assert forkserver.run("activezoo.cli", []) is None


@pytest.mark.parametrize(
    "options",
    [
        {"env": {forkserver.VARIABLE: ""}},
        {"env": {forkserver.VARIABLE: f"{forkserver._family()}/nowhere/socket"}},
        {"start_new_session": True},  # as a scheduler starts a job
    ],
    ids=["none", "dead", "other session"],
)
def test_job_runs_alone_without_a_server_of_its_own(job, options):
    options = options | {"env": os.environ | options.get("env", {})}
    assert not forked(job("import os; print(os.getpid())", **options))


@contextmanager
def edited(source: Path, text: str, keep: bool = True):
    """Write text to a file of the package, after what it holds or in its place."""
    before = source.read_text()
    source.write_text(before + text if keep else text)
    try:
        yield
    finally:
        source.write_text(before)


@pytest.mark.parametrize("name", ["cli.py", "running/runtime.py", "model/backend.py"])
def test_edit_takes_effect_at_once(job, house, name):
    assert job("print('as ever')").communicate()[0] == "as ever\n"  # the server has imported what it needs
    code = "from activezoo.model import backend; print('as ever')"
    with edited(house / "activezoo" / name, "\nprint('edited')\n"):
        assert job(code).communicate()[0] == "edited\nas ever\n"
    assert job(code).communicate()[0] == "as ever\n"


def test_new_module_is_found_at_once(job, house):
    assert job("pass").wait() == 0
    (house / "activezoo/new.py").write_text("print('new')\n")
    assert job("import activezoo.new").communicate()[0] == "new\n"


def test_edit_takes_effect_once_the_libraries_are_there(tmp_path):
    """The server that has TensorFlow, or what it takes for it, does not import again."""
    house = build(tmp_path)
    backend = house / "activezoo/model/backend.py"
    with backend.open("a") as file:
        file.write("\n\ndef import_tensorflow():\n    sys.modules['tensorflow'] = sys\n")
    code = "import sys; from activezoo.model import backend; print('tensorflow' in sys.modules)"
    command = [sys.executable, "-m", "activezoo", code]
    with server_of(house):
        assert subprocess.check_output(command, text=True) == "True\n"
        with edited(backend, "\nprint('edited')\n"):
            assert subprocess.check_output(command, text=True) == "edited\nTrue\n"


def test_mistake_in_an_edit_is_shown_and_can_be_mended(tmp_path):
    """Even in what the server itself has to import."""
    house = build(tmp_path)
    command = [sys.executable, "-m", "activezoo", "from activezoo.model import backend; print('ran')"]
    with server_of(house):
        with edited(house / "activezoo/model/backend.py", "import import\n", keep=False):
            failed = subprocess.run(command, capture_output=True, text=True)
        assert failed.returncode == 1
        assert "SyntaxError" in failed.stderr
        assert subprocess.check_output(command, text=True) == "ran\n"


TRAIN = """
import hashlib
from activezoo.model.backend import import_tensorflow
tf = import_tensorflow()
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.keras.utils.set_random_seed(1)
layers = tf.keras.layers
model = tf.keras.Sequential([layers.Input((16, 16, 1)), layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(2)])
model.compile("adam", "mse")
model.fit(tf.random.normal((32, 16, 16, 1)), tf.random.normal((32, 2)), verbose=0, epochs=2)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def test_same_bits_forked_or_not(tmp_path):
    command = [sys.executable, "-m", "activezoo", TRAIN]
    with server_of(build(tmp_path)), subprocess.Popen(command, stdout=subprocess.PIPE) as forked:
        environment = os.environ | {forkserver.VARIABLE: "", "OMP_NUM_THREADS": "2"}
        expected = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True).stdout
        found = forked.stdout.read()
    assert len(expected) == 65
    assert found == expected
