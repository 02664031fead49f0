"""`python -m activezoo`: one command, in a process forked for it if there is a server, else in this one."""

import sys

from activezoo import forkserver


def main() -> int:
    """Run the command of the command line and return its exit status."""
    status = forkserver.run(sys.argv[1:])
    if status is not None:
        return status
    from activezoo.runtime import run_command

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
