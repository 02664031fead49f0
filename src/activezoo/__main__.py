"""`python -m activezoo`: one step, in a process forked for it if there is a server, else in this one."""

import sys

from activezoo.running import forkserver

COMMAND_LINE = "activezoo.cli"


def main() -> int:
    """Run the step of the command line and return its exit status."""
    status = forkserver.run(COMMAND_LINE, sys.argv[1:])
    if status is not None:
        return status
    from activezoo import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
