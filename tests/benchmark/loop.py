"""The workflow beside the loop that one would write oneself (plain_loop.py), two processes at a time.

python tests/benchmark/loop.py                    equal work, on simulated images
python tests/benchmark/loop.py --plain-views 30   the plain loop as in the paper: 30 views, a mask each
python tests/benchmark/loop.py --configfile tests/benchmark/loop_gz2.yaml   on real images

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
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
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
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[])
    parser.add_argument("--plain-views", type=int, help="views of each galaxy in the plain loop; as in the workflow")
    options = parser.parse_args()
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
        (folder / "plain.json").write_text(json.dumps(plain | {key: files_of_survey[key] for key in SIMULATED}))
        loops = [
            [sys.executable, str(HERE / "plain_loop.py"), str(source), str(folder / "plain.json"), str(seed)]
            for seed in loop["seeds"]
        ]
        seconds = []
        for repeat in range(options.repeats):
            cwd = folder / str(repeat)
            if survey["kind"] == "simulated":
                shutil.copytree(source, cwd / f"results/{name}/survey", copy_function=os.link)
            cwd.mkdir(exist_ok=True)
            ours = workflow(f"results/{name}/{question_name}/metrics.parquet", cwd)
            seconds.append((ours, timed(*loops, cwd=cwd), workflow("all", cwd)))
        rmse = pd.read_parquet(cwd / f"results/{name}/{question_name}/metrics.parquet")
        plain_rmse = pd.concat(
            [pd.read_csv(path, names=["strategy", "iteration", "galaxies", "rmse"]) for path in cwd.glob("plain_*.csv")]
        )
    ours, theirs, pages = np.array(seconds).T
    ratio = ours / theirs
    print(
        f"workflow, to the metrics: {np.median(ours):.0f} s; plain loop: {np.median(theirs):.0f} s; "
        f"ratio {np.median(ratio):.2f} ({ratio.min():.2f}–{ratio.max():.2f}); "
        f"then figures and pages: {np.median(pages):.0f} s"
    )
    last = [table[table["iteration"] == loop["iterations"]]["rmse"].mean() for table in (rmse, plain_rmse)]
    print(f"RMSE of the last models, mean: workflow {last[0]:.3f}, plain loop {last[1]:.3f}")


if __name__ == "__main__":
    main()
