"""Every message that a user can cause, in one table that a reader has seen: messages.md.

After a message was added or changed: `python tests/test_messages.py` writes the table anew; read what `git diff` shows.
"""

import ast
import re
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
SOURCE, WORKFLOW = HERE.parent / "src/activezoo", HERE.parent / "workflow"
TABLE = HERE / "messages.md"
ERRORS = {"InputError", "UnusableImageError", "WorkflowError"}
# Functions that find what is wrong with a configuration.
PROBLEMS = re.compile("contradictions|describe$|old_keys")
HEAD = """# Messages

What is said to users whose input is at fault, file by file. `test_messages.py` makes this table from the source.

One style: file, row or key; the value found; after a semicolon, what to do. No capital letter at the start, no full
stop at the end. A reason for which a row or an image is rejected stands beside its row, id and value.

"""


def template(node):
    """The text of a message, with what is filled in as {…}; None if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left), template(node.right)
        return None if left is None or right is None else left + right
    return None


def _part(node):
    if isinstance(node, ast.Constant):
        return node.value
    return "{" + ast.unparse(node.value) + ("!r" if node.conversion == ord("r") else "") + "}"


def reasons(call, tree):
    """The reasons that a call of `reject` gives: its own, or, of a loop, those that the loop goes through."""
    if (text := template(call.args[1])) is not None:
        return [text]
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For) and call in ast.walk(node)]
    if not loops:
        named = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
        return [template(node.value) for node in named if ast.unparse(node.targets[0]) == ast.unparse(call.args[1])]
    texts = [node for node in ast.walk(loops[-1].iter) if isinstance(node, ast.Constant | ast.JoinedStr)]
    return [text for node in texts if isinstance(text := template(node), str) and " " in text]


def problems(function):
    """What a function finds wrong with a configuration: what it appends to a list, has in one, or returns."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "problems.append":
            found.append(node.args[0])
        elif isinstance(node, ast.List):
            found += node.elts
        elif isinstance(node, ast.ListComp | ast.GeneratorExp):
            found.append(node.elt)
        elif isinstance(node, ast.Return):
            found.append(node.value)
    found = sorted((node for node in found if isinstance(node, ast.expr)), key=lambda node: node.lineno)
    return [text for node in found if ": " in (text := template(node) or "")]


def raised_by_rules(text):
    """Calls of WorkflowError in a file of rules, which is no Python."""
    for start in re.finditer(r"\bWorkflowError\(", text):
        for end in re.finditer(r"\)", text[start.start() :]):
            with suppress(SyntaxError):
                yield ast.parse(text[start.start() :][: end.end()], mode="eval").body
                break


def messages():
    """File, kind and text of each message, in the order of the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", None)
            if isinstance(call.func, ast.Name) and name in ERRORS and call.args:
                yield module, *message(call)
            elif name == "reject" and len(call.args) > 1:
                for text in reasons(call, tree):
                    yield module, "rejected", text
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if PROBLEMS.search(function.name):
                yield from ((module, "problem", text) for text in problems(function))
    for path in sorted(WORKFLOW.rglob("*.smk")):
        for call in raised_by_rules(path.read_text(encoding="utf-8")):
            yield path.relative_to(WORKFLOW).as_posix(), *message(call)


def message(call):
    """Kind and text of an error."""
    return call.func.id, template(call.args[0]) or "{" + ast.unparse(call.args[0]) + "}"


def table():
    lines, before = [HEAD.rstrip()], None
    for module, kind, text in messages():
        if module != before:
            lines += ["", f"## {module}", "", "| | |", "|---|---|"]
            before = module
        lines.append(f"| {kind} | {text} |".replace("\n", "⏎"))
    return "\n".join(lines) + "\n"


def test_every_message_is_in_the_table():
    assert TABLE.read_text(encoding="utf-8") == table(), (
        "python tests/test_messages.py writes it anew; read the messages"
    )


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
