"""Invite a person to the page, and print the link, which is a secret of this person."""

from pathlib import Path

from activezoo.live.store import Store, database
from activezoo.running import configuration


def run(
    name: str,
    *,
    configfile: list[Path],
    url: str = "http://127.0.0.1:8000",
    administrator: bool = False,
    renew: bool = False,
) -> None:
    store = Store(database(configuration.results_folder(configuration.read(configfile))))
    print(f"{url.rstrip('/')}/join#{store.invite(name, administrator, renew)}")
