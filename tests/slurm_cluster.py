"""A real Slurm on loopback: two nodes of two cores, one with two GPUs that are not there, and no accounting."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from daemons import end, free_ports, wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")

# Nodes promise what they may not have (config_overrides): the tests' jobs take little. Timeouts are those of a machine
# that much else keeps busy.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
MinJobAge=3600
MessageTimeout=100
BatchStartTimeout=100
KillWait=1
ReturnToService=0
GresTypes=gpu
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=6000 Gres=gpu:2
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=6000
PartitionName=cpu Nodes=one,two Default=YES MaxTime=2-0
PartitionName=gpu Nodes=one MaxTime=2-0
"""
GPUS = "NodeName=one Name=gpu File=/dev/null\nNodeName=one Name=gpu File=/dev/zero\n"
PARTITIONS = """
partitions:
  cpu: {max_runtime: 2880, max_mem_mb: 6000, max_threads: 2}
  gpu: {max_runtime: 2880, max_mem_mb: 6000, max_threads: 2, max_gpu: 2}
"""
# Snakemake's job steps forget SLURM_CONF on their way to srun.
SRUN = """#!/bin/sh
export SLURM_CONF={folder}/slurm.conf
exec {srun} "$@"
"""


def why_not() -> str | None:
    """Why Slurm cannot run here; None if it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian's slurm-wlm and munge)"
    return None if os.geteuid() == 0 else "Slurm's node daemon must be started by root"


class Cluster:
    """The cluster, in a folder; a context manager that starts and stops it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partitions = folder / "partitions.yaml"
        self.partitions.write_text(PARTITIONS)
        path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    def __enter__(self) -> Cluster:
        host = socket.gethostname().partition(".")[0]
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(folder=self.folder, host=host, ports=free_ports(3))
        )
        (self.folder / "gres.conf").write_text(GPUS)
        (self.folder / "bin").mkdir()
        (self.folder / "bin/srun").write_text(SRUN.format(folder=self.folder, srun=shutil.which("srun")))
        (self.folder / "bin/srun").chmod(0o755)
        (self.folder / "state").mkdir()
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o400)
        files = [f"--{what}-file={self.folder}/munge.{what}" for what in ("key", "pid", "log", "seed")]
        try:
            self.run("munged", "--force", f"--socket={self.folder}/munge.socket", *files)
            self.run("slurmctld")
            for node in ("one", "two"):
                self.run("slurmd", "-N", node)
            wait_until(lambda: self.run("sinfo", "-h", "-N", "-p", "cpu", "-o", "%T").split() == ["idle"] * 2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error) -> None:
        with suppress(subprocess.CalledProcessError):
            self.run("scancel", "--user", "root")
        for name in ("slurmd-one", "slurmd-two", "slurmctld", "munge"):
            end(self.folder / f"{name}.pid")

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands, and return what it printed."""
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    @contextmanager
    def unusable(self, nodes: str, state: str) -> Iterator[None]:
        """Nodes that take no jobs (`drain`), or lose those that they have (`down`)."""
        self.run("scontrol", "update", f"nodename={nodes}", f"state={state}", "reason=test")
        try:
            yield
        finally:
            self.run("scontrol", "update", f"nodename={nodes}", "state=resume")

    @contextmanager
    def lost(self, node: str) -> Iterator[None]:
        """A node whose processes have all died. Slurm is told, for by itself it would wait for minutes."""
        log = str(self.folder / f"slurmd-{node}.log")
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]
                if (ours and process.environ().get("SLURMD_NODENAME") == node) or log in [
                    file.path for file in process.open_files()
                ]:
                    process.kill()
        with self.unusable(node, "down"):
            yield
            self.run("slurmd", "-N", node)

    def jobs(self, *fields: str) -> list[tuple[str, ...]]:
        """Fields, by squeue's letters, of all jobs that there have been, in their order."""
        table = self.run("squeue", "--states=all", "--noheader", "--sort=i", f"--format={'|'.join(fields)}")
        return [tuple(field.strip() for field in line.split("|")) for line in table.splitlines()]
