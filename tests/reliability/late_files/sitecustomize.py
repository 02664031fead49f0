"""Python imports this at its start if its folder is on the path: new results then appear late, as over a network.

`os.replace` puts a file under a hidden name, and another process renames it up to three seconds later.
"""

import os
import random
import subprocess

_replace = os.replace


def replace_late(source, target, **options):
    folder, name = os.path.split(os.fspath(target))
    if "results" not in os.path.abspath(folder).split(os.sep):
        return _replace(source, target, **options)
    hidden = os.path.join(folder, f".late-{random.getrandbits(64)}-{name}")
    _replace(source, hidden, **options)
    # It keeps nothing of this process open, and is no part of its process group, so that it outlives the job.
    script = 'sleep "$1"; mv "$2" "$3"'
    subprocess.Popen(
        ["sh", "-c", script, "sh", str(random.uniform(0, 3)), os.path.abspath(hidden), os.path.abspath(target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


os.replace = replace_late
