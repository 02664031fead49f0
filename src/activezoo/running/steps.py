"""What a rule of the workflow needs to know of its step: the command, and the code that can change its results.

Both are read from the source. No step is imported: every job of a cluster reads the workflow again, and an import would
slow it down.
"""

from __future__ import annotations

import ast
import hashlib
import io
import shlex
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2]


@cache
def code(*modules: str) -> str:
    """Digest of the source of some modules, by their names in the package, and of all that they import from it.

    Comments, docstrings and blank lines do not count, as they change no result. Nor does the package's own
    `__init__.py`, which holds its version and names for other people's programs. A module's template, the HTML file of
    its name beside it, counts with it.
    """
    digest = hashlib.sha256()
    for path in closure(*modules):
        digest.update(f"{path.relative_to(SOURCE).as_posix()}\n{_source_that_counts(path)}\n".encode())
        template = path.with_suffix(".html")
        if template.exists():
            digest.update(template.read_bytes())
    return digest.hexdigest()[:16]


def closure(*modules: str) -> list[Path]:
    """Source files of some modules of the package, and of all that they import from it, at any depth."""
    found: set[Path] = set()
    waiting = [_file(f"activezoo.{module}") for module in modules]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    return sorted(found)


def _file(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _statements(path: Path) -> list[ast.stmt]:
    """All statements of a file, at any depth."""
    return list(statements(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def _imports(path: Path) -> list[Path]:
    """Files of the package that a file imports, wherever in it."""
    imported = []
    for node in _statements(path):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = [_file(module) for module in imported if module.startswith("activezoo.")]
    return [file for file in files if file.exists()]


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements in a node, at any depth, but for what is there for type checkers alone."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for child in getattr(node, part, []) if isinstance(getattr(node, part, []), list) else []:
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            yield child
            yield from statements(child)


@cache
def _source_that_counts(path: Path) -> str:
    """The source of a file without comments, docstrings and blank lines."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline) if "#" in source else ():
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in _statements(path):
        # A docstring, also one below a field of a class.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


@cache
def parameters(step: str) -> frozenset[str]:
    """Names of the keyword arguments of a step's `run`."""
    tree = ast.parse(_file(f"activezoo.steps.{step}").read_text(encoding="utf-8"))
    run = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run")
    return frozenset(argument.arg for argument in run.args.kwonlyargs)


def command(step: str, values: Mapping[str, Any]) -> str:
    """The shell command of a step, with those of the values that its `run` takes."""
    taken = parameters(step)
    own = flags({name: value for name, value in values.items() if name in taken})
    return f"python -m activezoo {step} {own}".rstrip()


def flags(values: Mapping[str, Any]) -> str:
    """Values as flags, quoted for the shell: {"input_size": 64} is `--input-size=64`.

    A list becomes a repeated flag, and True one without a value. None and False become no flag.
    """
    words = []
    for name, value in values.items():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            flag = f"--{name.replace('_', '-')}"
            if part is not None and part is not False:
                words.append(shlex.quote(flag if part is True else f"{flag}={part}"))
    return " ".join(words)


def section(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that are fields of a section, a named tuple."""
    return {field: values[field] for field in kind._fields}
