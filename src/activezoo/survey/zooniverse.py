"""Votes from Zooniverse, and what it takes of a live survey: uploads, retirements, predictions.

Votes come from an export of classifications (one csv row each, with JSON in its cells), or from what
panoptes_aggregation makes of one: extracts, or reductions, which only count.
"""

from __future__ import annotations

import csv
import json
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey.decoding import AS_THEY_ARE, Brightness, UnusableImageError, viewable

log = logging.getLogger(__name__)

EXPORT = ("user_name", "user_id", "workflow_id", "created_at", "metadata", "annotations", "subject_data")
EXTRACTS = ("user_name", "user_id", "workflow_id", "task", "created_at", "subject_id", "extractor")
REDUCTIONS = ("subject_id", "workflow_id", "task", "reducer")
# Before the name of an answer, as a column of extracts and reductions; and what such columns are that are no answers.
DATA, NO_ANSWER = "data.", ("aggregation_version", "user_ids_")
# Reductions do not tell when people answered. All their votes have this time.
UNKNOWN_TIME = "1970-01-01"
# Hide or index a column of the upload manifest; they are no part of its name.
PREFIXES = "!#%"
# What it takes of images: formats, as Pillow names them, and bytes.
FORMATS, LARGEST = ("JPEG", "PNG", "GIF"), 1 << 20
# Cells may hold long drawings.
csv.field_size_limit(1 << 27)
BATCH = 100_000


class Rejected(NamedTuple):
    """A classification, or an answer of one, that does not count."""

    row: int
    classification: str
    reason: str


class Asked(NamedTuple):
    """What is asked on Zooniverse, and which classifications count."""

    questions: Mapping[str, Sequence[str]]
    """Answers of each question of the survey."""
    tasks: Mapping[str, str]
    """The question that each task asks, by the task's name, such as T0."""
    galaxy_column: str = "galaxy_id"
    """Metadata of a subject that has the galaxy's id, without a prefix such as `!`."""
    workflow: str | None = None
    """Number of the workflow whose classifications count; None for any."""
    version: str | None = None
    """Of the workflow: the major one, or major.minor; None for any."""
    subjects: Mapping[str, str] | None = None
    """The galaxy of each subject, which only exports of classifications tell themselves."""


class _NoVoteError(Exception):
    """Why a classification holds no vote."""


def read(path: str | Path, asked: Asked) -> Iterator[tuple[list[tuple], list[Rejected]]]:
    """Read votes row by row, however long the file is.

    Parameters
    ----------
    path
        Csv: an export of classifications, extracts or reductions.

    Yields
    ------
    Votes of some rows, tuples of `volunteers.COLUMNS`, and what does not count.

    Raises
    ------
    InputError
        It is none of these, or cut off.
    """
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline()
        names = next(csv.reader([header], delimiter=(delimiter := max(",;\t", key=header.count))), [])
        votes_of = _reader(path, [name.strip() for name in names], asked)
        votes, rejected = [], []
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter), 2):
            if not cells:
                continue  # an empty line, such as the last one
            classification = cells[0]
            try:
                if len(cells) != len(names):
                    raise _NoVoteError(f"{len(cells)} fields instead of {len(names)}")
                given = votes_of(cells)
            except _NoVoteError as error:
                rejected.append(Rejected(number, classification, str(error)))
            else:
                for vote in given:
                    if isinstance(vote, tuple):
                        votes.append(vote)
                    else:
                        rejected.append(Rejected(number, classification, vote))
            if len(votes) + len(rejected) >= BATCH:
                yield votes, rejected
                votes, rejected = [], []
        yield votes, rejected


def _reader(path: str | Path, names: Sequence[str], asked: Asked) -> Callable[[Sequence[str]], list[tuple | str]]:
    """What reads the cells of a row: its votes, and for each answer that is none the reason."""
    kinds = {_classification: EXPORT, _extract: EXTRACTS, _reduction: REDUCTIONS}
    kind = next((kind for kind, needed in kinds.items() if set(needed) <= set(names)), None)
    if kind is None:
        missing = next(name for name in EXPORT if name not in names)
        raise InputError(
            f"{path}: no column {missing!r}, so it is no classification export of Zooniverse; ask for one at "
            "Data Exports of the project's lab. Extracts and reductions of panoptes_aggregation are read, too"
        )
    if kind is not _classification and asked.subjects is None:
        raise InputError(
            f"{path}: it names subjects, not galaxies; give the project's subject export: --subjects=subjects.csv"
        )
    if asked.version is not None and "workflow_version" not in names:
        raise InputError(f"{path}: no column 'workflow_version'; leave out the version")
    return kind({name: place for place, name in enumerate(names)}, asked)


def _classification(place: Mapping[str, int], asked: Asked) -> Callable[[Sequence[str]], list[tuple | str]]:
    """Reader of exports of classifications."""
    answers = {question: _by_text(of, _plain) for question, of in asked.questions.items()}
    metadata_at, subjects_at, annotations_at = (place[name] for name in ("metadata", "subject_data", "annotations"))
    wanted = _wanted(place, asked)

    def votes(cells: Sequence[str]) -> list[tuple | str]:
        wanted(cells)
        if '"already_seen":true' in cells[metadata_at].replace(" ", ""):
            raise _NoVoteError("the volunteer had seen this subject")
        subjects, annotations = (
            _json(cells[at], name) for at, name in ((subjects_at, "subject_data"), (annotations_at, "annotations"))
        )
        if not isinstance(subjects, dict) or not isinstance(annotations, list):
            raise _NoVoteError("subject_data is no object, or annotations is no list")
        if len(subjects) != 1:
            raise _NoVoteError(f"{len(subjects)} subjects, and not one")
        (metadata,) = subjects.values()
        galaxy = _galaxy(metadata, asked.galaxy_column)
        volunteer, time = _volunteer(cells, place), _time(cells, place)
        given: list[tuple | str] = []
        for annotation in annotations:
            if not isinstance(annotation, dict) or annotation.get("task") not in asked.tasks:
                continue
            question, value = asked.tasks[annotation["task"]], annotation.get("value")
            if value is None:
                given.append("no answer")
                continue
            answer = _answer(value, asked.questions[question], answers[question])
            found = (galaxy, question, volunteer, answer, time)
            given.append(found if answer else f"no such answer: {str(value)[:80]!r}")
        return given or ["no task that asks a question of the survey"]

    return votes


def _extract(place: Mapping[str, int], asked: Asked) -> Callable[[Sequence[str]], list[tuple | str]]:
    """Reader of extracts: a row an annotation, with a number in the columns of its answers."""
    counted = _counted(place, asked)

    def votes(cells: Sequence[str]) -> list[tuple | str]:
        galaxy, question, given = counted(cells)
        if not given:
            raise _NoVoteError("no answer")
        if len(given) > 1:
            raise _NoVoteError("several answers")
        ((answer, _),) = given.items()
        return [(galaxy, question, _volunteer(cells, place), answer, _time(cells, place))]

    return votes


def _reduction(place: Mapping[str, int], asked: Asked) -> Callable[[Sequence[str]], list[tuple | str]]:
    """Reader of reductions, which count answers, and do not tell whose they are: each counts as another volunteer's."""
    counted = _counted(place, asked)

    def votes(cells: Sequence[str]) -> list[tuple | str]:
        galaxy, question, given = counted(cells)
        return [
            (galaxy, question, f"{question}: {answer}, {number}", answer, UNKNOWN_TIME)
            for answer, times in given.items()
            for number in range(1, times + 1)
        ] or ["no answer"]

    return votes


def _wanted(place: Mapping[str, int], asked: Asked) -> Callable[[Sequence[str]], None]:
    """What raises of rows that are of another workflow, or version of it."""
    workflow_at, version_at = place["workflow_id"], place.get("workflow_version")

    def check(cells: Sequence[str]) -> None:
        if asked.workflow is not None and cells[workflow_at] != asked.workflow:
            raise _NoVoteError("of another workflow")
        if asked.version is not None and not f"{cells[version_at]}.".startswith(f"{asked.version}."):
            raise _NoVoteError("of another version of the workflow")

    return check


def _volunteer(cells: Sequence[str], place: Mapping[str, int]) -> str:
    """Who has not logged in has a name of its own, too."""
    id, name = cells[place["user_id"]].removesuffix(".0"), cells[place["user_name"]]  # pandas writes 12.0
    if not id and not name:
        raise _NoVoteError("no volunteer")
    return f"user {id}" if id else name


def _time(cells: Sequence[str], place: Mapping[str, int]) -> str:
    return cells[place["created_at"]].removesuffix(" UTC")


def _subject(cells: Sequence[str], place: Mapping[str, int], asked: Asked) -> str:
    subject = cells[place["subject_id"]]
    if subject not in asked.subjects:
        raise _NoVoteError("the subject export has no galaxy of this subject")
    return asked.subjects[subject]


def _task(cells: Sequence[str], place: Mapping[str, int], asked: Asked) -> str:
    task = cells[place["task"]]
    if task not in asked.tasks:
        raise _NoVoteError("no task that asks a question of the survey")
    return asked.tasks[task]


def _counted(place: Mapping[str, int], asked: Asked) -> Callable[[Sequence[str]], tuple[str, str, dict[str, int]]]:
    """What finds galaxy and question of a row of extracts or reductions, and how often each answer is in it."""
    columns = {name.removeprefix(DATA): at for name, at in place.items() if name.startswith(DATA)}
    columns = {name: at for name, at in columns.items() if not name.startswith(NO_ANSWER)}
    if not columns:
        raise InputError(f"no column {DATA}…, which would have the answers; make the table without `stream`")
    slugs = {question: _by_text(of, slug) for question, of in asked.questions.items()}

    def meaning(name: str, question: str) -> str | None:
        if name.isdecimal():
            return _answer(int(name), asked.questions[question], {})
        # An image of the answer stands before its text: its address has become a part of the name.
        ends = [of for of in slugs[question] if name == of or ("http" in name and name.endswith(f"-{of}"))]
        return slugs[question][max(ends, key=len)] if ends else None

    answer_of = {(name, question): meaning(name, question) for name in columns for question in asked.questions}
    wanted = _wanted(place, asked)

    def counted(cells: Sequence[str]) -> tuple[str, str, dict[str, int]]:
        wanted(cells)
        galaxy, question = _subject(cells, place, asked), _task(cells, place, asked)
        counts: Counter[str] = Counter()
        for name, at in columns.items():
            if not cells[at] or name == "None":  # null, to the aggregation
                continue
            number, answer = _whole(cells[at]), answer_of[name, question]
            if number is None:
                raise _NoVoteError(f"no count: {cells[at][:80]!r}")
            if number and answer is None:
                raise _NoVoteError(f"no such answer: {name[:80]!r}")
            if number:
                counts[answer] += number
        return galaxy, question, counts

    return counted


def _whole(text: str) -> int | None:
    digits = text.strip().removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _NoVoteError(f"{name} is no JSON") from None


def _galaxy(metadata: Any, column: str) -> str:
    for name, value in metadata.items() if isinstance(metadata, dict) else ():
        if name.strip().lstrip(PREFIXES) == column and value not in (None, ""):
            return str(value).strip()
    raise _NoVoteError(f"the subject has no metadata {column!r}")


def _answer(value: Any, ordered: Sequence[str], plain: Mapping[str, str]) -> str | None:
    """The answer that a value means: its text, whatever markdown is around it, or its place."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return ordered[value] if 0 <= value < len(ordered) else None
    return plain.get(_plain(value)) if isinstance(value, str) else None


def _by_text(answers: Sequence[str], simplified: Callable[[str], str]) -> dict[str, str]:
    """The answers by what is left of them.

    Raises
    ------
    InputError
        Nothing, or the same of two.
    """
    found = {simplified(answer): answer for answer in answers}
    if len(found) < len(answers) or "" in found:
        raise InputError(
            f"the answers {', '.join(answers)} cannot be told apart on Zooniverse, where letters and digits count alone"
        )
    return found


@lru_cache(maxsize=1000)  # there are few answers, and many who give them
def _plain(text: str) -> str:
    """A text without images, links, emphasis and blanks of markdown, in small letters."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[*_`#>]", " ", text).split()).casefold()


def slug(text: str) -> str:
    """A text as the aggregation names it: small letters and digits with hyphens between."""
    ascii_text = unicodedata.normalize("NFKD", _plain(text)).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text))


def read_subjects(path: str | Path, galaxy_column: str = "galaxy_id") -> dict[str, str]:
    """The galaxy of each subject, from a project's subject export (csv); subjects without one are left out.

    Raises
    ------
    InputError
        It is no such export, or none of its subjects has a galaxy.
    """
    galaxies, others = {}, set()
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in ("subject_id", "metadata") if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: no column {missing[0]!r}, so it is no subject export of Zooniverse")
        for row in rows:
            try:
                galaxies[row["subject_id"]] = _galaxy(_json(row["metadata"] or "", "metadata"), galaxy_column)
            except _NoVoteError:
                others.add(row["subject_id"])
    if not galaxies:
        raise InputError(f"{path}: no subject has metadata {galaxy_column!r}")
    if others:
        log.info("%s: %d subjects have no metadata %r", path, len(others), galaxy_column)
    return galaxies


def write_manifest(galaxies: pd.DataFrame, path: Path, brightness: Brightness = AS_THEY_ARE) -> None:
    """Write what the Panoptes uploader takes: a row a galaxy, with its image, and its id hidden from volunteers.

    An image that Zooniverse would not take, or that is larger than a mebibyte, is converted to JPEG, in a folder beside
    the manifest.

    Parameters
    ----------
    galaxies
        Of an ask: galaxy_id, image, votes.
    path
        Csv.

    Raises
    ------
    InputError
        An image cannot be read.
    """
    wanted = galaxies.groupby("galaxy_id", sort=False).agg(image=("image", "first"), votes=("votes", "max"))
    folder = path.parent / f"{path.stem}_images"
    uploaded = []
    for number, image in enumerate(wanted["image"]):
        try:
            content, format = viewable(image, brightness, FORMATS, LARGEST)
        except (OSError, UnusableImageError) as error:
            raise InputError(f"{image}: {error}") from None
        if format == "JPEG" and content != Path(image).read_bytes():
            image = folder / f"{number}_{Path(image).stem}.jpg"
            with tables.whole_file(image) as partial:
                partial.write_bytes(content)
        uploaded.append(str(Path(image).resolve()))
    table = pd.DataFrame({"!galaxy_id": wanted.index, "image": uploaded, "#votes_wanted": wanted["votes"].to_numpy()})
    with tables.whole_file(path) as partial:
        table.to_csv(partial, index=False)
    converted = sum(Path(image).parent == folder.resolve() for image in uploaded)
    log.info("%s: %d galaxies, %d of their images converted", path, len(table), converted)


def retired(galaxies: Mapping[str, str], subjects: Mapping[str, str]) -> pd.DataFrame:
    """The subjects that need no more votes.

    Parameters
    ----------
    galaxies
        Why each of some galaxies needs none.
    subjects
        The galaxy of each subject.

    Returns
    -------
    Columns subject_id, galaxy_id, why.
    """
    rows = [(subject, galaxy, galaxies[galaxy]) for subject, galaxy in subjects.items() if galaxy in galaxies]
    return pd.DataFrame(rows, columns=["subject_id", "galaxy_id", "why"])


def for_assistant(
    question: str,
    predictions: Iterable[tuple],
    subjects: Mapping[str, str],
    asked: Collection[str],
    bound: float | None = None,
) -> dict:
    """What Zooniverse's subject assistant reads, and Galaxy Zoo's KaDE: a number and predictions for each subject.

    KaDE shows the subjects whose number is at least 0.8, and some of the others at random.

    Parameters
    ----------
    predictions
        Ids of some galaxies, ρ of each by each network, shape (G, T), and the networks' weights, as in
        `model.predictions`.
    asked
        Galaxies to show: their number is 1, that of the others 0.
    bound
        If given, the number is the probability that at least this fraction of volunteers would not give a positive
        answer; subjects without a prediction are left out.

    Returns
    -------
    The predictions of a subject are ρ̂ and 1 − ρ̂; none of a galaxy that the models did not look at.
    """
    predicted = {}
    for ids, rho_GT, weights_T, *_ in predictions:
        probability, rho = (rho_GT <= 1 - (bound or 0)) @ weights_T, rho_GT @ weights_T
        predicted |= dict(zip(ids, zip(probability.tolist(), rho.tolist(), strict=True), strict=True))
    data = {}
    for subject, galaxy in subjects.items():
        likely, rho = predicted.get(galaxy, (None, None))
        if bound is None or likely is not None:
            number = float(galaxy in asked) if bound is None else round(likely, 4)
            data[subject] = {"0": [number, [] if rho is None else [round(rho, 4), round(1 - rho, 4)]]}
    meaning = "is_asked_next" if bound is None else f"probability_at_least_{100 * bound:g}pc_not_{question}"
    described = {"subject_id": {"sample_num": [meaning, [question, f"not_{question}"]]}}
    return {"schema": {"version": 1, "type": "zooniverse/subject_assistant", "data": described}, "data": data}
