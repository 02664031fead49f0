"""The one exception that means: the user's input is at fault, not the program."""

INPUT_ERROR = "input error: "
"""How a log's line starts that tells an InputError. Such a job is not tried again, for it would end the same."""


class InputError(Exception):
    """A file, row or config key that cannot be used.

    The message names it, the value found and what to do; the command line prints it without a traceback.
    """
