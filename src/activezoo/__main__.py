import sys

from activezoo import forkserver

status = forkserver.run(sys.argv[1:])
if status is None:
    from activezoo.runtime import run_command

    status = run_command(sys.argv[1:])
sys.exit(status)
