"""A run says what it was made with, and what it would mix; whatever lies in the folder of records, it goes on."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from activezoo.running import provenance
from activezoo.running.provenance import Git, Input, Processor, Record, checksum, differences, git_state, newest, write
from activezoo.survey.layout import FIRST_DOWNLOAD

ROOT = Path(__file__).parents[1]
CONFIG = {"survey": {"name": "gz2", "kind": "release"}, "loop": {"seeds": [1, 2]}}
CATALOGUE = "survey.release.catalogue"
IMAGES = "survey.release.images"


@pytest.fixture
def record():
    """A record that depends on no machine."""
    return Record(
        time=datetime(2026, 11, 25, 9, 5, 3, 250_000, timezone(timedelta(hours=1))),
        version="0.1.0",
        git=Git("54f5daa46dfcc116fb96b5b1e2440c0eaf4639f1", dirty=True),
        python="3.11.7",
        packages={"numpy": "2.4.6", "ruff": "0.17.6", "tensorflow-cpu": "2.21.0"},
        not_as_locked={},
        processor=Processor("Xeon", ("avx", "avx2", "avx512f", "fma")),
        variables={},
        system="Linux-6.1-x86_64-with-glibc2.36",
        inputs={CATALOGUE: Input("gz2.csv", "a" * 64), IMAGES: Input("images", "b" * 64, 1200)},
        config=CONFIG,
    )


def with_input(record, key, *values):
    return replace(record, inputs={**record.inputs, key: Input(*values)})


# What is recorded


def test_a_run_is_recorded_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("ONEDNN_VERBOSE", "0")
    (tmp_path / "gz2.csv").write_text("dr7objid\n")
    before = datetime.now(UTC)
    recorded = provenance.record(
        CONFIG,
        {CATALOGUE: tmp_path / "gz2.csv", "survey.release.filename_map": None},
        version="0.1.0",
        lock=ROOT / "envs/requirements.txt",
        project=tmp_path,
    )
    assert before <= recorded.time <= datetime.now(UTC)
    assert recorded.time.utcoffset() is not None
    assert recorded.inputs == {
        CATALOGUE: Input(str(tmp_path / "gz2.csv"), hashlib.sha256(b"dr7objid\n").hexdigest()),
    }
    assert recorded.git is None
    assert recorded.python == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in recorded.packages
    assert recorded.variables["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert "ONEDNN_VERBOSE" not in recorded.variables
    assert recorded.processor.model
    assert recorded.config == CONFIG
    assert newest(write(recorded, tmp_path / "provenance").parent) == recorded


def test_a_simulated_survey_has_no_input_files(tmp_path, record):
    simulated = replace(record, inputs={})
    assert newest(write(simulated, tmp_path).parent) == simulated
    assert differences(simulated, simulated) == []


def test_values_of_the_configuration_that_json_does_not_know_become_text(tmp_path):
    (tmp_path / "lock.txt").touch()
    config = {"file": Path("a"), "date": datetime(2026, 11, 25)}
    recorded = provenance.record(config, {}, version="0", lock=tmp_path / "lock.txt", project=tmp_path)
    assert recorded.config == {"file": "a", "date": "2026-11-25 00:00:00"}


def test_importing_it_imports_nothing_heavy():
    heavy = "numpy pandas pyarrow tensorflow importlib.metadata"
    code = f"import sys, activezoo.running.provenance; sys.exit(' '.join(set('{heavy}'.split()) & set(sys.modules)))"
    # -S: what is installed may hook into every start of Python.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stderr.strip() == ""


# Git


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A function that runs git in a repository with one commit, `tmp_path / "repository"`."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repository"
    (folder / "workflow").mkdir(parents=True)

    def git(*arguments):
        user = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", folder, *user, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    for path in ("Snakefile", "workflow/é.smk"):
        (folder / path).write_text("rule all:\n")
    git("add", ".")
    git("commit", "-m", "Start")
    return git


def test_commit_and_changes(git, tmp_path):
    folder = tmp_path / "repository"
    commit = git("rev-parse", "HEAD")
    assert git_state(folder) == Git(commit, dirty=False)
    (folder / "data.csv").touch()
    assert git_state(folder) == Git(commit, dirty=False)
    (folder / "workflow/é.smk").write_text("rule other:\n")
    assert git_state(folder) == Git(commit, dirty=True)
    git("add", ".")
    assert git_state(folder) == Git(commit, dirty=True)
    git("commit", "-m", "Go on")
    git("checkout", "--detach")
    assert git_state(folder) == Git(git("rev-parse", "HEAD"), dirty=False)


def test_a_project_within_a_repository_is_told_from_one_that_only_lies_there(git, tmp_path):
    folder = tmp_path / "repository"
    (folder / "Snakefile").write_text("rule other:\n")
    assert git_state(folder / "workflow") == Git(git("rev-parse", "HEAD"), dirty=False)
    (folder / "unpacked").mkdir()
    (folder / "unpacked/Snakefile").touch()
    assert git_state(folder / "unpacked") is None


def test_a_hook_of_another_repository_does_not_matter(git, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git_state(tmp_path / "repository") is not None


def test_without_a_repository_a_commit_or_git_there_is_no_state(git, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert git_state(empty) is None
    git("init", str(empty))
    assert git_state(empty) is None
    assert git_state(tmp_path / "missing") is None
    assert git_state(tmp_path / "repository") is not None
    monkeypatch.setenv("PATH", str(empty))
    assert git_state(tmp_path / "repository") is None


# Packages and processor


def test_installed_versions_are_compared_with_the_pins(tmp_path, monkeypatch):
    for name, version in (("zoo_same", "1.2"), ("zoo_newer", "2.0")):
        metadata = tmp_path / f"{name}-{version}.dist-info/METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "# made by a tool\n"
        "zoo-absent==3.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
        "zoo-newer[extra]==1.9;python_version > '3' \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
        "zoo-same==1.2\n"
    )
    assert provenance.locked_packages(lock) == ({"zoo-newer": "2.0", "zoo-same": "1.2"}, {"zoo-newer": "1.9"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "processor\t: 0\nmodel name\t: Xeon: Gold\nflags\t\t: fpu sse2 fma avx512_vnni avx2 amx_int8 sme f16c\n\n"
            "processor\t: 1\nmodel name\t: other\nflags\t\t: avx\n\n",
            Processor("Xeon: Gold", ("amx_int8", "avx2", "avx512_vnni", "f16c", "fma")),
        ),
        ("model name\t: ARM\nFeatures\t: fp asimd sve2 aes\n", Processor("ARM", ("asimd", "sve2"))),
        ("model name\t: POWER9\ncpu\t\t: POWER9\n", Processor("POWER9", ())),
    ],
)
def test_processor_of_linux(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert provenance.processor(tmp_path / "cpuinfo") == expected


def test_processor_of_another_system(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert provenance.processor(tmp_path / "missing") == Processor("arm64", ())


# Checksums


def names_checksum(*names):
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_checksum_of_a_file_is_of_its_content(tmp_path):
    content = os.urandom(100_000)
    (tmp_path / "a.csv").write_bytes(content)
    (tmp_path / "b.csv").symlink_to("a.csv")
    for name in ("a.csv", "b.csv"):
        assert checksum(tmp_path / name) == Input(str(tmp_path / name), hashlib.sha256(content).hexdigest())


def test_a_download_that_no_published_checksum_confirms_is_told_from_others(tmp_path, record):
    catalogue = tmp_path / "gz2.csv"
    catalogue.write_text("votes")
    assert "none is published" not in str(checksum(catalogue))
    (tmp_path / f"gz2.csv{FIRST_DOWNLOAD}").touch()
    found = checksum(catalogue)
    assert str(found) == f"sha256 {hashlib.sha256(b'votes').hexdigest()[:12]}…, of the download: none is published"
    path = write(replace(record, inputs={CATALOGUE: found}), tmp_path / "provenance")
    assert newest(path.parent).inputs == {CATALOGUE: found}
    # Records of before do not tell.
    path.write_text(path.read_text().replace(', "unpublished": true', "").replace(',\n      "unpublished": true', ""))
    assert newest(path.parent).inputs == {CATALOGUE: replace(found, unpublished=False)}


def test_checksum_of_a_folder_is_of_names_alone(tmp_path):
    names = ("2/9.jpg", "2/10.jpg", "1.png", "é.jpg")
    files(tmp_path / "one", *names, ".DS_Store", "2/._9.jpg")
    files(tmp_path / "two", *reversed(names))
    (tmp_path / "two/1.png").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert checksum(tmp_path / "one") == Input(str(tmp_path / "one"), names_checksum(*names), 4)
    assert checksum(tmp_path / "two") == Input(str(tmp_path / "two"), names_checksum(*names), 4)
    assert checksum(tmp_path / "empty") == Input(str(tmp_path / "empty"), names_checksum(), 0)
    files(tmp_path / "two", "3.jpg")
    assert checksum(tmp_path / "two") == Input(str(tmp_path / "two"), names_checksum(*names, "3.jpg"), 5)


def test_links_are_followed_once(tmp_path):
    files(tmp_path, "images/a/1.jpg", "images/a/deep/2.jpg", "elsewhere/3.jpg", "catalogue.csv")
    images = tmp_path / "images"
    (images / "b").symlink_to(tmp_path / "elsewhere")
    (images / "c").symlink_to(tmp_path / "elsewhere")
    (images / "4.jpg").symlink_to("a/1.jpg")
    (images / "5.jpg").symlink_to("missing.jpg")
    (images / "a/deep/itself").symlink_to(images)
    (images / "a/deep/parent").symlink_to("..")
    (images / "above").symlink_to(tmp_path)
    (images / "top").symlink_to("/")
    expected = names_checksum("a/1.jpg", "a/deep/2.jpg", "b/3.jpg", "4.jpg", "5.jpg")
    assert checksum(images) == Input(str(images), expected, 5)
    (tmp_path / "link").symlink_to(images)
    assert checksum(tmp_path / "link") == Input(str(tmp_path / "link"), expected, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere may refuse such names")
def test_names_that_are_no_text(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.jpg")).touch()
    assert checksum(tmp_path) == Input(str(tmp_path), hashlib.sha256(b"\xff.jpg\n").hexdigest(), 1)
    strange = tmp_path / os.fsdecode(b"\xfe")
    strange.mkdir()
    assert checksum(strange).files == 0


def test_a_missing_file_is_no_error(tmp_path, record):
    assert checksum(tmp_path / "gz2.csv") == Input(str(tmp_path / "gz2.csv"), None)
    (tmp_path / "broken").symlink_to("missing")
    assert checksum(tmp_path / "broken").sha256 is None


# Files


def test_records_are_readable_and_whole(tmp_path, record, monkeypatch):
    path = write(record, tmp_path / "new/provenance")
    assert path.name == "2026-11-25T080503.250000Z.json"
    values = json.loads(path.read_text())
    assert values["time"] == "2026-11-25T09:05:03.250000+01:00"
    assert values["config"] == CONFIG
    assert values["inputs"][IMAGES] == {"path": "images", "sha256": "b" * 64, "files": 1200, "unpublished": False}

    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space left"):
        write(record, path.parent)
    assert list(path.parent.iterdir()) == [path]


def test_two_runs_at_one_time_make_two_records(tmp_path, record):
    paths = [write(replace(record, version=version), tmp_path) for version in ("1", "2", "3")]
    assert sorted(tmp_path.iterdir()) == paths
    assert newest(tmp_path).version == "3"


def test_records_sort_by_time_wherever_they_were_made(tmp_path, record):
    def at(hour, offset):
        return replace(record, time=datetime(2026, 10, 25, hour, 30, tzinfo=timezone(timedelta(hours=offset))))

    # In the night that summer time ends, and farther west.
    earlier, later, last = at(2, 2), at(2, 1), at(1, -1)
    assert write(later, tmp_path) > write(earlier, tmp_path)
    assert newest(tmp_path) == later
    write(last, tmp_path)
    assert newest(tmp_path) == last


DAMAGES = {
    "empty": "",
    "cut": '{"format": 1, "time": "2026-',
    "list": "[]",
    "null": "null",
    "binary": b"\xff\xfe\x00",
    "older": '{"format": 0}',
    "incomplete": '{"format": 1}',
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_older_record_is_named_and_skipped(tmp_path, record, caplog, content):
    write(record, tmp_path)
    damaged = tmp_path / "2027-01-01T000000.000000Z.json"
    damaged.write_bytes(content if isinstance(content, bytes) else content.encode())
    with caplog.at_level(logging.WARNING):
        assert newest(tmp_path) == record
    (message,) = caplog.messages
    assert message.startswith(f"{damaged}: skipped")


@pytest.mark.parametrize("key", ["format", "time", "git", "packages", "processor", "variables", "inputs", "config"])
@pytest.mark.parametrize("value", [7, "x", ["x"]], ids=str)
def test_a_record_with_a_value_of_another_kind_is_skipped(tmp_path, record, caplog, key, value):
    path = write(record, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert newest(tmp_path) is None
    assert str(path) in caplog.text


def test_a_key_that_is_missing_is_named(tmp_path, record, caplog):
    path = write(record, tmp_path)
    values = json.loads(path.read_text())
    del values["processor"]
    path.write_text(json.dumps(values))
    assert newest(tmp_path) is None
    assert "no key 'processor'" in caplog.text


def test_what_is_no_record_is_left_alone(tmp_path, record, caplog):
    assert newest(tmp_path / "missing") is None
    write(record, tmp_path)
    files(tmp_path, ".partial-x.json", "notes.json", "9.txt")
    (tmp_path / "9.json").mkdir()
    assert newest(tmp_path) == record
    (message,) = caplog.messages
    assert "9.json: skipped" in message


# What a run would mix


def test_the_same_again_is_no_difference(record):
    later = replace(record, time=record.time + timedelta(days=1), git=None, system="other", config=CONFIG | {"x": 1})
    assert differences(record, later) == []


def test_another_version(record):
    assert differences(record, replace(record, version="0.2.0")) == [
        "results/gz2 holds results of activezoo 0.1.0; this is 0.2.0. Steps whose code changed run again, others keep "
        "their results; for results of one version, use another survey.name or delete results/gz2."
    ]


def test_another_file(record):
    changed = with_input(record, CATALOGUE, "gz2.csv", "c" * 64)
    kept = (
        "Steps that read it run again only if it is newer than their results; for results of one survey, use another "
        "survey.name or delete results/gz2."
    )
    assert differences(record, changed) == [
        "gz2.csv changed since the run of 2026-11-25 09:05: sha256 aaaaaaaaaaaa… then, sha256 cccccccccccc… now. "
        + kept
    ]
    (sentences,) = differences(record, with_input(record, CATALOGUE, "new.csv", "c" * 64))
    assert sentences.startswith("new.csv took the place of gz2.csv since the run of 2026-11-25 09:05: sha256 aaaa")


def test_other_images(record):
    (more,) = differences(record, with_input(record, IMAGES, "images", "c" * 64, 1201))
    assert more.startswith("images changed since the run of 2026-11-25 09:05: 1,200 files then, 1,201 now. Steps that ")
    (renamed,) = differences(record, with_input(record, IMAGES, "images", "c" * 64, 1200))
    assert "1,200 files then and now, but under other names." in renamed


def test_a_file_in_another_place_or_without_a_past_is_no_difference(record):
    assert differences(record, with_input(record, CATALOGUE, "moved.csv", "a" * 64)) == []
    assert differences(record, with_input(record, "posteriors.experts.file", "experts.csv", "c" * 64)) == []
    assert differences(record, replace(record, inputs={})) == []
    assert differences(with_input(record, CATALOGUE, "gz2.csv", None), record) == []


def test_another_processor(record):
    other = replace(record, processor=Processor("EPYC", ("avx", "avx2", "fma", "vaes")))
    assert differences(record, other) == [
        "The processor (EPYC) has other instructions than that of the run of 2026-11-25 09:05 (Xeon): without avx512f, "
        "with vaes. Models that are trained now will differ a little from those trained then."
    ]
    assert differences(record, replace(record, processor=Processor("EPYC", record.processor.instructions))) == []


def test_other_variables(record):
    assert differences(record, replace(record, variables={"ONEDNN_MAX_CPU_ISA": "AVX2"})) == [
        "Environment variables have other values than in the run of 2026-11-25 09:05: ONEDNN_MAX_CPU_ISA not set then, "
        "AVX2 now. Models that are trained now will differ a little from those trained then."
    ]


def test_other_packages_of_which_those_that_compute_come_first(record):
    some = {f"a{number}": "1" for number in range(9)}
    other = replace(record, packages={**some, "numpy": "2.5.0", "ruff": "0.17.6", "tensorflow": "2.21.0"})
    assert differences(record, other) == [
        "Packages have other versions than in the run of 2026-11-25 09:05: tensorflow not installed then, 2.21.0 now; "
        "tensorflow-cpu 2.21.0 then, not installed now; numpy 2.4.6 then, 2.5.0 now; a0 not installed then, 1 now; "
        "a1 not installed then, 1 now; a2 not installed then, 1 now; and 6 more. Results of both may differ slightly."
    ]
    (sentences,) = differences(record, replace(record, python="3.13.1"))
    assert "Python 3.11.7 then, 3.13.1 now." in sentences


def test_summary(record):
    full = replace(record, variables={"XLA_FLAGS": "x"}, not_as_locked={"numpy": "2.4.0"})
    assert provenance.summary(full) == [
        ("activezoo", "0.1.0, commit 54f5daa46dfc, with changes"),
        ("Python", "3.11.7"),
        ("TensorFlow", "2.21.0"),
        ("packages", "as locked, but numpy 2.4.6 (locked: 2.4.0)"),
        ("processor", "Xeon (avx, avx2, avx512f, fma; others give other bits)"),
        ("XLA_FLAGS", "x"),
        ("gz2.csv", "sha256 aaaaaaaaaaaa…"),
        ("images", "1,200 files, sha256 of their names bbbbbbbbbbbb…"),
        ("date", "2026-11-25 09:05 +0100"),
    ]
    bare = replace(record, git=None, packages={}, processor=Processor("arm64", ()), inputs={"x": Input("y", None)})
    assert provenance.summary(bare) == [
        ("activezoo", "0.1.0"),
        ("Python", "3.11.7"),
        ("TensorFlow", "not installed"),
        ("packages", "as locked"),
        ("processor", "arm64"),
        ("y", "missing"),
        ("date", "2026-11-25 09:05 +0100"),
    ]
