"""What each run was made with: a dated record a run, and what a new run would mix with results that are there.

A record describes the machine and the environment of the process that starts the jobs. Jobs on the nodes of a cluster,
or in an environment made by conda, may have others.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from activezoo.survey.layout import FIRST_DOWNLOAD
from activezoo.tables import whole_file

# Of the layout of records; those of another one are skipped.
FORMAT = 1

# How the names of some instruction sets begin. Libraries choose their code, and so the order of sums, by these sets.
INSTRUCTIONS = ("avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm")

# Environment variables by which users can make that choice themselves.
VARIABLES = (
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "GLIBC_TUNABLES",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)

# In lists of packages, those that compute stand first.
TENSORFLOW = ("tensorflow", "tensorflow-cpu")
NUMERICAL = ("Python", *TENSORFLOW, "keras", "numpy", "scipy", "pandas", "pyarrow", "pillow")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Git:
    """State of a checkout; `dirty` if tracked files differ from the commit."""

    commit: str
    dirty: bool


@dataclass(frozen=True)
class Processor:
    """Model, and those of its instruction sets that change the last bits of results."""

    model: str
    instructions: tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """A file with its checksum, or a folder with its number of files and the checksum of their names.

    `files` is None for a file, `sha256` is None for what cannot be read. `unpublished` is for a download that no
    published checksum could confirm.
    """

    path: str
    sha256: str | None
    files: int | None = None
    unpublished: bool = False

    def __str__(self) -> str:
        if self.sha256 is None:
            return "missing"
        if self.files is None:
            return f"sha256 {self.sha256[:12]}…" + (", of the download: none is published" if self.unpublished else "")
        return f"{self.files:,} files, sha256 of their names {self.sha256[:12]}…"


@dataclass(frozen=True)
class Record:
    """What a run was made with.

    Attributes
    ----------
    version, git
        Of this package; `git` is None outside a repository and without git.
    packages, not_as_locked
        Installed versions of the locked packages; the locked versions of those that differ.
    variables
        Environment variables that change the last bits of results, if set.
    inputs
        Files that the run reads, by their key in the configuration.
    config
        The whole configuration, with defaults.
    """

    time: datetime
    version: str
    git: Git | None
    python: str
    packages: dict[str, str]
    not_as_locked: dict[str, str]
    processor: Processor
    variables: dict[str, str]
    system: str
    inputs: dict[str, Input]
    config: dict

    @property
    def date(self) -> str:
        """Date and time for a sentence."""
        return f"{self.time:%Y-%m-%d %H:%M}"


def record(
    config: Mapping, inputs: Mapping[str, str | Path | None], *, version: str, lock: str | Path, project: str | Path
) -> Record:
    """Describe a run that starts now.

    Parameters
    ----------
    config
        The validated configuration.
    inputs
        Files and folders of images that the run reads, by their key in the configuration; None where there is none.
    version
        Of this package.
    lock
        Requirements file that pins the packages.
    project
        Folder of the workflow, which may be a git checkout.
    """
    packages, not_as_locked = locked_packages(lock)
    return Record(
        time=datetime.now().astimezone(),
        version=version,
        git=git_state(project),
        python=platform.python_version(),
        packages=packages,
        not_as_locked=not_as_locked,
        processor=processor(),
        variables={name: os.environ[name] for name in VARIABLES if name in os.environ},
        system=platform.platform(),
        inputs={key: checksum(path) for key, path in inputs.items() if path is not None},
        # As it will be read again.
        config=json.loads(json.dumps(config, default=str)),
    )


def git_state(folder: str | Path) -> Git | None:
    """Commit of a folder, and whether it has changes; None if no commit has the folder, or without git."""
    # Inside a git hook, these variables name the hook's repository, which may be another one.
    hook = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
    environment = {name: value for name, value in os.environ.items() if name not in hook}

    def words(*arguments: str) -> list[bytes]:
        command = ["git", "--no-optional-locks", "-C", folder, *arguments]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return done.stdout.split()

    try:
        # The second fails where the folder only lies in another project's repository.
        commit, _ = words("rev-parse", "HEAD", "HEAD:./")
        changes = words("status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return Git(commit.decode(), bool(changes))


def locked_packages(lock: str | Path) -> tuple[dict[str, str], dict[str, str]]:
    """Installed versions of the packages that a requirements file pins; the pins of those that differ."""
    from importlib.metadata import PackageNotFoundError, version

    pins = dict(
        re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;\\]+)", Path(lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    installed = {}
    for name in pins:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:  # a pin of another platform, or of the other TensorFlow
            continue
    return installed, {name: pins[name] for name, found in installed.items() if found != pins[name]}


def processor(cpuinfo: str | Path = "/proc/cpuinfo") -> Processor:
    """The processor of this machine, as Linux describes it; elsewhere its model alone."""
    try:
        with open(cpuinfo, encoding="utf-8", errors="replace") as file:
            # An empty line ends what is said of the first core, which stands for all.
            lines = [line.partition(":") for line in takewhile(str.strip, file)]
    except OSError:
        lines = []
    fields = {name.strip(): value.strip() for name, _, value in lines}
    flags = fields.get("flags") or fields.get("Features", "")  # x86 or ARM
    return Processor(
        fields.get("model name") or platform.processor() or platform.machine(),
        tuple(sorted(flag for flag in flags.split() if flag.startswith(INSTRUCTIONS))),
    )


def checksum(path: str | Path) -> Input:
    """Checksum of a file, or of the names of the files in a folder, at any depth; hidden files do not count.

    That of a folder without links is also what this prints in it:

        find . -type f ! -name '.*' | cut -c 3- | LC_ALL=C sort | sha256sum
    """
    try:
        if os.path.isdir(path):
            names = sorted(_file_names(os.fsencode(path)))
            return Input(str(path), hashlib.sha256(b"".join(name + b"\n" for name in names)).hexdigest(), len(names))
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # `download` writes this where no checksum is published.
        return Input(str(path), digest, unpublished=os.path.exists(f"{path}{FIRST_DOWNLOAD}"))
    except OSError:
        return Input(str(path), None)


def _file_names(root: bytes) -> Iterator[bytes]:
    """Names of the files in a folder, relative to it; each folder is visited once, whatever links lead to it."""
    # A link to a parent leads to nothing that is meant.
    seen = {_identity(parent) for parent in Path(os.fsdecode(root)).resolve().parents}
    # One walk, which asks for no file in turn: that takes minutes on a network file system.
    for parent, folders, files in os.walk(root, followlinks=True):
        identity = _identity(parent)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        folders.sort()  # of two ways to a folder, every machine takes the same
        below = os.path.relpath(parent, root)
        prefix = b"" if below == b"." else below + b"/"
        # File managers leave hidden files.
        yield from (prefix + name for name in files if not name.startswith(b"."))


def _identity(folder: bytes | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def write(record: Record, folder: str | Path) -> Path:
    """Write a record to a new file, whole or not at all, and return its path; names sort by time."""
    time = record.time.astimezone(UTC)
    while (path := Path(folder) / f"{time:%Y-%m-%dT%H%M%S.%fZ}.json").exists():
        time += timedelta(microseconds=1)
    values = {"format": FORMAT, **asdict(record), "time": record.time.isoformat()}
    with whole_file(path) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return path


def newest(folder: str | Path) -> Record | None:
    """The newest record that can be read, None without one; a warning names those that cannot."""
    # Not the hidden files that a run that was killed may leave.
    for path in sorted(Path(folder).glob("[0-9]*.json"), reverse=True):
        try:
            return _from_json(path.read_text(encoding="utf-8"))
        except KeyError as error:
            reason = f"no key {error}"
        except (AttributeError, OSError, TypeError, ValueError) as error:
            reason = str(error)
        log.warning("%s: skipped, for it is no record of this version of the package (%s)", path, reason)
    return None


def _from_json(text: str) -> Record:
    values = json.loads(text)
    if values["format"] != FORMAT:
        raise ValueError(f"format {values['format']}, not {FORMAT}")
    git, cpu = values["git"], values["processor"]
    return Record(
        time=datetime.fromisoformat(values["time"]),
        version=str(values["version"]),
        git=git and Git(str(git["commit"]), bool(git["dirty"])),
        python=str(values["python"]),
        packages=_strings(values["packages"]),
        not_as_locked=_strings(values["not_as_locked"]),
        processor=Processor(str(cpu["model"]), tuple(map(str, cpu["instructions"]))),
        variables=_strings(values["variables"]),
        system=str(values["system"]),
        inputs={
            key: Input(
                str(of["path"]),
                None if of["sha256"] is None else str(of["sha256"]),
                None if of["files"] is None else int(of["files"]),
                bool(of.get("unpublished")),
            )
            for key, of in values["inputs"].items()
        },
        config=dict(values["config"]),
    )


def _strings(values: Mapping) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()}


def differences(old: Record, new: Record) -> list[str]:
    """What a run would mix with the results of an older one: a text for each cause, none if it mixes nothing.

    A file is no cause if it was missing at the older run (not yet downloaded, say), or if only one of the runs reads
    it. Snakemake sees that by itself.
    """
    results = f"results/{new.config['survey']['name']}"
    apart = f"use another survey.name or delete {results}"
    bits = "Models that are trained now will differ a little from those trained then."
    found = []
    if old.version != new.version:
        found.append(
            f"{results} holds results of activezoo {old.version}; this is {new.version}. Steps whose code changed run "
            f"again, others keep their results; for results of one version, {apart}."
        )
    for key, now in new.inputs.items():
        then = old.inputs.get(key, now)
        if then.sha256 is None or (then.sha256, then.files) == (now.sha256, now.files):
            continue
        changed = "changed" if now.path == then.path else f"took the place of {then.path}"
        kept = (
            "Steps that read it run again only if it is newer than their results"
            if now.files is None
            else "Steps that are done may keep what they read then"
        )
        found.append(
            f"{now.path} {changed} since the run of {old.date}: {_then_and_now(then, now)}. {kept}; for results of one "
            f"survey, {apart}."
        )
    packages = _changes({"Python": old.python, **old.packages}, {"Python": new.python, **new.packages}, "not installed")
    if packages:
        found.append(
            f"Packages have other versions than in the run of {old.date}: {_some(packages, '; ')}. Results of both may "
            "differ slightly."
        )
    lost = [name for name in old.processor.instructions if name not in new.processor.instructions]
    gained = [name for name in new.processor.instructions if name not in old.processor.instructions]
    if lost or gained:
        changes = [f"{word} {_some(names)}" for word, names in (("without", lost), ("with", gained)) if names]
        found.append(
            f"The processor ({new.processor.model}) has other instructions than that of the run of {old.date} "
            f"({old.processor.model}): {', '.join(changes)}. {bits}"
        )
    variables = _changes(old.variables, new.variables, "not set")
    if variables:
        found.append(
            f"Environment variables have other values than in the run of {old.date}: {_some(variables, '; ')}. {bits}"
        )
    return found


def _then_and_now(then: Input, now: Input) -> str:
    if then.files is None or now.files is None:
        return f"{then} then, {now} now"
    if then.files == now.files:
        return f"{now.files:,} files then and now, but under other names"
    return f"{then.files:,} files then, {now.files:,} now"


def _changes(old: Mapping[str, str], new: Mapping[str, str], missing: str) -> list[str]:
    """`name value then, value now` of what differs; packages that compute come first."""
    first = dict.fromkeys(name for name in NUMERICAL if name in old or name in new)
    return [
        f"{name} {old.get(name, missing)} then, {new.get(name, missing)} now"
        for name in first | dict.fromkeys(sorted({**old, **new}))
        if old.get(name) != new.get(name)
    ]


def _some(texts: Sequence[str], separator: str = ", ", most: int = 6) -> str:
    """The first of them, and how many more there are."""
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return separator.join([*texts[:most], *more])


def summary(record: Record) -> list[tuple[str, str]]:
    """Names and values for a small table."""
    package, cpu = record.version, record.processor
    if record.git:
        package += f", commit {record.git.commit[:12]}{', with changes' if record.git.dirty else ''}"
    tensorflow = [record.packages[name] for name in TENSORFLOW if name in record.packages]
    others = [f"{name} {record.packages.get(name)} (locked: {pin})" for name, pin in record.not_as_locked.items()]
    return [
        ("activezoo", package),
        ("Python", record.python),
        ("TensorFlow", tensorflow[0] if tensorflow else "not installed"),
        ("packages", f"as locked, but {_some(others)}" if others else "as locked"),
        (
            "processor",
            cpu.model + (f" ({', '.join(cpu.instructions)}; others give other bits)" if cpu.instructions else ""),
        ),
        *record.variables.items(),
        *((file.path, str(file)) for file in record.inputs.values()),
        ("date", f"{record.time:%Y-%m-%d %H:%M %z}"),
    ]
