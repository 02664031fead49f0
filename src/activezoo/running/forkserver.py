"""Jobs forked from a process that has already imported the heavy libraries.

Importing TensorFlow takes seconds. Training one of hundreds of small models takes hardly longer. So the Snakefile
starts a server (`start`). Each `python -m activezoo` asks it (`run`) to fork a process that does the work in its place,
with its arguments, environment, working directory and output.

The server keeps other people's libraries only, so an edit of this package takes effect with the next job. Some changes
take effect with the next server: an edit of this file, of `import_tensorflow` or of the environment that it sets, and a
newly installed library.

However the process that called `start` ends, the server and its jobs end too: the kernel closes the pipe they watch.
However a job ends, the server ends what is left of its process group.
"""

from __future__ import annotations

import marshal
import os
import signal
import socket
import sys
from contextlib import suppress

VARIABLE = "ACTIVEZOO_FORKSERVER"
"""Names the server in the environment of the jobs. If it is set already, be it to nothing, `start` starts no server."""

LIBRARIES = ("argparse", "logging", "numpy", "cv2", "pandas", "pyarrow.parquet", "pyarrow.compute", "PIL.Image")

LONGEST_FOLDER = 100
"""Bytes of the path of a socket's folder: Linux takes 107 for the socket."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start():
    """Start a server for the jobs that this process will start. Closing the server's `stdin` ends it.

    It takes little time and memory until the first job asks for it. On a cluster, no job does.

    Returns
    -------
    The server (`subprocess.Popen`), or None if there is none. There is none outside Linux: a fork is not safe there
    once system libraries such as macOS's Accelerate are loaded.
    """
    import subprocess
    import tempfile

    if VARIABLE in os.environ or sys.platform != "linux":
        return None
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    folder = tempfile.mkdtemp(prefix="activezoo-")
    if len(os.fsencode(folder)) > LONGEST_FOLDER:  # of a user whose TMPDIR is long
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="activezoo-", dir="/tmp")
    address = os.path.join(folder, "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)
        server = subprocess.Popen(
            # Python warns of a fork beside threads: here the allocator of Arrow has one, and prepares for forks.
            [
                sys.executable,
                "-W",
                "ignore::DeprecationWarning",
                "-m",
                "activezoo.running.forkserver",
                str(listener.fileno()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            env=os.environ | {"PYTHONPATH": path},
        )
    os.environ[VARIABLE] = _family() + address
    return server


def run(module: str, arguments: list[str]) -> int | None:
    """Have the server run `main(arguments)` of a module; return its exit status, or None if there is no server."""
    address = os.environ.get(VARIABLE)
    if not address or not address.startswith(_family()):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address.removeprefix(_family()))
    except OSError:
        return None
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    request = marshal.dumps((module, arguments, os.getcwd(), dict(os.environ)))
    socket.send_fds(connection, [len(request).to_bytes(8, "big")], [1, 2])
    connection.sendall(request)
    for number in SIGNALS:
        signal.signal(number, lambda number, _: _pass_on(number, connection))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    status = b""
    with suppress(ConnectionResetError):  # the job ended before it read a signal
        status = connection.recv(1)
        connection.recv(1)  # returns when the server ends the connection: the job and all that it held are gone
    if status:
        return status[0]
    print("error: the job was killed; was there enough memory?", file=sys.stderr)
    return 128 + signal.SIGKILL


def _pass_on(number: int, connection: socket.socket) -> None:
    """Give the job a signal, unless it has just ended."""
    with suppress(OSError):
        connection.send(bytes([number]))


def _family() -> str:
    """What a job has in common with its server: the session and the Python environment.

    A cluster job on the server's node has inherited the variable, but it has a session of its own and must stay there,
    within the memory and the cores that it was given.
    """
    return f"{os.getsid(0)} {sys.prefix} "


def _serve(listener: socket.socket) -> None:
    """Fork a job for every client until the starter ends."""
    from select import select
    from shutil import rmtree

    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # Ctrl-C reaches the clients, which pass it on
    # When a job ends, the kernel sends SIGCHLD, and Python a byte to this socket.
    ended, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    jobs: dict[int, socket.socket] = {}
    while sys.stdin not in (ready := select([sys.stdin, listener, ended], [], [])[0]):
        if ended in ready:
            ended.recv(4096)
            for job in [job for job in jobs if os.waitid(os.P_PID, job, os.WEXITED | os.WNOHANG | os.WNOWAIT)]:
                _clear_up(job, jobs.pop(job))
        if listener in ready:
            connection, _ = listener.accept()
            _import_libraries()
            job = os.fork()
            if job == 0:
                try:
                    signal.set_wakeup_fd(-1)
                    for unused in (listener, ended, wakeup, *jobs.values()):
                        unused.close()
                    _work(connection)
                finally:
                    os._exit(0)
            jobs[job] = connection
    for job in jobs:
        _kill_group(job)
    rmtree(os.path.dirname(listener.getsockname()))


def _clear_up(job: int, connection: socket.socket) -> None:
    """End what a job that has ended left behind, and let its client go, whoever else holds the connection open."""
    _kill_group(job)
    os.waitpid(job, 0)  # only now: until then no other process group can get this number
    with suppress(OSError):  # the client is gone
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _kill_group(job: int) -> None:
    """Kill a job and the processes that it started; none may be left."""
    with suppress(ProcessLookupError):
        os.killpg(job, signal.SIGKILL)


def _import_libraries() -> None:
    """Import what most jobs need. If an import fails, the jobs that need it report the error.

    Nothing of this package stays imported, so each job reads the package's files as they are when it starts.
    """
    import gc
    from importlib import import_module

    if "tensorflow" in sys.modules:
        return
    with suppress(Exception):
        from activezoo.model.backend import import_tensorflow

        import_tensorflow()
        for name in LIBRARIES:
            import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "activezoo"]:
        del sys.modules[name]
    gc.freeze()  # else the collector of each job would touch, and so copy, all of it


def _work(connection: socket.socket) -> None:
    """Run a client's command in this freshly forked process as the client itself would have; report the exit status."""
    from threading import Thread

    try:
        os.setpgid(0, 0)
        size, descriptors, _, _ = socket.recv_fds(connection, 8, 2)
        request = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
        module, arguments, directory, environment = marshal.loads(request)
        Thread(target=_obey, args=(connection, os.dup(0)), daemon=True).start()
        for source, target in zip((os.open(os.devnull, os.O_RDONLY), *descriptors), (0, 1, 2), strict=True):
            os.dup2(source, target)
            os.close(source)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = arguments
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        from importlib import import_module

        status = import_module(module).main(arguments)
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([status or 0]))


def _obey(connection: socket.socket, starter: int) -> None:
    """Give this process the signals that its client gets, and let it outlive neither the client nor the starter."""
    from select import select

    while starter not in select([connection, starter], [], [])[0] and (signals := connection.recv(16)):
        for number in signals:
            os.kill(os.getpid(), number)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
