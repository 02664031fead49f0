"""Validation of the configuration against its schema, with every problem in one readable message."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from activezoo.acquisition import registry
from activezoo.errors import InputError
from activezoo.survey import tree

if TYPE_CHECKING:
    from activezoo.survey.decoding import Brightness

# Keys that were once called something else, or that nothing reads any more.
OLD_KEYS = {
    **{f"posterior.{key}": f"is sampling.{key} now" for key in ("augmentations", "masks", "draws")},
    **{
        f"posterior.{key}": f"is posteriors.{key} now"
        for key in ("networks", "ensemble", "tune_dropout", "rescale", "held_out")
    },
    "posterior": "is sampling now, or posteriors",
    "survey.columns.covariates": "is gone: posteriors.surprise reads the catalogue itself; leave it out",
    "loop.warm_start": "is loop.kept_weights now: 1 for true, 0 for false",
    "posteriors.experts.id": "is posteriors.experts.id_column now",
    "posteriors.experts.class": "is posteriors.experts.class_column now",
}

# What the patterns of the schema mean. Values become paths and words of the shell.
PATTERNS = {
    r"\A[^\x00-\x1F\x7F]+\Z": "text on one line, or nothing at all: null",
    r"\A[A-Za-z0-9][A-Za-z0-9_.-]*\Z": "a name of letters, digits, '_', '.', '-', that starts with a letter or digit",
    r"\A[A-Za-z0-9][A-Za-z0-9-]*\Z": "a name of letters, digits, '-', that starts with a letter or digit",
}
# What Snakemake always reads first, and what the keys mean.
CHECKOUT = Path(__file__).parents[3]
DEFAULT_RUN = CHECKOUT / "config/config.yaml"
SCHEMA = CHECKOUT / "workflow/schemas/config.schema.yaml"
# What JSON Schema calls the types that stand as text inside {…} on the command line.
NAMES_OF_TYPES = {bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array"}
# Keys of survey.release that name files.
FILES = ("catalogue", "filename_map", "images")
# Folders of results, and of logs, beside those of questions.
FOLDERS = {"asks", "benchmarks", "catalogue", "check", "figures", "images", "provenance", "survey", "votes"}
# What has more bytes, values, or sections in sections is no configuration. Then: how much of what is wrong is shown.
LARGEST_FILE, MOST_VALUES, DEEPEST = 1 << 20, 100_000, 20
LONGEST_VALUE, MOST_PROBLEMS = 200, 20
_KEY = object()


def read(files: Sequence[Path]) -> dict:
    """The validated configuration of some files, each on top of those before, as Snakemake reads it.

    Raises
    ------
    InputError
        A file is missing or is no configuration.
    """
    config: dict = {}
    for path in (DEFAULT_RUN, *files):
        config = on_top(config, load(path))
    return validated(config, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def read_live(files: Sequence[Path]) -> dict:
    """The same, of a live survey.

    Raises
    ------
    InputError
        It is another survey.
    """
    config = read(files)
    if config["survey"]["kind"] != "live":
        raise InputError(f"survey.kind is {config['survey']['kind']!r}, and people are asked in one that is 'live'")
    return config


def load(path: Path) -> dict:
    """What one file says.

    Raises
    ------
    InputError
        It is missing or is no configuration.
    """
    _refuse_large(path)
    try:
        section = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct its name") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a YAML file ({error}); correct it") from error
    if not isinstance(section, dict):
        raise InputError(f"{path}: not a configuration, its keys are missing; name another file")
    return _as_written(section, _written(path))


def as_written(config: dict, files: Sequence[str | Path]) -> dict:
    """A configuration in which all names and values are text as it stands in the files.

    YAML takes `no`, `1` or `2020-01-01` for something else than the name of a question or a column. `validated` gives
    each value the type that the schema says.

    Parameters
    ----------
    config
        As YAML, or Snakemake, has read it.
    files
        From which it was read.

    Raises
    ------
    InputError
        A file says a key twice: the last one would win, without a word. Or it is far too large, perhaps by anchors that
        stand for one another.
    """
    written: dict = {}
    for path in files:
        with suppress(yaml.YAMLError, OSError, ValueError, RecursionError):  # whoever reads it says so
            written |= _written(path)
    return _as_written(config, written)


def _refuse_large(path: str | Path) -> None:
    with suppress(OSError):
        if (size := os.path.getsize(path)) > LARGEST_FILE:
            raise InputError(
                f"{path}: {size} bytes are too many for a configuration, more than {LARGEST_FILE}; name another file"
            )


def _written(path: str | Path) -> dict:
    """Value and text of each key and value in a YAML file, by the keys and places that lead there."""
    _refuse_large(path)
    loader = yaml.SafeLoader(Path(path).read_text(encoding="utf-8"))
    written: dict = {}
    waiting, number = [((), loader.get_single_node())], 0
    while waiting:
        keys, node = waiting.pop()
        number += 1
        if number > MOST_VALUES or len(keys) > DEEPEST:
            raise InputError(
                f"{path}: holds more than {MOST_VALUES} values, or is nested deeper than {DEEPEST}; perhaps an anchor "
                "(&) stands for many others: write out what it stands for"
            )
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*keys, place), value) for place, value in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            _refuse_key_twice(path, node, loader)
            loader.flatten_mapping(node)
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    written[*keys, _KEY, loader.construct_object(key)] = key.value
                    waiting.append(((*keys, key.value), value))
        elif isinstance(node, yaml.ScalarNode):
            written[keys] = loader.construct_object(node), node.value
    return written


def _refuse_key_twice(path: str | Path, node: yaml.MappingNode, loader: yaml.SafeLoader) -> None:
    lines: dict = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        name, line = loader.construct_object(key), key.start_mark.line + 1
        if name in lines:
            raise InputError(
                f"{path}: the key {key.value!r} stands in line {lines[name]} and again in line {line}; keep one"
            )
        lines[name] = line


def _as_written(value: Any, written: dict, keys: tuple = ()) -> Any:
    if isinstance(value, dict):
        names = {name: name if isinstance(name, str) else written.get((*keys, _KEY, name), str(name)) for name in value}
        return {names[name]: _as_written(part, written, (*keys, names[name])) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_written(part, written, (*keys, place)) for place, part in enumerate(value)]
    read, text = written.get(keys, (None, None))
    return text if value is not None and value == read else value


def on_top(config: dict, other: dict) -> dict:
    """A configuration with another one on top of it, key by key."""
    both = {
        name: on_top(config[name], value) if isinstance(value, dict) and isinstance(config.get(name), dict) else value
        for name, value in other.items()
    }
    return config | both


def results_folder(config: dict) -> Path:
    """Where the results of a survey are."""
    return Path("results") / config["survey"]["name"]


def brightness(config: dict) -> Brightness:
    """What becomes black and white in a survey's images of more than 8 bits, as in those that are stored."""
    from activezoo import tables
    from activezoo.survey.decoding import Brightness, find_brightness, rows_to_measure
    from activezoo.survey.fits_images import AsinhStretch

    given = Brightness(config["images"]["white"], AsinhStretch(**config["images"]["fits"]))
    catalogue = results_folder(config) / "catalogue/galaxies.parquet"
    if not catalogue.exists():
        return given
    measured = tables.read_rows(catalogue, rows_to_measure(tables.number_of_rows(catalogue)), ["image"])
    return find_brightness(measured["image"].to_pylist(), given)


def votes_folder(config: dict) -> Path:
    """Where tables of votes are put, for a live survey to find them.

    Raises
    ------
    InputError
        `live.votes` is one table, and no folder of tables.
    """
    folder = Path(config["live"]["votes"] or results_folder(config) / "votes")
    if folder.suffix in (".csv", ".gz", ".parquet") and not folder.is_dir():
        raise InputError(
            f"live.votes: {folder} is a table of votes, beside which no other can be put; name a folder, and put the "
            "table into it"
        )
    return folder


def validated(config: dict, schema: dict) -> dict:
    """The configuration with all defaults filled in.

    Raises
    ------
    InputError
        Naming every key at fault, its value and what is allowed.
    """
    from jsonschema import Draft202012Validator

    problems = _old_keys(config)
    config = _with_defaults(config, schema)
    schema["properties"]["loop"]["properties"]["strategies"]["items"]["enum"] = registry.names()
    schema["properties"]["live"]["properties"]["strategy"]["enum"] = registry.names()
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    _refuse(problems or [_describe(error) for error in errors] or _contradictions(config))
    config["loop"]["seeds"] = _seeds(config["loop"]["seeds"])
    for section, keys in ((config["survey"]["release"], FILES), (config["posteriors"]["experts"], ("file",))):
        section |= {key: section[key] and os.path.expanduser(section[key]) for key in keys}
    for question in config["questions"].values():
        _complete_answers(question)
    if config["survey"]["kind"] == "live":
        _complete_live(config)
    if config["survey"]["kind"] == "live" or config["network"]["questions"] == "together":
        _refuse(tree.contradictions(questions(config)))
    return config


def questions(config: dict) -> dict[str, tree.Question]:
    """The questions of the loop, from a configuration that is validated."""
    return tree.parse({name: config["questions"][name] for name in config["loop"]["questions"]})


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = [f"… and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        lines = [f"  {problem}" for problem in [*problems[:MOST_PROBLEMS], *more]]
        raise InputError("\n".join(["the configuration cannot be used:", *lines]))


def _complete_answers(question: dict) -> None:
    """Set the columns of a question as lists: of each named answer, of the positive ones, and of all."""
    if isinstance(question["answers"], dict):
        question["answers"] = {name: _as_list(columns) for name, columns in question["answers"].items()}
    question |= {key: _columns(question, key) for key in ("positive", "responses")}


def _complete_live(config: dict) -> None:
    """Set what follows from the survey being live: it has one strategy, and no catalogue and no experts."""
    config["loop"]["strategies"] = [config["live"]["strategy"]]
    config["live"]["votes"] = config["live"]["votes"] or f"results/{config['survey']['name']}/votes"
    for name in config["loop"]["questions"]:
        question = config["questions"][name]
        question |= {"text": question["text"] or name, "answers": question["answers"] or question["responses"]}
    config["posteriors"]["questions"] = config["loop"]["questions"]
    config["posteriors"]["experts"]["file"] = None
    config["posteriors"]["surprise"] = {"questions": [], "morphology": [], "other": []}
    config["survey"]["release"] |= {"catalogue": None, "filename_map": None}


def _old_keys(config: dict, prefix: str = "") -> list[str]:
    """Keys that were renamed, each with the new one."""
    problems = []
    for name, value in config.items():
        key = f"{prefix}{name}"
        below = _old_keys(value, f"{key}.") if isinstance(value, dict) else []
        problems += below or ([f"{key}: {OLD_KEYS[key]}"] if key in OLD_KEYS else [])
    return problems


def _with_defaults(value: Any, schema: dict) -> Any:
    if not isinstance(value, dict):
        return _typed(value, schema)
    properties = schema.get("properties", {})
    filled = {name: value.get(name, part["default"]) for name, part in properties.items() if "default" in part}
    # An empty section of a YAML file reads as null: it means the defaults.
    sections = {name for name, part in properties.items() if part.get("type") == "object"}
    filled = {**value, **filled}
    filled = {name: {} if part is None and name in sections else part for name, part in filled.items()}
    others = schema.get("additionalProperties") or {}
    return {name: _with_defaults(part, properties.get(name, others)) for name, part in filled.items()}


def _typed(value: Any, schema: dict) -> Any:
    """A value with its type: what stands inside {…} on the command line reaches Snakemake as text."""
    if isinstance(value, list):
        return [_typed(part, schema.get("items", {})) for part in value]
    kinds = schema.get("type", "string")
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if isinstance(value, str):
        if kinds == {"number"}:  # YAML takes 1e-3 for text
            with suppress(ValueError):
                return float(value)
        with suppress(yaml.YAMLError):
            read = yaml.safe_load(value)
            if "string" not in kinds or NAMES_OF_TYPES.get(type(read)) in kinds - {"string"}:
                value = read
    if isinstance(value, float) and value.is_integer() and "integer" in kinds and "number" not in kinds:
        return int(value)
    return value


def _describe(error) -> str:
    key = ".".join(map(str, error.path)) or "the configuration"
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        prefix = ".".join([*map(str, error.path), ""])
        return "\n  ".join(
            f"{prefix}{name}: unknown key; {_suggestion(name, known)}" for name in error.instance if name not in known
        )
    if error.validator == "required":
        return f"{key}: {error.message}"
    allowed = {
        "enum": lambda values: f"one of {', '.join(map(str, values))}",
        "type": lambda kinds: " or ".join(kinds if isinstance(kinds, list) else [kinds]),
        "minimum": lambda bound: f"at least {bound}",
        "maximum": lambda bound: f"at most {bound}",
        "exclusiveMinimum": lambda bound: f"more than {bound}",
        "exclusiveMaximum": lambda bound: f"less than {bound}",
        "minItems": lambda number: f"a list of at least {number}",
        "maxItems": lambda number: f"a list of at most {number}",
        "uniqueItems": lambda _: "a list without repetition",
        "pattern": lambda pattern: PATTERNS.get(pattern, f"text that matches {pattern}"),
    }.get(error.validator, lambda value: f"{error.validator} {value}")(error.validator_value)
    if error.instance is None:
        return f"{key}: nothing is there, it must be {allowed}; if it is a name, quote it: 'null'"
    return f"{key}: {_shown(error.instance)} is not allowed, it must be {allowed}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"


def _suggestion(name: str, known: dict) -> str:
    close = get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(known)}"


def _contradictions(config: dict) -> list[str]:
    """Problems that a schema cannot express."""
    asked = {
        "loop.questions": config["loop"]["questions"],
        "posteriors.questions": config["posteriors"]["questions"] or [],
        "posteriors.surprise.questions": config["posteriors"]["surprise"]["questions"],
        "posteriors.experts.question": [config["posteriors"]["experts"]["question"]],
    }
    unknown = [(key, name) for key, names in asked.items() for name in names if name not in config["questions"]]
    problems = [
        f"{key}: {name!r} is not one of the questions, {', '.join(config['questions'])}" for key, name in unknown
    ]
    if (config["survey"]["kind"] == "images") != (config["posteriors"]["trained_on"] is not None):
        problems.append(
            "posteriors.trained_on: the name of the survey whose models predict, if survey.kind is images; else null"
        )
    if config["survey"]["name"] == config["posteriors"]["trained_on"]:
        problems.append(
            f"survey.name: {config['survey']['name']!r} is the survey whose models predict (posteriors.trained_on); "
            "give the images another name, or they would take its place"
        )
    files = {f"survey.release.{key}": config["survey"]["release"][key] for key in FILES}
    for key, path in (files | {"posteriors.experts.file": config["posteriors"]["experts"]["file"]}).items():
        if "{" in (path or ""):
            problems.append(f"{key}: {path!r} has braces, which Snakemake takes for a wildcard; link or rename it")
    if (scored := config["pool"]["scored"]) is not None:
        if config["survey"]["kind"] == "live":
            problems.append("pool.scored: null, since survey.kind is live")
        for name in [] if unknown else _asking(config):
            if scored < (needed := config["questions"][name]["acquire"]):  # a galaxy may have a single vote
                problems.append(f"pool.scored: {scored} is less than the {needed} of questions.{name}.acquire")
    if closer := config["pool"]["closer_looks"]:
        if config["survey"]["kind"] == "live":
            problems.append("pool.closer_looks: [], since survey.kind is live")
        if any(after <= before for before, after in pairwise([config["sampling"]["augmentations"], *closer])):
            problems.append(
                f"pool.closer_looks: {closer} must rise, from more than the {config['sampling']['augmentations']} of "
                "sampling.augmentations"
            )
    edges = config["posteriors"]["conformal_edges"]
    if edges != sorted(edges):
        problems.append(f"posteriors.conformal_edges: {edges} must rise")
    features = config["posteriors"]["surprise"]
    for column in set(features["morphology"]) & set(features["other"]):
        problems.append(f"posteriors.surprise: {column!r} cannot be of morphology and other too")
    columns = config["survey"]["columns"]
    if columns["id"] in [*features["morphology"], *features["other"], columns["redshift"]]:
        problems.append(
            f"survey.columns.id: {columns['id']!r} is the galaxy id, which says nothing about a galaxy; take it out of "
            "posteriors.surprise and survey.columns.redshift"
        )
    for name in config["questions"]:
        if name.casefold() in FOLDERS:  # some file systems do not tell capital letters from small ones
            problems.append(
                f"questions.{name}: results/<survey>/{name.casefold()} holds other results; give the question another "
                "name"
            )
    for name, question in config["questions"].items():
        if question["unit"] == "votes" and question["few_votes"] is None:
            problems.append(
                f"questions.{name}.few_votes: a number, since questions.{name}.unit is votes: how many to ask of each "
                "initial galaxy"
            )
        smallest, largest = question["zoom"]
        if smallest > largest:
            problems.append(f"questions.{name}.zoom: {question['zoom']} must not fall")
    shrunk = config["network"]["input_size"] >> len(config["network"]["filters"])
    if shrunk < 1:
        problems.append(
            f"network.filters: {len(config['network']['filters'])} blocks halve {config['network']['input_size']} "
            "pixels (network.input_size) to nothing"
        )
    for name, question in config["questions"].items():
        problems += _contradictions_of_answers(name, question)
    survey = config["survey"]
    answers = {column for question in config["questions"].values() for column in _columns(question)}
    if survey["columns"]["redshift"] in answers:
        problems.append(f"survey.columns.redshift: {survey['columns']['redshift']!r} counts votes, it is no redshift")
    size, stored_size = survey["simulated"]["image_size"], config["images"]["stored_size"]
    if survey["kind"] == "simulated" and size < stored_size:
        problems.append(f"images.stored_size: {stored_size} is more than the {size} of survey.simulated.image_size")
    if survey["kind"] == "simulated" and not unknown:
        for name in _asking(config):
            question = config["questions"][name]
            asked = question["initial"] + config["loop"]["iterations"] * question["acquire"]
            if question["unit"] == "votes":  # at least the initial galaxies; `check_pool` sees the votes
                asked = -(-question["initial"] // (question["few_votes"] or 1))
            needed = config["loop"]["test_galaxies"] + asked
            if needed > survey["simulated"]["galaxies"]:
                problems.append(
                    f"survey.simulated.galaxies: {survey['simulated']['galaxies']} are fewer than the {needed} that "
                    f"question {name!r} asks for: loop.test_galaxies, initial, and loop.iterations × acquire of "
                    "galaxies"
                )
    if config["network"]["questions"] == "together" and not unknown:
        problems += _contradictions_of_together(config)
    return problems + (_contradictions_of_live(config) if survey["kind"] == "live" and not unknown else [])


def _asking(config: dict) -> list[str]:
    """The questions that galaxies are asked for by: of questions learnt together, the first."""
    together = config["network"]["questions"] == "together"
    return config["loop"]["questions"][: 1 if together else None]


def _contradictions_of_together(config: dict) -> list[str]:
    """Problems of questions that one network is to learn."""
    names = config["loop"]["questions"]
    problems = []
    refused = {
        "survey.kind": (config["survey"]["kind"], "live", "people are asked about questions apart"),
        "sampling.masks": (config["sampling"]["masks"], "exact", "give a number, such as 8"),
        "posteriors.tune_dropout": (config["posteriors"]["tune_dropout"], True, "set it to false"),
    }
    for key, (value, wrong, instead) in refused.items():
        if value == wrong:
            problems.append(f"{key}: {value!r} does not go with network.questions: together; {instead}")
    if "entropy" in config["loop"]["strategies"]:
        problems.append(
            "loop.strategies: 'entropy' is of one question; it does not go with network.questions: together"
        )
    if config["posteriors"]["questions"] not in (None, names):
        problems.append(f"posteriors.questions: those of loop.questions, {names}, since network.questions is together")
    if config["questions"][names[0]]["asked_if"]:
        problems.append(
            f"loop.questions: {names[0]!r} stands first, so that it must be asked of everybody (asked_if: null)"
        )
    return problems


def _contradictions_of_live(config: dict) -> list[str]:
    """Problems of questions that people cannot be asked."""
    problems, asked = [], {name: config["questions"][name] for name in config["loop"]["questions"]}
    for name, question in asked.items():
        key, counted = f"questions.{name}", _columns(question, "responses")
        if isinstance(question["answers"], dict):
            problems.append(f"{key}.answers: a list of their texts, since the survey is live")
        if question["few_votes"] is None:
            problems.append(f"{key}.few_votes: how many people to ask about a galaxy, since the survey is live")
        for part, within in (("positive", counted), ("responses", question["answers"] or counted)):
            for answer in set(_columns(question, part)) - set(within):
                problems.append(f"{key}.{part}: {answer!r} is not one of {', '.join(within)}")
    return problems


def _contradictions_of_answers(name: str, question: dict) -> list[str]:
    """Problems of the columns of a question."""
    key, named = f"questions.{name}", question["answers"]
    if not isinstance(named, dict):
        missing = [part for part in ("positive", "responses") if part not in question]
        return [
            f"{key}.{part}: the columns of answers, or name all answers and their columns in {key}.answers"
            for part in missing
        ]
    columns = [column for of in named.values() for column in _as_list(of)]
    problems = [f"{key}.answers: {column!r} counts two answers" for column in {*columns} if columns.count(column) > 1]
    responses, positive = (set(_columns(question, part)) for part in ("responses", "positive"))
    problems += [
        f"{key}.answers: {column!r} is not one of {key}.responses" for column in sorted({*columns} - responses)
    ]
    problems += [
        f"{key}.responses: {column!r} is no answer in {key}.answers" for column in sorted(responses - {*columns})
    ]
    split = [
        answer for answer, of in named.items() if positive & set(_as_list(of)) and not positive >= set(_as_list(of))
    ]
    return problems + [f"{key}.positive: has a part of the answer {answer!r}; name all its columns" for answer in split]


def _columns(question: dict, *keys: str) -> list[str]:
    """The columns of a question's answers: of the positive ones, of all (`responses`), or of both."""
    named = list(question["answers"].values()) if isinstance(question["answers"], dict) else [[]]
    default = {"positive": named[:1], "responses": named}
    return [
        column
        for key in keys or ("positive", "responses")
        for of in ([question[key]] if key in question else default[key])
        for column in _as_list(of)
    ]


def _as_list(columns: str | list[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else columns


def _seeds(seeds: int | list[int]) -> list[int]:
    return list(range(1, seeds + 1)) if isinstance(seeds, int) else seeds
