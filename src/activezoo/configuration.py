"""Validation of the configuration against its schema, with every problem in one readable message."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import yaml

from activezoo.errors import InputError


def validated(config: dict, schema: dict) -> dict:
    """The configuration with all defaults filled in.

    Raises
    ------
    InputError
        Naming every key at fault, its value and what is allowed.
    """
    from jsonschema import Draft202012Validator

    config = _with_defaults(config, schema)
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    problems = [_describe(error) for error in errors] or _contradictions(config)
    if problems:
        raise InputError("the configuration cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
    config["loop"]["seeds"] = _seeds(config["loop"]["seeds"])
    return config


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
    if isinstance(value, str) and "string" not in ([kinds] if isinstance(kinds, str) else kinds):
        if kinds == "number":  # YAML takes 1e-3 for text
            with suppress(ValueError):
                return float(value)
        with suppress(yaml.YAMLError):
            return yaml.safe_load(value)
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
        "pattern": lambda pattern: f"text that matches {pattern}",
    }.get(error.validator, lambda value: f"{error.validator} {value}")(error.validator_value)
    return f"{key}: {error.instance!r} is not allowed, it must be {allowed}"


def _suggestion(name: str, known: dict) -> str:
    close = get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(known)}"


def _contradictions(config: dict) -> list[str]:
    """Problems that a schema cannot express."""
    asked = {
        "loop.questions": config["loop"]["questions"],
        "posteriors.questions": config["posteriors"]["questions"] or [],
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
    features = config["posteriors"]["surprise"]
    for column in set(features["morphology"]) & set(features["other"]):
        problems.append(f"posteriors.surprise: {column!r} cannot be of morphology and other too")
    for name, question in config["questions"].items():
        smallest, largest = question["zoom"]
        if smallest > largest:
            problems.append(f"questions.{name}.zoom: {question['zoom']} must not fall")
    shrunk = config["network"]["input_size"] >> len(config["network"]["filters"])
    if shrunk < 1:
        problems.append(
            f"network.filters: {len(config['network']['filters'])} blocks halve {config['network']['input_size']} "
            "pixels (network.input_size) to nothing"
        )
    survey = config["survey"]
    answers = {column for question in config["questions"].values() for column in _columns(question)}
    for column in [survey["columns"]["redshift"], *survey["columns"]["covariates"]]:
        if column in answers:
            problems.append(f"survey.columns: {column!r} counts votes, which must not stand among what all steps read")
    size, stored_size = survey["simulated"]["image_size"], config["images"]["stored_size"]
    if survey["kind"] == "simulated" and size < stored_size:
        problems.append(f"images.stored_size: {stored_size} is more than the {size} of survey.simulated.image_size")
    if survey["kind"] == "simulated" and not unknown:
        for name in config["loop"]["questions"]:
            question = config["questions"][name]
            needed = config["loop"]["test_galaxies"] + question["initial"]
            needed += config["loop"]["iterations"] * question["acquire"]
            if needed > survey["simulated"]["galaxies"]:
                problems.append(
                    f"survey.simulated.galaxies: {survey['simulated']['galaxies']} are fewer than the {needed} that "
                    f"question {name!r} asks for (loop.test_galaxies + initial + loop.iterations × acquire)"
                )
    return problems


def _columns(question: dict) -> list[str]:
    """The columns of a question's answers."""
    return [
        name
        for key in ("positive", "responses")
        for name in ([question[key]] if isinstance(question[key], str) else question[key])
    ]


def _seeds(seeds: int | list[int]) -> list[int]:
    return list(range(1, seeds + 1)) if isinstance(seeds, int) else seeds
