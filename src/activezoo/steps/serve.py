"""Serve the page on which people answer the newest ask."""

import logging
from pathlib import Path

from activezoo.errors import InputError
from activezoo.running import configuration

log = logging.getLogger(__name__)


def run(
    *,
    configfile: list[Path],
    host: str = "127.0.0.1",
    port: int = 8000,
    root_path: str = "",
    trusted_proxy: str | None = None,
    requests_per_second: float = 10,
) -> None:
    try:
        from activezoo.live.server import Page, server
    except ModuleNotFoundError as error:
        raise InputError(f"the page needs {error.name!r}: pip install 'activezoo[live]'") from error

    config = configuration.read(configfile)
    results = configuration.results_folder(config)
    page = Page(
        results,
        configuration.votes_folder(config),
        requests_per_second,
        root_path.rstrip("/"),
        configuration.brightness(config),
    )
    if not any(person["administrator"] for person in page.reader.people(0)):
        log.info("there is no administrator yet: activezoo invite NAME --administrator --configfile=…")
    log.info("survey %s: http://%s:%d%s/", results.name, host, port, page.root)
    server(page, host, port, trusted_proxy).run()
