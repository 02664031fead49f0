"""Real Snakemake on the project's workflow, in folders of their own."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "tests/config/smoke.yaml"
PROFILE = ROOT / "profiles/default"


def command(folder, *arguments, configfiles=(SMOKE,), root=ROOT):
    """Snakemake on the project's workflow, in a folder of its own."""
    return [
        *(sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--workflow-profile", str(PROFILE)),
        *("--snakefile", str(root / "Snakefile"), "--directory", str(folder)),
        *("--configfile", *map(str, configfiles)),
    ]


def snakemake(folder, *arguments, configfiles=(SMOKE,), succeeds=True, root=ROOT):
    """Run it, and return what it printed."""
    done = subprocess.run(
        command(folder, *arguments, configfiles=configfiles, root=root),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    printed = done.stdout + done.stderr
    assert (done.returncode == 0) == succeeds, printed
    # Python drops a message whose values do not fit its format, says so, and goes on.
    assert not [log for log in Path(folder).glob("logs/**/*.log") if "--- Logging error ---" in log.read_text()]
    return printed


def planned(folder, *arguments, configfiles=(SMOKE,)):
    """Number of jobs of each rule that a run would do."""
    return planned_of(snakemake(folder, "--dry-run", *arguments, configfiles=configfiles))


def planned_of(printed):
    """Number of jobs of each rule, from what a dry run printed."""
    lines = [line.split() for line in printed.splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


def overlay(folder, **sections):
    """A further configfile."""
    path = folder / f"overlay-{len(list(folder.glob('overlay-*')))}.yaml"
    path.write_text(yaml.safe_dump(sections))
    return (SMOKE, path)
