"""Every configuration at fault is refused by name, and every key of the schema is described."""

import re
from pathlib import Path

import pytest
import yaml

from activezoo.errors import InputError
from activezoo.running.configuration import FOLDERS, as_written, read, validated

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def merged(base, overlay):
    """What Snakemake makes of a configfile and an overlay."""
    result = dict(base)
    for key, value in overlay.items():
        result[key] = (
            merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
        )
    return result


def default():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def with_values(**values):
    """The default configuration with values at dotted keys (`__` for the dot)."""
    overlay = {}
    for key, value in values.items():
        section = overlay
        *parents, last = key.split("__")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return merged(default(), overlay)


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("config/**/*.yaml"), *ROOT.glob("tests/config/*.yaml")]), ids=lambda path: path.name
)
def test_every_config_of_the_project_is_valid(path):
    validated(merged(default(), yaml.safe_load(path.read_text())), SCHEMA)


def test_defaults_are_filled_in_and_values_kept():
    config = validated({"survey": {"name": "x", "kind": "release"}, "questions": default()["questions"]}, SCHEMA)
    assert config["sampling"]["augmentations"] == 30
    assert config["sampling"]["masks"] == "exact"
    assert config["network"]["precision"] == "float32"
    assert config["survey"]["columns"]["id"] == "dr7objid"
    assert config["loop"]["seeds"] == [1, 2, 3, 4]
    assert config["questions"]["bar"]["crop"] == "centre"


def test_an_empty_section_means_its_defaults():
    assert validated(with_values(pool=None), SCHEMA)["pool"] == {"shards": 1, "scored": None, "closer_looks": []}


def test_convolutions_may_be_of_bfloat16():
    config = validated(with_values(network__precision="mixed_bfloat16"), SCHEMA)
    assert config["network"]["precision"] == "mixed_bfloat16"


def test_a_number_of_seeds_stands_for_so_many():
    assert validated(with_values(loop__seeds=2), SCHEMA)["loop"]["seeds"] == [1, 2]


def test_columns_follow_from_named_answers():
    answers = {"smooth": "a", "featured": ["b", "c"], "artifact": "d"}
    found = validated(with_values(questions__shape={"answers": answers}), SCHEMA)["questions"]["shape"]
    assert found["answers"] == {"smooth": ["a"], "featured": ["b", "c"], "artifact": ["d"]}
    assert found["positive"] == ["a"]
    assert found["responses"] == ["a", "b", "c", "d"]
    named = {"answers": answers, "positive": ["c", "b"]}
    assert validated(with_values(questions__shape=named), SCHEMA)["questions"]["shape"]["positive"] == ["c", "b"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lop": {}}, "lop: unknown key; did you mean 'loop'?"),
        ({"loop__iteration": 3}, "loop.iteration: unknown key; did you mean 'iterations'?"),
        ({"survey__kind": "real"}, "survey.kind: 'real' is not allowed, it must be one of simulated, release"),
        ({"loop__strategies": ["bald", "guess"]}, "loop.strategies.1: 'guess' is not allowed, it must be one of bald"),
        ({"loop__questions": ["spiral"]}, "loop.questions: 'spiral' is not one of the questions, smooth, bar"),
        ({"loop__iterations": 0}, "loop.iterations: 0 is not allowed, it must be at least 1"),
        ({"loop__iterations": "many"}, "loop.iterations: 'many' is not allowed, it must be integer"),
        ({"network__dropout": 1.0}, "network.dropout: 1.0 is not allowed, it must be less than 1"),
        ({"network__precision": "float16"}, "network.precision: 'float16' is not allowed, it must be one of float32"),
        ({"sampling__masks": "all"}, "sampling.masks: 'all' is not allowed"),
        ({"questions__smooth__zoom": [1.3, 1.1]}, "questions.smooth.zoom: [1.3, 1.1] must not fall"),
        ({"questions__smooth__crop": "center"}, "questions.smooth.crop: 'center' is not allowed, it must be"),
        ({"questions__smooth__positve": "x"}, "questions.smooth.positve: unknown key; did you mean 'positive'?"),
        ({"questions__edge": {"positive": "a"}}, "questions.edge.responses: the columns of answers, or name all"),
        ({"questions__edge": {"answers": {"yes": "a", "no": ["b", "a"]}}}, "questions.edge.answers: 'a' counts two"),
        ({"questions__bar__answers": {"yes": "t03_bar_a06_bar_count", "no": "b"}}, "'b' is not one of questions.bar."),
        ({"questions__bar__answers": {"yes": "t03_bar_a06_bar_count", "no": "b"}}, "count' is no answer in questions"),
        ({"questions__edge": {"positive": "a", "answers": {"y": ["a", "b"], "n": "c"}}}, "a part of the answer 'y'"),
        ({"questions__edge": {"answers": {"yes": "a"}}}, "questions.edge.answers: {'yes': 'a'} is not allowed"),
        ({"questions__edge": {"answers": {"y s": "a", "n": "b"}}}, "'y s' is not allowed, it must be a name"),
        ({"network__input_size": 8, "network__filters": [4, 4, 4, 4]}, "network.filters: 4 blocks halve 8 pixels"),
        ({"survey__simulated__galaxies": 600}, "survey.simulated.galaxies: 600 are fewer than the 880 that"),
        (
            {"survey__simulated__galaxies": 9, "questions__smooth__unit": "galaxies", "questions__smooth__acquire": 9},
            "are fewer than the 1620 that",
        ),
        ({"questions__smooth__few_votes": None}, "questions.smooth.few_votes: a number, since questions.smooth.unit"),
        ({"images__stored_size": 200}, "images.stored_size: 200 is more than the 128 of survey.simulated.image_size"),
        ({"survey__columns__redshift": "t03_bar_a06_bar_count"}, "'t03_bar_a06_bar_count' counts votes"),
        ({"pool__scored": 639}, "pool.scored: 639 is less than the 640 of questions.smooth.acquire"),
        ({"pool__closer_looks": [4, 10]}, "pool.closer_looks: [4, 10] must rise, from more than the 4"),
        ({"pool__closer_looks": [10, 10]}, "pool.closer_looks: [10, 10] must rise"),
        ({"pool__closer_looks": [8, 0]}, "pool.closer_looks.1: 0 is not allowed, it must be at least 1"),
        ({"pool__scored": 0}, "pool.scored: 0 is not allowed, it must be at least 1"),
        ({"survey__name": "../elsewhere"}, "survey.name: '../elsewhere' is not allowed, it must be a name of letters"),
        ({"survey__name": "ab\n"}, "survey.name: 'ab\\n' is not allowed"),
        ({"survey__name": "-ab"}, "survey.name: '-ab' is not allowed"),
        ({"survey__kind": "images", "posteriors__trained_on": "./simulated"}, "posteriors.trained_on: './simulated'"),
        ({"survey__kind": "images", "posteriors__trained_on": "a; rm b"}, "posteriors.trained_on: 'a; rm b' is not"),
        ({"survey__release__images": "a\nb"}, "survey.release.images: 'a\\nb' is not allowed, it must be text on"),
        ({"survey__release__catalogue": ""}, "survey.release.catalogue: '' is not allowed"),
        ({"survey__columns__id": "i\td"}, "survey.columns.id: 'i\\td' is not allowed"),
        ({"survey__samples": ["a", "b\n"]}, "survey.samples.1: 'b\\n' is not allowed"),
        ({"questions__smooth__positive": ["a\n"]}, "questions.smooth.positive.0: 'a\\n' is not allowed"),
        ({"posteriors__experts__file": "\x00"}, "posteriors.experts.file: '\\x00' is not allowed"),
        ({"questions": {"a\n": {}}}, "'a\\n' is not allowed"),
        ({"questions__figures": default()["questions"]["bar"]}, "questions.figures: results/<survey>/figures holds"),
        ({"survey__kind": "images"}, "posteriors.trained_on: the name of the survey whose models predict"),
        ({"survey__kind": "images", "posteriors__trained_on": "simulated"}, "survey.name: 'simulated' is the survey"),
        ({"posteriors__questions": ["spiral"]}, "posteriors.questions: 'spiral' is not one of the questions"),
        ({"posteriors__experts__question": "edge"}, "posteriors.experts.question: 'edge' is not one of the questions"),
        ({"posteriors__surprise__morphology": ["redshift"]}, "posteriors.surprise: 'redshift' cannot be of morphology"),
        ({"posteriors__surprise__other": ["dr7objid"]}, "survey.columns.id: 'dr7objid' is the galaxy id, which says"),
        ({"survey__columns__redshift": "dr7objid"}, "survey.columns.id: 'dr7objid' is the galaxy id, which says"),
        ({"posteriors__networks": 1}, "posteriors.networks: 1 is not allowed, it must be at least 2"),
        ({"network__questions": "together"}, "sampling.masks: 'exact' does not go with network.questions"),
        ({"network__questions": "together"}, "posteriors.questions: those of loop.questions, ['smooth'], since"),
        ({"network__questions": "together", "loop__strategies": ["entropy"]}, "'entropy' is of one question; it does"),
        (
            {
                "network__questions": "together",
                "questions__smooth__asked_if": {"question": "bar", "answers": ["positive"]},
            },
            "loop.questions: 'smooth' stands first, so that it must be asked of everybody",
        ),
        (
            {
                "network__questions": "together",
                "loop__questions": ["smooth", "bar"],
                "posteriors__questions": None,
                "posteriors__tune_dropout": False,
                "sampling__masks": 8,
                "questions__bar__asked_if": {"question": "smooth", "answers": ["featured"]},
            },
            "questions.bar.asked_if.answers: 'featured' is no answer of 'smooth'",
        ),
        ({"posteriors__surprise__questions": ["edge"]}, "posteriors.surprise.questions: 'edge' is not one of the"),
    ],
)  # fmt: skip
def test_faults_are_named(values, message):
    with pytest.raises(InputError) as error:
        validated(with_values(**values), SCHEMA)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("posterior__augmentations", "posterior.augmentations: is sampling.augmentations now"),
        ("posterior__ensemble", "posterior.ensemble: is posteriors.ensemble now"),
        ("posterior__held_out", "posterior.held_out: is posteriors.held_out now"),
        ("survey__columns__covariates", "survey.columns.covariates: is gone"),
        ("posteriors__experts__class", "posteriors.experts.class: is posteriors.experts.class_column now"),
    ],
)
def test_old_keys_are_told_their_new_names(key, message):
    with pytest.raises(InputError) as error:
        validated(with_values(**{key: 3}), SCHEMA)
    assert message in str(error.value)


def test_an_old_section_is_told_its_new_names():
    with pytest.raises(InputError, match="posterior: is sampling now, or posteriors"):
        validated(with_values(posterior={}), SCHEMA)


def test_columns_of_a_question_may_be_one_or_several():
    question = validated(default(), SCHEMA)["questions"]["bar"]
    assert question["positive"] == ["t03_bar_a06_bar_count"]
    assert len(question["responses"]) == 2


def test_text_from_the_command_line_is_read_as_the_type_that_is_asked_for():
    config = validated(with_values(loop={"iterations": "30", "seeds": ["1", "2"], "kept_weights": "0.5"}), SCHEMA)
    assert (config["loop"]["iterations"], config["loop"]["seeds"], config["loop"]["kept_weights"]) == (30, [1, 2], 0.5)
    # And what YAML itself takes for text, for want of a point.
    assert validated(with_values(training__learning_rate="1e-3"), SCHEMA)["training"]["learning_rate"] == 0.001


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError) as error:
        validated(with_values(loop__iterations=0, network__dropout=2), SCHEMA)
    assert "loop.iterations" in str(error.value)
    assert "network.dropout" in str(error.value)


def keys(schema, path=()):
    for name, part in schema.get("properties", {}).items():
        yield (*path, name), part
        yield from keys(part, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys(schema["additionalProperties"], (*path, "<name>"))


@pytest.mark.parametrize(
    ("path", "part"), list(keys(SCHEMA)), ids=lambda value: ".".join(value) if isinstance(value, tuple) else ""
)
def test_every_key_is_described(path, part):
    assert part["description"].strip().endswith(".")
    if (
        part.get("type") != "object"
        and path[-1] not in {"name", "kind", "positive", "responses", "initial", "acquire", "asked_if"}
        and "asked_if" not in path
    ):
        assert "default" in part


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("loop__iterations", 2.0, 2),
        ("training__batch_size", 8.0, 8),
        ("loop__seeds", [1, 2.0], [1, 2]),
        ("loop__seeds", 2.0, [1, 2]),
        ("images__shards", "2.0", 2),
        ("network__filters", [8.0, 16], [8, 16]),
        # Inside {...} on the command line, all is text.
        ("sampling__masks", "1", 1),
        ("sampling__masks", "exact", "exact"),
        ("survey__columns__sample", "null", None),
        ("survey__columns__sample", "original", "original"),
        ("survey__release__filename_map", "null", None),
        ("loop__seeds", "[3, 4]", [3, 4]),
        ("training__learning_rate", "1e-3", 1e-3),
        ("questions__smooth__positive", "[a, b]", ["a", "b"]),
    ],
)
def test_values_have_the_types_that_they_mean(key, given, expected):
    config = validated(with_values(**{key: given}), SCHEMA)
    for name in key.split("__"):
        config = config[name]
    assert config == expected
    assert type(config) is type(expected)
    if isinstance(expected, list):
        assert list(map(type, config)) == list(map(type, expected))


@pytest.mark.parametrize("value", [2.5, "2.5", "two"])
def test_a_part_of_an_iteration_is_refused(value):
    with pytest.raises(InputError, match=r"loop.iterations: .* is not allowed, it must be integer"):
        validated(with_values(loop__iterations=value), SCHEMA)


@pytest.mark.parametrize("name", ["no", "yes", "on", "1", "1.5", "2026-01-01", "null", "~", "0x1A"])
def test_names_are_text(tmp_path, name):
    path = tmp_path / "own.yaml"
    path.write_text(f"questions:\n  {name}: {{positive: a, responses: [a, b]}}\n  bar: {{initial: 4}}\n")
    assert list(as_written(yaml.safe_load(path.read_text()), [path])["questions"]) == [name, "bar"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loop:\n  seeds: 1\n  iterations: 2\n  seeds: 3\n", "'seeds' stands in line 2 and again in line 4"),
        (
            "loop: {seeds: 1}\npool:\n  shards: 2\nloop: {iterations: 3}\n",
            "'loop' stands in line 1 and again in line 4",
        ),
        ("questions:\n  no: {}\n  off: {}\n", "'off' stands in line 2 and again in line 3"),
        ('questions: {"a": {initial: 1, initial: 2}}', "'initial' stands in line 1 and again in line 1"),
        ('{"loop": {"seeds": 1, "seeds": 2}}', "'seeds' stands in line 1 and again in line 1"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, text, message):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        as_written(yaml.safe_load(text), [path])


def aliases(*levels, first="{no: 1}"):
    """A file in which each line stands several times for the line before."""
    return "\n".join(
        [f"a0: &a0 {first}", *(f"a{n}: &a{n} {of.format(f'*a{n - 1}')}" for n, of in enumerate(levels, 1))]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (aliases(*["[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]"] * 9), "holds more than 100000 values"),
        (aliases(*["{{x: {0}, y: {0}}}"] * 30), "perhaps an anchor"),
        ("loop: &a [*a]", "nested deeper than 20"),
        ("loop: " + "[" * 50 + "]" * 50, "nested deeper than 20"),
        ("survey: {name: " + "x" * 10_000_000 + "}", "10000016 bytes are too many for a configuration"),
    ],
    ids=["lists", "sections", "circle", "depth", "size"],
)
def test_what_explodes_is_refused(tmp_path, text, message):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        as_written({}, [path])
    with pytest.raises(InputError, match=message):
        read([path])


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000,
        "a: !!python/object/apply:os.system [true]",
        "a: \x00",
        "a: 2020-99-99",
        "\xff",
        "- 1",
        ": :",
        "a",
    ],
)
def test_what_is_no_configuration_is_said_to_be_none(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"own.yaml: not a (YAML file|configuration)"):
        read([path])


@pytest.mark.parametrize(
    "word",
    ["yes", "no", "on", "OFF", "True", "1", "1e3", "1.50", "0x1A", "1_000", "12:30", "2026-01-01", "2026-01-01 10:00"],
)
def test_names_of_columns_are_text(tmp_path, word):
    """YAML takes them for truth, numbers or dates; the file says what the column is called."""
    path = tmp_path / "own.yaml"
    smooth = f"positive: {word}, responses: [{word}, b], fractions_of: {word}, initial: 5, acquire: 9"
    path.write_text(
        f"survey: {{columns: {{id: {word}, sample: {word}, map_image: {word}}}, samples: [{word}, other]}}\n"
        "questions:\n"
        f"  smooth: &smooth {{{smooth}}}\n"
        "  same: {<<: *smooth, acquire: 7}\n"
    )
    config = read([path])
    for name, acquire in (("smooth", 9), ("same", 7)):
        question = config["questions"][name]
        assert (question["positive"], question["responses"]) == ([word], [word, "b"])
        assert (question["fractions_of"], question["initial"], question["acquire"]) == (word, 5, acquire)
    columns = config["survey"]["columns"]
    assert (columns["id"], columns["sample"], columns["map_image"]) == (word, word, word)
    assert config["survey"]["samples"] == [word, "other"]


@pytest.mark.parametrize("value", ["null", "~", ""])
def test_nothing_is_no_column(tmp_path, value):
    path = tmp_path / "own.yaml"
    path.write_text(f"questions: {{smooth: {{positive: {value}}}}}\n")
    with pytest.raises(InputError, match=r"questions.smooth.positive: nothing is there, .* quote it: 'null'"):
        read([path])
    path.write_text("questions: {smooth: {positive: 'null'}}\n")
    assert read([path])["questions"]["smooth"]["positive"] == ["null"]


def test_what_the_command_line_says_counts_not_what_the_file_does(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("questions: {smooth: {positive: yes, initial: 0x10}}\n")
    given = yaml.safe_load(path.read_text())
    given["questions"]["smooth"] |= {"positive": "other", "initial": 17}
    assert as_written(given, [path]) == {"questions": {"smooth": {"positive": "other", "initial": 17}}}


def test_a_long_list_of_faults_is_cut():
    with pytest.raises(InputError) as error:
        validated(with_values(survey__samples=[["x" * 5000]] * 100), SCHEMA)
    assert "… and 80 more" in str(error.value)
    assert len(str(error.value)) < 10_000


def test_no_question_has_the_name_of_a_folder_of_results():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    folders = {
        *re.findall(r'f"\{RESULTS\}/([a-z]+)[/"]', rules),
        *re.findall(r'logs/\{SURVEY\[.name.\]\}/([a-z]+)"', rules),
        "votes",  # of people, by default
    }
    assert folders == FOLDERS | {"plan"}  # which begins the names of files
    for name in (*FOLDERS, "Check"):
        with pytest.raises(InputError, match=f"questions.{name}: results/<survey>/{name.lower()} holds other results"):
            validated(with_values(questions={name: default()["questions"]["bar"]}), SCHEMA)


@pytest.mark.parametrize("key", ["survey__release__catalogue", "survey__release__images", "posteriors__experts__file"])
def test_paths_start_at_home_and_have_no_braces(key, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    config = validated(with_values(**{key: "~/data/x.csv"}), SCHEMA)
    for name in key.split("__"):
        config = config[name]
    assert config == "/home/somebody/data/x.csv"
    with pytest.raises(InputError, match=r"'a/\{1\}.csv' has braces, which Snakemake takes for a wildcard"):
        validated(with_values(**{key: "a/{1}.csv"}), SCHEMA)
