"""The workflow beside the loop that one would write oneself (plain_loop.py), two processes at a time.

    python tests/benchmark/loop.py                    equal work, on simulated images
    python tests/benchmark/loop.py --plain-views 30 --configfile tests/benchmark/loop_ranking.yaml
                                                      the plain loop ranks as in the paper: by 30 views, a mask each
    python tests/benchmark/loop.py --configfile tests/benchmark/loop_gz2.yaml   on real images
    python tests/benchmark/loop.py --baal baal/bin/python   baal, too (baal_loop.py), in an environment of its own:
                                                            python -m venv baal; baal/bin/pip install baal pandas

Further configuration files go on top of loop.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
from machine import machine
from snakemake.utils import update_config

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# The simulated survey has the layout of Galaxy Zoo 2's release.
SIMULATED = {
    "catalogue": "gz2_hart16.csv",
    "filename_map": "gz2_filename_mapping.csv",
    "images": "images_gz2",
}
COLUMNS = {"id": "dr7objid", "map_id": "objid", "map_file": "asset_id"}


def timed(*commands: list[str], cwd: Path) -> float:
    """Run commands side by side; return the seconds until the last one ends."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    errors = [process.communicate()[1] for process in running]
    if any(process.returncode for process in running):
        sys.exit("\n".join(errors))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[])
    parser.add_argument("--plain-views", type=int, help="views of each galaxy in other loops; as in the workflow")
    parser.add_argument("--baal", help="a Python that has baal and pandas")
    options = parser.parse_args()
    print(machine(), flush=True)
    files = [ROOT / "config/config.yaml", HERE / "loop.yaml", *(path.resolve() for path in options.configfile)]
    config: dict = {}
    for file in files:
        update_config(config, yaml.safe_load(file.read_text()))
    (question_name,), loop, survey = config["loop"]["questions"], config["loop"], config["survey"]
    question, name = config["questions"][question_name], survey["name"]
    plain = {
        **{key: loop[key] for key in ("strategies", "iterations", "test_galaxies")},
        **{key: config[key] for key in ("network", "training")},
        **COLUMNS,
        "question": question,
        "initial": question["initial"],
        "acquire": question["acquire"],
        "stored_size": config["images"]["stored_size"],
        "augmentations": options.plain_views or config["sampling"]["augmentations"],
    }
    with TemporaryDirectory() as folder:
        folder = Path(folder)

        def workflow(target: str, cwd: Path) -> float:
            snakemake = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", target]
            return timed([*snakemake, "--configfile", *map(str, files)], cwd=cwd)

        if survey["kind"] == "simulated":
            workflow(f"results/{name}/survey/{SIMULATED['catalogue']}", folder)
            source, files_of_survey = folder / f"results/{name}/survey", SIMULATED
        else:
            source, files_of_survey = Path.cwd(), survey["release"]
            for key in SIMULATED:  # both run in another folder
                files_of_survey[key] = str(Path(files_of_survey[key]).resolve())
            (folder / "release.yaml").write_text(yaml.safe_dump({"survey": {"release": files_of_survey}}))
            files.append(folder / "release.yaml")
        # Other loops start from the same galaxies, and are tested on the same ones, so that their RMSE can be compared.
        plain["split"] = f"results/{name}/{question_name}/seed_{{seed}}/split.parquet"
        (folder / "plain.json").write_text(json.dumps(plain | {key: files_of_survey[key] for key in SIMULATED}))

        def loops(script: str, python: str, cwd: Path) -> float:
            given = [str(source), str(folder / "plain.json")]
            return timed(*([python, str(HERE / script), *given, str(seed)] for seed in loop["seeds"]), cwd=cwd)

        table = f"results/{name}/{question_name}/metrics.parquet"
        ways = {"workflow": partial(workflow, table), "plain": partial(loops, "plain_loop.py", sys.executable)}
        if options.baal:
            ways["baal"] = partial(loops, "baal_loop.py", os.path.abspath(options.baal))
        seconds = defaultdict(list)
        for repeat in range(options.repeats):
            cwd = folder / str(repeat)
            if survey["kind"] == "simulated":
                shutil.copytree(source, cwd / f"results/{name}/survey", copy_function=os.link)
            cwd.mkdir(exist_ok=True)
            for way, run in ways.items():
                seconds[way].append(run(cwd))
        pages = workflow("all", cwd)
        rmse = {"workflow": pd.read_parquet(cwd / table)}
        for way in [*ways][1:]:
            names = ["strategy", "iteration", "galaxies", "rmse"]
            rmse[way] = pd.concat([pd.read_csv(path, names=names) for path in cwd.glob(f"{way}_*.csv")])
    print(f"{'loop':<12}{'seconds, median':>16}{'workflow / loop':>16}{'min–max':>14}{'RMSE of the last models':>26}")
    for way, taken in seconds.items():
        ratio = np.array(seconds["workflow"]) / taken
        last = rmse[way][rmse[way]["iteration"] == loop["iterations"]]["rmse"].mean()
        spread = f"{ratio.min():.2f}–{ratio.max():.2f}"
        print(f"{way:<12}{np.median(taken):>16.0f}{np.median(ratio):>16.2f}{spread:>14}{last:>26.3f}")
    print(f"Figures and pages, which other loops do not make: {pages:.0f} s")


if __name__ == "__main__":
    main()
