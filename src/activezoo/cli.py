"""The command line: `activezoo <step>`, a step being a file of `steps/`.

The keyword arguments of a step's `run` are its flags, `--like-this`, read by their annotations. A list is given element
by element, `--index=a --index=b`. Each field of a section (a named tuple, such as `Architecture`) is a flag of its own.
Other arguments are words without a flag.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import logging
import os
import sys
import typing
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal

STEPS = Path(__file__).parent / "steps"


def main(arguments: list[str] | None = None) -> int:
    """Run one step; return the exit status (1: bad input, 2: bad usage)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    names = sorted(path.stem for path in STEPS.glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        _overview(names).parse_args(arguments[:1])  # ends here: it shows the help, or what is wrong
    step, *flags = arguments

    from activezoo.errors import INPUT_ERROR, InputError
    from activezoo.model.backend import ENVIRONMENT
    from activezoo.running.runtime import measured

    os.environ.update(ENVIRONMENT)  # before the first import of a library that reads it
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    run = import_module(f"activezoo.steps.{step}").run
    values = parse(run, flags, prog=f"activezoo {step}", description=_sentence(step))
    with measured():
        try:
            run(**values)
        except (InputError, OSError) as error:
            print(f"{INPUT_ERROR if isinstance(error, InputError) else 'error: '}{error}", file=sys.stderr)
            return 1
    return 0


def _overview(names: list[str]) -> argparse.ArgumentParser:
    """The parser that shows the table of steps."""
    parser = argparse.ArgumentParser(
        prog="activezoo",
        usage="activezoo <step> [flags]",
        description="Active learning for galaxy surveys. The flags of a step: activezoo <step> --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="steps:\n" + "\n".join(f"  {name:25} {_sentence(name)}" for name in names),
    )
    parser.add_argument("step", choices=names, help=argparse.SUPPRESS)
    return parser


def _sentence(step: str) -> str:
    """What a step does."""
    return ast.get_docstring(ast.parse((STEPS / f"{step}.py").read_text(encoding="utf-8")))


def parse(run: Callable, flags: list[str], **options) -> dict[str, Any]:
    """The keyword arguments of a step's `run`, from flags; `options` are those of `ArgumentParser`."""
    parser = argparse.ArgumentParser(allow_abbrev=False, **options)
    hints = typing.get_type_hints(run)
    sections = {name: typing.get_type_hints(hint) for name, hint in hints.items() if hasattr(hint, "_fields")}
    arguments = inspect.signature(run).parameters.values()
    for argument in arguments:
        for name, hint in sections.get(argument.name, {argument.name: hints[argument.name]}).items():
            if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
                parser.add_argument(name, **_options(hint))
                continue
            given = argument.default is not inspect.Parameter.empty
            common = {"required": not given and NoneType not in typing.get_args(hint)}
            common["default"] = argument.default if given else None
            parser.add_argument(f"--{name.replace('_', '-')}", **common | _options(hint))
    values = vars(parser.parse_args(flags))
    for name, fields in sections.items():
        given = {field: values.pop(field) for field in fields}
        values[name] = hints[name](**{field: tuple(of) if isinstance(of, list) else of for field, of in given.items()})
    return values


def _options(hint: Any) -> dict[str, Any]:
    """What argparse needs to know of a flag with this annotation."""
    origin, parts = typing.get_origin(hint), [part for part in typing.get_args(hint) if part is not NoneType]
    if origin in (list, tuple, Sequence):  # given once for each element; of none, there is nothing to require
        return {"action": "append", "default": [], "required": False, "type": parts[0]}
    if origin is Literal:
        return {"choices": parts}
    if hint is bool:
        return {"action": "store_true"}
    if len(parts) > 1:  # a number, or a word
        return {"type": lambda text: int(text) if text.isdecimal() else text}
    return {"type": parts[0] if parts else hint}
