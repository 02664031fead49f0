"""A real Grid Engine on loopback: one node with two slots, and two GPUs that are not there."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from daemons import end, free_ports

LIBRARY = Path("/usr/lib/gridengine")
SHARE = Path("/usr/share/gridengine")
PROGRAMS = (LIBRARY / "sge_qmaster", LIBRARY / "sge_execd", Path("/usr/bin/qsub"))

BOOTSTRAP = """
admin_user none
default_domain none
ignore_fqdn true
spooling_method classic
spooling_lib libspoolc
spooling_params {spool}
binary_path {library}
qmaster_spool_dir {folder}/qmaster
security_mode none
listener_threads 1
worker_threads 1
scheduler_threads 1
"""
# Other values than Debian's: root may run jobs, which start and are accounted for at once, however busy the machine.
CONFIGURATION = {
    "execd_spool_dir": "{folder}/execd",
    "mailer": "/bin/true",
    "min_uid": "0",
    "min_gid": "0",
    "reporting_params": "accounting=true reporting=false flush_time=00:00:01 accounting_flush_time=00:00:00",
}
SCHEDULER = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}
QUEUE = {
    "qname": "all.q",
    "hostlist": "{host}",
    "load_thresholds": "NONE",
    "slots": "2",
    "complex_values": "gpu=2",
}
GPU = """
name gpu
shortcut gpu
type INT
relop <=
requestable YES
consumable YES
default 0
urgency 0
"""


def why_not() -> str | None:
    """Why Grid Engine cannot run here; None if it can."""
    missing = [program.name for program in PROGRAMS if not program.exists()]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian's gridengine-master and gridengine-exec)"
    return None if os.geteuid() == 0 else "Grid Engine's node daemon must be started by root"


class GridEngine:
    """The cluster, in a folder; a context manager that starts and stops it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = free_ports(2)
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "SGE_ROOT": str(folder),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(ports[0]),
            "SGE_EXECD_PORT": str(ports[1]),
            "SGE_QMASTER_PIDFILE": str(folder / "qmaster.pid"),
            "SGE_EXECD_PIDFILE": str(folder / "execd.pid"),
        }

    def __enter__(self) -> GridEngine:
        common = self.folder / "default/common"
        for each in (common, self.folder / "qmaster", self.folder / "execd"):
            each.mkdir(parents=True)
        (self.folder / "util").symlink_to(SHARE / "util")
        spool = f"{common};{self.folder}/qmaster"
        (common / "bootstrap").write_text(BOOTSTRAP.format(spool=spool, library=LIBRARY, folder=self.folder))
        defaults = (SHARE / "default-configuration").read_text()
        (common / "configuration").write_text(self._with(CONFIGURATION, defaults))
        # The name that the address has, which is what the daemons see.
        host = socket.gethostbyaddr(socket.gethostbyname(socket.gethostname()))[0]
        (common / "act_qmaster").write_text(f"{host}\n")
        (common / "host_aliases").write_text(f"{host} {socket.gethostname()}\n")

        complexes = self.folder / "complexes"
        shutil.copytree(SHARE / "util/resources/centry", complexes)
        (complexes / "gpu").write_text(GPU)
        try:
            self.run(LIBRARY / "spoolinit", "classic", "libspoolc", spool, "init")
            resources = SHARE / "util/resources"
            for kind, from_ in (
                ("complexes", complexes),
                ("pes", resources / "pe"),
                ("usersets", resources / "usersets"),
            ):
                self.run(LIBRARY / "spooldefaults", kind, from_)
            self.run(LIBRARY / "spooldefaults", "managers", "root")
            self.run(LIBRARY / "sge_qmaster")
            self.run("qconf", "-as", host)
            self._change("-ssconf", "-Msconf", SCHEDULER)
            self._change("-sq", "-Aq", QUEUE, host=host)
            self.run(LIBRARY / "sge_execd")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error) -> None:
        with suppress(subprocess.CalledProcessError):
            self.run("qdel", "-f", "-u", "root")
        for name in ("execd", "qmaster"):
            end(self.folder / f"{name}.pid")

    def run(self, *command: str | Path) -> str:
        """Run one of Grid Engine's commands, and return what it printed."""
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def jobs(self) -> list[dict[str, str]]:
        """What is on record of the jobs that have ended, in their order."""
        records = re.split("^=+$", self.run("qacct", "-j"), flags=re.MULTILINE)
        lines = [[line for line in record.splitlines() if " " in line.strip()] for record in records]
        jobs = [dict(line.split(maxsplit=1) for line in record) for record in lines]
        jobs = [{key: value.strip() for key, value in job.items()} for job in jobs if "jobnumber" in job]
        return sorted(jobs, key=lambda job: int(job["jobnumber"]))

    def _change(self, show: str, put: str, values: dict[str, str], **names) -> None:
        file = self.folder / "changed"
        file.write_text(self._with(values, self.run("qconf", show), **names))
        self.run("qconf", put, file)

    def _with(self, values: dict[str, str], text: str, **names) -> str:
        """A table of keys and values with other values."""
        values = {key: value.format(folder=self.folder, **names) for key, value in values.items()}
        lines = (line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#"))
        return "".join(f"{key} {values.get(key, value)}\n" for key, value in lines)
