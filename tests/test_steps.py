"""What a rule knows of its step: names, the command, and the code that can change its results."""

import ast
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from activezoo import cli
from activezoo.model.augmentation import View
from activezoo.model.network import Architecture
from activezoo.model.posterior import Sampling
from activezoo.running import steps
from activezoo.survey.fits_images import AsinhStretch
from activezoo.survey.layout import Answers, Columns, Fractions

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/activezoo"
STEPS = sorted(path.stem for path in cli.STEPS.glob("[a-z]*.py"))
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
# Rooms of the package, in the order in which each may import from those that follow.
ROOMS = ["__main__", "cli", "steps", "live", "report", "posteriors", "running", "acquisition", "model", "survey"]
# Steps that people start, and no rule.
BY_HAND = {"serve", "invite", "import_zooniverse", "zooniverse_manifest", "zooniverse_predictions", "zooniverse_retire"}
SHARED = {"tables", "randomness", "errors"}
CACHED = (steps.code, steps._statements, steps._imports, steps._source_that_counts, steps.parameters)


def names(paths):
    """Modules of the package, by their places in it."""
    return {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in paths}


def test_every_step_has_a_rule_of_its_name_and_every_rule_its_step():
    rules = set(re.findall(r"use rule step as (\w+) with:", RULES)) | {"ask", "check", "download", "disk_use", "prune"}
    assert rules == set(STEPS) - BY_HAND
    for rule in rules:
        (text,) = re.findall(
            rf"(?:use rule step as {rule} with|\nrule {rule}):(.*?)(?=\n *(?:use rule|rule) |\Z)", RULES, re.S
        )
        assert f'**step("{rule}"' in text


@pytest.mark.parametrize("step", STEPS)
def test_a_step_says_what_it_does_in_the_words_of_its_rule(step):
    sentence = ast.get_docstring(ast.parse((cli.STEPS / f"{step}.py").read_text()))
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_closure_is_what_a_step_imports_at_any_depth():
    found = names(steps.closure("steps.rank"))
    assert {"steps/rank", "survey/roles", "model/predictions", "model/description", "randomness", "tables"} <= found
    # A table of predictions is read without any of training, and roles without any of the split.
    assert not found & {"model/training", "model/posterior", "survey/splitting", "cli", "running/forkserver"}
    assert not any(name.startswith(("report/", "posteriors/")) for name in found)


def test_training_does_not_depend_on_how_images_are_stored_or_models_evaluated():
    found = names(steps.closure("steps.train"))
    assert {"model/training", "model/network", "model/augmentation", "survey/images"} <= found
    assert not found & {"survey/image_shards", "model/evaluation", "model/predictions", "survey/oracle"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to edit."""
    shutil.copytree(PACKAGE, tmp_path / "activezoo", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(steps, "SOURCE", tmp_path)
    for function in CACHED:
        function.cache_clear()
    yield tmp_path / "activezoo"
    for function in CACHED:
        function.cache_clear()


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for function in CACHED:
        function.cache_clear()


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("model/votes.py", "_CHUNK_VALUES = 500_000", "_CHUNK_VALUES = 500_001"),
        ("tables.py", '"zstd"', '"snappy"'),
        ("steps/evaluate.py", '"test"', '"pool"'),
        ("errors.py", "class InputError(Exception)", "class InputError(ValueError)"),
    ],
)
def test_an_edit_that_can_change_a_result_changes_the_digest(package, place, old, new):
    before = steps.code("steps.evaluate")
    edited(package / place, old, new)
    assert steps.code("steps.evaluate") != before


def test_an_edit_of_a_template_changes_the_digest_of_the_steps_that_use_it(package):
    before = steps.code("steps.html_page"), steps.code("steps.results_page")
    edited(package / "report/html_page.html", "<!doctype html>", "<!DOCTYPE html>")
    assert steps.code("steps.html_page") != before[0]
    assert steps.code("steps.results_page") == before[1]


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("model/votes.py", '"""Entropy in nats', '"""The entropy in nats'),  # a docstring
        ("model/network.py", '"""Side of the grey', '"""The side of the grey'),  # one below a field
        ("model/votes.py", "import math\n", "import math  # of floats\n\n\n"),  # a comment and blank lines
        ("model/training.py", "steps: int", "steps: float"),  # a module that it does not import
        ("__init__.py", "__version__", "VERSION = __version__"),
    ],
)
def test_an_edit_that_changes_no_result_leaves_the_digest(package, place, old, new):
    before = steps.code("steps.predict_pool")
    edited(package / place, old, new)
    assert steps.code("steps.predict_pool") == before


def test_what_is_there_for_type_checkers_is_not_imported(package):
    edited(
        package / "model/votes.py",
        "import math\n",
        "import math\nif TYPE_CHECKING:\n    from activezoo.survey import oracle\n",
    )
    assert not [path for path in steps.closure("model.votes") if path.stem == "oracle"]


def test_a_number_sign_within_text_is_no_comment(package):
    path = package / "steps/label.py"
    edited(path, '"%d more votes, %d more galaxies"', '"%d more votes, # %d more galaxies"')
    before = steps.code("steps.label")
    edited(path, '"%d more votes, # %d more galaxies"', '"votes of # %d other galaxies"')
    assert steps.code("steps.label") != before


def imports():
    """Pairs of modules, of which the first imports the second."""
    for path in PACKAGE.rglob("*.py"):
        for imported in steps._imports(path):
            yield path.relative_to(PACKAGE).with_suffix(""), imported.relative_to(PACKAGE).with_suffix("")


def test_arrows_point_one_way():
    for module, imported in imports():
        room, of = module.parts[0], imported.parts[0]
        if room == "__init__" or of in SHARED:
            continue
        assert room not in SHARED, f"{module} imports {imported}"
        assert room == of or ROOMS.index(room) < ROOMS.index(of), f"{module} imports {imported}"


def test_no_module_imports_itself_by_way_of_others():
    arrows = {}
    for module, imported in imports():
        arrows.setdefault(module, set()).add(imported)

    def visit(module, path):
        assert module not in path, f"a circle: {' -> '.join(map(str, [*path, module]))}"
        for imported in arrows.get(module, ()):
            visit(imported, [*path, module])

    for module in arrows:
        visit(module, [])


def outside_functions(tree):
    """Names of modules imported when a module is."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.If)):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        else:
            yield from outside_functions(node)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_is_imported_in_models_alone_and_only_when_called(path):
    tree = ast.parse(path.read_text())
    heavy = {"tensorflow", "keras"}
    everywhere = {
        name.partition(".")[0]
        for node in steps.statements(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not heavy & {name.partition(".")[0] for name in outside_functions(tree)}
    room = path.relative_to(PACKAGE).parts[0]
    assert room == "model" or path.name == "train.py" or not heavy & everywhere
    assert room == "live" or not {"starlette", "uvicorn"} & {name.partition(".")[0] for name in everywhere}
    assert path.name in ("progress.py", "scheduling.py", "locks.py") or "snakemake" not in {
        name.partition(".")[0] for name in everywhere
    }


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), st.text(min_size=1) | st.lists(st.text(min_size=1))
    )
)
def test_flags_come_back_from_the_shell_as_they_were(values):
    values = {name: value for name, value in values.items() if "\x00" not in str(value)}
    words = shlex.split(steps.flags(values))
    expected = [
        f"--{name.replace('_', '-')}={part}"
        for name, value in values.items()
        for part in ([value] if isinstance(value, str) else value)
    ]
    assert words == expected


def test_what_is_missing_is_no_flag_and_what_a_step_does_not_take_is_left_out():
    assert steps.flags({"start": None, "indexes": [], "renew": False}) == ""
    assert steps.flags({"renew": True, "number": 0}) == "--renew --number=0"
    command = steps.command("label_initial", {"split": "s", "votes": "v v", "labelled": "l", "threads": 3, "seed": "1"})
    assert command == "python -m activezoo label_initial --split=s '--votes=v v' --labelled=l"


# Keys of a question that say which votes are asked for, and how people are asked.
LOOP_KEYS = {"min_responses", "unit", "initial", "acquire", "few_votes", "text", "help", "answers", "asked_if"}
QUESTION_KEYS = {*LOOP_KEYS, *View._fields, *Answers._fields, *Fractions._fields}


@pytest.mark.parametrize(
    ("section", "kind", "others"),
    [
        ("network", Architecture, set()),
        ("sampling", Sampling, set()),
        ("questions", View, QUESTION_KEYS - {*View._fields}),
        ("questions", Answers, QUESTION_KEYS - {*Answers._fields}),
        ("questions", Fractions, QUESTION_KEYS - {*Fractions._fields}),
        ("survey.columns", Columns, {"redshift"}),
        ("images.fits", AsinhStretch, set()),
    ],
)
def test_sections_of_the_configuration_are_those_of_the_package(section, kind, others):
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    for name in section.split("."):
        schema = schema["properties"][name]
    keys = set(schema.get("properties") or schema["additionalProperties"]["properties"])
    assert keys == set(kind._fields) | others
