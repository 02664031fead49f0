"""A live survey without people: simulated volunteers answer three asks through the page.

    python demo/demo.py [FOLDER]                       by default in results/demo; some minutes on two cores
    python demo/demo.py FOLDER --screenshots=docs/live   with pictures of the page for docs/live.md

The images are those of a simulated survey. Each volunteer follows the link of an invitation, is shown one galaxy after
the other, and answers with the galaxy's true probabilities.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "demo")]

import screenshots

from activezoo import randomness, tables
from activezoo.live.client import Client
from activezoo.live.store import Store, database
from activezoo.survey.simulation import simulate_survey

CONFIG = ROOT / "demo/demo.yaml"
IMAGE_SIZE, SEED = 64, 3
ANSWERS = {"rho_smooth": "Smooth", "rho_artifact": "Star or artifact", None: "Features or disk"}


def activezoo(*arguments: str, cwd: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen([sys.executable, "-m", "activezoo", *arguments], env=environment, cwd=cwd)


def snakemake(folder: Path, config: Path, *arguments: str) -> None:
    """Run the workflow in the folder, for the target `ask`."""
    command = [sys.executable, "-m", "snakemake", "ask", "--cores", "all", "--directory", str(folder)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--workflow-profile", str(ROOT / "profiles/default")]
    subprocess.run([*command, "--configfile", str(config), *arguments], check=True)


@contextmanager
def served(folder: Path, config: Path) -> Iterator[str]:
    """Serve the page on a free port; yield its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = activezoo("serve", f"--configfile={config}", f"--port={port}", cwd=folder)
    try:
        while server.poll() is None:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        if server.poll() is not None:
            sys.exit("the page cannot be served; see above")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def invite(results: Path, volunteers: int) -> list[str]:
    """The secret of each volunteer's link; the first one is administrator, too."""
    store = Store(database(results))
    known = {person["name"] for person in store.people(0)}
    names = [f"volunteer {number}" for number in range(1, volunteers + 1)]
    tokens = [store.invite(name, administrator=name == names[0], renew=name in known) for name in names]
    store.close()
    return tokens


def answer_all(link: str, truth: dict[str, dict[str, float]]) -> int:
    """Answer as long as there are galaxies for this volunteer; return how many there were."""
    volunteer, answered = Client(link), 0
    shown = volunteer.next()
    while shown["state"] == "question":
        drawn = randomness.generator("demo", volunteer.name, shown["galaxy"]).random()
        rho = truth[shown["galaxy"]]
        smooth, artifact = rho["rho_smooth"], rho["rho_artifact"]
        kind = "rho_smooth" if drawn < smooth else "rho_artifact" if drawn < smooth + artifact else None
        shown, answered = volunteer.answer(shown, ANSWERS[kind]), answered + 1
    return answered


def main(
    folder: Path,
    config: Path = CONFIG,
    galaxies: int = 500,
    volunteers: int = 12,
    asks: int = 3,
    pictures: Path | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "survey/gz2_hart16.csv").exists():  # which is written last
        simulate_survey(galaxies, IMAGE_SIZE, SEED, folder / "survey", os.cpu_count() or 1)
    names = pd.read_csv(folder / "survey/gz2_filename_mapping.csv", dtype=str).set_index("objid")["asset_id"]
    truth = tables.read(folder / "survey/truth.parquet", ["id", "rho_smooth", "rho_artifact"]).to_pandas()
    truth = truth.set_index(truth["id"].map(names))[["rho_smooth", "rho_artifact"]].to_dict("index")
    results = folder / "results/demo"
    tokens = invite(results, volunteers)
    for ask in range(asks):
        snakemake(folder, config)
        with served(folder, config) as url, ThreadPoolExecutor(volunteers) as people:
            links = [f"{url}/join#{of}" for of in tokens]
            if pictures and ask == asks - 1:
                screenshots.of_volunteer(links[0], pictures)
            answered = sum(people.map(partial(answer_all, truth=truth), links))
            if pictures and ask == asks - 1:
                screenshots.of_administrator(links[0], pictures)
        print(f"ask {ask}: {volunteers} volunteers have answered {answered} times")
    # Whatever the RMSE is, that is enough: the last votes are taken, and then the catalogue is written.
    for _ in range(2):
        snakemake(folder, config, "--config", "live={target_rmse: 1}")
    print(f"How far it has come: {results}/progress.html. The catalogue: {results}/smooth/posteriors/catalogue.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "results/demo")
    parser.add_argument("--screenshots", type=Path, help="where to put pictures of the page")
    arguments = parser.parse_args()
    main(arguments.folder.resolve(), pictures=arguments.screenshots)
