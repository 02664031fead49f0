"""Which GPUs a job takes, where several jobs run side by side on one machine; and what the processor can do.

Snakemake counts GPUs but does not say which one a job may use. So each job locks those that it takes, by files in a
folder of its user's. The kernel frees them when the job ends, however it does.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import quote

Device = TypeVar("Device")

_claims: dict[str, IO] = {}  # the locked file of each device that this process has claimed


def claim(devices: Sequence[Device], number: int, names: Sequence[str] | None = None) -> list[Device]:
    """Choose devices that no other job has claimed, and claim them until this process ends.

    If too few are free, this process shares some with other jobs. Whoever started it may know that there is room. A
    process that claims again gets the same devices.

    Parameters
    ----------
    devices
        What this process can see, in order.
    number
        How many to choose; where there are not so many, all are chosen.
    names
        What tells each device from the others of this machine; by default `visible_names`.

    Returns
    -------
    The chosen devices, in order.

    Example
    -------
    >>> claim(tensorflow.config.list_physical_devices("GPU"), 1)
    """
    if number > len(devices):
        logging.warning(
            "GPUs: %d are asked for, and TensorFlow sees %d, so this job uses no more; install the extra `gpu`, or say "
            "how many there are (resources: gpu=%d)",
            *(number, len(devices), len(devices)),
        )
    number = min(number, len(devices))
    if not number:
        return []
    names = names or visible_names(len(devices))
    own_first = sorted(range(len(devices)), key=lambda device: names[device] not in _claims)
    chosen: set[int] = set()
    try:
        folder = _folder()
        for others in count():  # how many other jobs to share a device with
            for device in own_first:
                if len(chosen) < number and device not in chosen and _lock(folder, names[device], others):
                    chosen.add(device)
            if len(chosen) == number:
                break
    except OSError as error:
        logging.warning("taking the first GPUs, whoever else uses them, for they cannot be locked: %s", error)
        return list(devices[:number])
    if others and number < len(devices):
        logging.info("too few GPUs are free, by the locks in %s; some are shared", folder)
    return [devices[device] for device in sorted(chosen)]


def visible_names(number: int) -> list[str]:
    """Names of the visible devices.

    CUDA numbers from 0 whatever `CUDA_VISIBLE_DEVICES` lets a process see, so the numbers of two processes may differ.
    """
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return visible[:number] if len(visible) >= number and all(visible) else [str(device) for device in range(number)]


def processor_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor computes bfloat16, by Linux's list of its features; True where there is no such list."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return True
    features = [line for line in lines if line.startswith(("flags", "Features"))]  # on x86, on ARM
    return not features or not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(features[0].split())


def _folder() -> Path:
    """The folder of the locks, in which nobody else can write; of this machine, for several may share the place."""
    folder = Path(tempfile.gettempdir(), f"activezoo-{os.getuid()}-{os.uname().nodename}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def _lock(folder: Path, name: str, others: int) -> bool:
    """Take the place beside `others` other jobs on a device; False if another job has that place."""
    if name in _claims:
        return True
    file = (folder / f"{quote(name, safe='')}.{others}").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _claims[name] = file
    return True


def _forget() -> None:
    """Drop the claims in a forked child. Otherwise it would share the locks, and keep them after its parent ends."""
    for file in _claims.values():
        file.close()
    _claims.clear()


os.register_at_fork(after_in_child=_forget)
