"""Delete weights of the loop that nothing needs any more, and files that were never finished."""

import logging
from pathlib import Path

from activezoo.report.disk_use import megabytes
from activezoo.running import pruning


def run(*, results: Path) -> None:
    deleted = [*pruning.prunable_weights(results), *pruning.never_finished(results)]
    size = sum(path.stat().st_size for path in deleted)
    for path in deleted:
        path.unlink(missing_ok=True)
    logging.info("%d files deleted, %s", len(deleted), megabytes(size))
