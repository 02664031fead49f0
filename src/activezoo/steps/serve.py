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
        import uvicorn

        from activezoo.live.limits import ImpatientProtocol
        from activezoo.live.server import Page
    except ModuleNotFoundError as error:
        raise InputError(f"the page needs {error.name!r}: pip install 'activezoo[live]'") from error

    results = configuration.results_folder(configuration.read(configfile))
    page = Page(results, requests_per_second, root_path.rstrip("/"))
    if not any(person["administrator"] for person in page.reader.people(0)):
        log.info("there is no administrator yet: activezoo invite NAME --administrator --configfile=…")
    log.info("survey %s: http://%s:%d%s/", results.name, host, port, page.root)
    uvicorn.run(
        page.app,
        host=host,
        port=port,
        root_path=page.root,
        http=ImpatientProtocol,
        ws="none",
        # Whoever is no proxy could lie about their address and the scheme.
        proxy_headers=trusted_proxy is not None,
        forwarded_allow_ips=trusted_proxy,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
