"""Rules name the modules of the package that their steps use: an edit there runs them again."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/activezoo"
MODULES = {path.stem for path in PACKAGE.glob("*.py")}
# Reading and writing files changes no number.
INFRASTRUCTURE = {"cli", "errors", "forkserver", "learning_curves", "progress", "runtime", "tables"}
FUNCTIONS = {
    node.name: node for node in ast.parse((PACKAGE / "cli.py").read_text()).body if isinstance(node, ast.FunctionDef)
}


def imported(function: ast.FunctionDef) -> set[str]:
    """Modules of the package that a command imports, itself or in a helper."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("activezoo"):
            module = node.module.removeprefix("activezoo").lstrip(".")
            found |= {module} if module else {alias.name for alias in node.names} & MODULES
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("_"):
            found |= imported(FUNCTIONS[node.func.id])
    return found


def rules():
    """Name, named modules and command of each rule that runs one."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for text in re.split(r"^ *rule (?=\w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            command = re.search(r"python -m activezoo ([\w-]+)", text)
            if command:
                code = re.search(r"code=code\((.*?)\)", text, re.DOTALL)
                named = set(re.findall(r'"(\w+)"', code[1]))
                yield pytest.param(command[1].replace("-", "_"), named, id=text.partition(":")[0])


@pytest.mark.parametrize(("command", "named"), list(rules()))
def test_every_module_that_a_step_imports_is_named(command, named):
    assert named <= MODULES
    # `predict_posteriors` imports what only some of its options need.
    optional = {"dropout_tuning", "rescaling"} if command == "predict_posteriors" else set()
    assert imported(FUNCTIONS[command]) - INFRASTRUCTURE - optional <= named
