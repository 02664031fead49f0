"""For tests of the page: asks with a tree of two questions, galaxies with small images; a page that is served."""

import json
import socket
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from PIL import Image

from activezoo import tables

QUESTIONS = {
    "smooth": {
        "text": "Is the galaxy simply smooth and rounded, with no sign of a disk?",
        "help": "Arms, bars and rings are features.",
        "answers": ["smooth", "featured", "artifact"],
        "asked_if": None,
    },
    "bar": {
        "text": "Is there a bar?",
        "help": "",
        "answers": ["bar", "no bar"],
        "asked_if": {"question": "smooth", "answers": ["featured"]},
    },
}


def write_ask(folder: Path, number: int = 0, galaxies: int = 3, people: int = 2, about: str = "bar", **columns):
    """Write the folder of an ask with galaxies `g0`, `g1`, …, each of another grey; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parents[1] / "images").mkdir(exist_ok=True)
    images = [folder.parents[1] / "images" / f"{galaxy}.png" for galaxy in range(galaxies)]
    for galaxy, path in enumerate(images):
        Image.new("L", (32, 32), 40 + galaxy).save(path)
    rows = {
        "galaxy_id": [f"g{galaxy}" for galaxy in range(galaxies)],
        "image": list(map(str, images)),
        "question": [about] * galaxies,
        "votes": [people] * galaxies,
        "why": ["random"] * galaxies,
        "score": [0.0] * galaxies,
    }
    tables.write(rows | columns, folder / "galaxies.parquet")
    (folder / "manifest.json").write_text(json.dumps({"ask": number, "questions": QUESTIONS}))
    return folder


@contextmanager
def running(page, **options):
    """Serve a page in a thread; yield its address."""
    from activezoo.live.server import server

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # so that whoever comes before the server is ready waits for it
        serving = server(page, "127.0.0.1", 0, **options)
        thread = Thread(target=serving.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            serving.should_exit = True
            thread.join()
