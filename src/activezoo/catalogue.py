"""The survey's catalogue: from its rows as published to the galaxies and votes that can be used.

Every row is used or is written down as rejected, with the reason: either a defect of the input, or a selection (another
sample, too few responses). One galaxy can be usable for one question and rejected for another.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from activezoo import tables
from activezoo.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_VOTES = np.iinfo(np.int32).max

# One thread reads fast enough, holds little in memory and can say which row is broken.
READING = pa.csv.ReadOptions(use_threads=False)
REJECTED = pa.schema(
    {
        "row": pa.int64(),
        "id": pa.string(),
        "question": pa.string(),
        "column": pa.string(),
        "value": pa.string(),
        "reason": pa.string(),
        "defect": pa.bool_(),
    }
)

log = logging.getLogger(__name__)


class Question(NamedTuple):
    """The columns that count the answers to one question; several columns are summed."""

    positive: list[str]
    responses: list[str]
    min_responses: int

    @property
    def columns(self) -> list[str]:
        """Each column once."""
        return list(dict.fromkeys(self.positive + self.responses))


class Columns(NamedTuple):
    """What the columns of the survey's files are called."""

    id: str = "dr7objid"
    sample: str | None = "sample"
    map_id: str = "objid"
    map_image: str = "asset_id"


GALAXY_ZOO_2 = Columns()


class Catalogue(NamedTuple):
    """The validated survey: `galaxies` and `rejected` in the order of the file, `votes` also by question."""

    galaxies: pa.Table
    votes: pa.Table
    rejected: pa.Table


def read_questions(questions: str) -> dict[str, Question]:
    """Read {name: {positive, responses, min_responses}} from JSON text, or from a JSON or YAML file of this name."""
    if not questions.lstrip().startswith("{"):
        try:
            questions = Path(questions).read_text()
        except FileNotFoundError:
            raise InputError(f"{questions}: no such file (questions as text start with '{{')") from None

    def names(columns: str | list[str]) -> list[str]:
        return [columns] if isinstance(columns, str) else list(columns)

    try:
        return {
            name: Question(names(keys["positive"]), names(keys["responses"]), int(keys["min_responses"]))
            for name, keys in yaml.safe_load(questions).items()
        }
    except KeyError as error:
        raise InputError(f"questions: no key {error}; each needs positive, responses and min_responses") from None
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"questions: not {{name: {{positive, responses, min_responses}}}} ({error})") from None


def read_catalogue(
    catalogue: str | Path,
    images: str | Path,
    questions: Mapping[str, Question],
    *,
    filename_map: str | Path | None = None,
    columns: Columns = GALAXY_ZOO_2,
    samples: Sequence[str] = (),
    covariates: Sequence[str] = (),
    max_rejected: float = 0.05,
) -> Catalogue:
    """Read and validate a survey.

    A galaxy whose id stands in several rows of the wanted samples is rejected in all of them: nothing says which row
    is right.

    Parameters
    ----------
    catalogue
        CSV (also compressed) or parquet file, one row a galaxy; only the columns named are read.
    images
        Folder that holds, at any depth, an image of each galaxy, .jpg, .jpeg or .png.
    questions
        A question is left out if the catalogue has none of its columns, and others' columns: it is of another survey.
    filename_map
        CSV or parquet file with the name of each galaxy's image, without suffix; without it the name is the id.
    columns
        Names of the columns of both files.
    samples
        Values of the sample column to keep; none: keep every row.
    covariates
        Columns to carry over as numbers, if the catalogue has them.
    max_rejected
        Largest fraction of the rows that may have a defect.

    Returns
    -------
    galaxies
        id, image (path), usable_<question> for each question, covariates.
    votes
        id, question, k, N.
    rejected
        row (line of a CSV file, the header being 1 and empty lines not counted; row of a parquet file, from 1), id,
        question (null: rejected for all), column, value, reason, defect (false: a selection).

    Raises
    ------
    InputError
        A file or column is missing, no row is left, or too many rows have a defect.
    """
    samples = samples if columns.sample else ()
    questions = _answered(questions, catalogue)
    covariates = [name for name in covariates if name in _column_names(catalogue)]
    counts = [column for question in questions.values() for column in question.columns]
    sample = [columns.sample] if samples else []
    rows = read_columns(catalogue, [columns.id, *sample], [*counts, *covariates])
    rows["id"] = rows[columns.id]

    selection = _Selection(rows)
    if samples:
        _select_samples(selection, columns.sample, samples, catalogue)
    wanted = len(selection.rows)
    selection.reject(selection.rows["id"].isna(), "no id", column=columns.id)
    selection.reject(selection.rows["id"].duplicated(keep=False), "id in several rows", column=columns.id)
    _match_names(selection, filename_map, columns)
    _match_images(selection, Path(images))
    usable = {name: _Selection(selection.rows, name, selection.rejected) for name in questions}
    for name, question in questions.items():
        _count_votes(usable[name], question)

    rejected = _rejected_table(selection.rejected)
    log.info("%s: %d rows read, %d of the wanted samples", catalogue, len(rows), wanted)
    for (reason, question), number in rejected.groupby(["reason", "question"], dropna=False, sort=False).size().items():
        log.info("rejected %d rows%s: %s", number, "" if pd.isna(question) else f" for {question}", reason)
    defects = rejected[rejected["defect"]]
    if defects["row"].nunique() > max_rejected * wanted:
        raise InputError(
            f"{catalogue}: {defects['row'].nunique()} of {wanted} rows have a defect, more than the fraction "
            f"{max_rejected:g} allowed: {_count_reasons(defects)}. Repair the files, or raise survey.max_rejected"
        )
    galaxies = _usable_galaxies(selection.rows, {name: of.rows for name, of in usable.items()}, covariates)
    if galaxies.empty:
        raise InputError(f"{catalogue}: no usable galaxy among {len(rows)} rows: {_count_reasons(rejected)}")
    counts = ", ".join(f"{len(of.rows)} for {name}" for name, of in usable.items())
    log.info("%d rows: usable %s; %d with a defect", len(rows), counts, defects["row"].nunique())
    return Catalogue(
        pa.Table.from_pandas(galaxies, preserve_index=False).replace_schema_metadata(),
        _votes_table({name: of.rows for name, of in usable.items()}),
        pa.Table.from_pandas(rejected, REJECTED, preserve_index=False).replace_schema_metadata(),
    )


def write_catalogue(catalogue: Catalogue, folder: str | Path) -> None:
    """Write galaxies.parquet, votes.parquet and rejected.parquet."""
    for name, table in catalogue._asdict().items():
        tables.write(table, Path(folder) / f"{name}.parquet")


def read_images(images: str | Path, max_rejected: float = 0.05) -> tuple[pa.Table, pa.Table]:
    """The survey that a folder of images is, each of a galaxy of its name: galaxies, in order of id, and rejected ones.

    Images of one name are rejected: nothing says which is right. Columns are those of `read_catalogue`, without votes.

    Raises
    ------
    InputError
        There is no image, or too many share their names.
    """
    files = _image_files(Path(images)).sort_index()
    rows = pd.DataFrame({"id": files.index, "image": files.to_numpy()}, index=np.arange(1, len(files) + 1))
    selection = _Selection(rows)
    several = rows["id"].duplicated(keep=False)
    selection.reject(several, "several image files of this name", values=rows["image"])
    rejected = _rejected_table(selection.rejected)
    log.info("%s: %d images, %d rejected", images, len(rows), len(rejected))
    if len(rejected) > max_rejected * len(rows) or selection.rows.empty:
        raise InputError(
            f"{images}: {len(rejected)} of {len(rows)} images cannot be used, more than the fraction {max_rejected:g} "
            f"allowed: {_count_reasons(rejected)}. Rename them, or raise survey.max_rejected"
        )
    return (
        pa.Table.from_pandas(selection.rows, preserve_index=False).replace_schema_metadata(),
        pa.Table.from_pandas(rejected, REJECTED, preserve_index=False).replace_schema_metadata(),
    )


def read_features(catalogue: str | Path, id_column: str, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of the survey's catalogue as numbers, by galaxy id, those that it has; a name that it lacks is logged.

    Where an id stands in several rows, the first counts.
    """
    if id_column in columns:
        raise InputError(f"posteriors.surprise: {id_column!r} is the galaxy id, which says nothing about a galaxy")
    has = _column_names(catalogue)
    found = [name for name in columns if name in has]
    if len(found) < len(columns):
        log.warning("%s has no columns %s", catalogue, ", ".join(name for name in columns if name not in has))
    rows = read_columns(catalogue, [id_column], found).drop_duplicates(id_column).set_index(id_column)
    return rows[found].apply(_numbers)


class _Selection:
    """The rows still in the running, for one question or for all, and those that are not."""

    def __init__(self, rows: pd.DataFrame, question: str | None = None, rejected: list[pd.DataFrame] | None = None):
        self.rows = rows
        self.question = question
        self.rejected = [] if rejected is None else rejected

    def reject(
        self,
        mask: pd.Series,
        reason: str,
        *,
        column: str | pd.Series | None = None,
        values: pd.Series | None = None,
        defect: bool = True,
    ) -> None:
        """Take out the rows where `mask` holds; `values` are what was found in `column`.

        Series are aligned by row, so they may still have rows that were taken out since.
        """
        mask = mask.loc[self.rows.index]
        if not mask.any():
            return
        out = self.rows[mask]
        found = {
            "row": out.index,
            "id": out["id"],
            "question": self.question,
            "column": column.loc[out.index] if isinstance(column, pd.Series) else column,
            "value": None if values is None else values.loc[out.index].astype("str"),
            "reason": reason,
            "defect": defect,
        }
        self.rejected.append(pd.DataFrame(found))
        self.rows = self.rows[~mask]


def _column_names(path: str | Path) -> list[str]:
    path = Path(path)
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file{_did_you_mean(path.name, siblings)}")
    with _readable(path):
        if path.suffix == ".parquet":
            return pq.read_schema(path).names
        with pa.csv.open_csv(path, READING) as stream:
            return stream.schema.names


def read_columns(path: str | Path, strings: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Some columns of a table, indexed by row; `strings` are exact, `numbers` still as they are in the file."""
    path = Path(path)
    has = _column_names(path)
    names = list(dict.fromkeys([*strings, *numbers]))
    for name in names:
        if name not in has:
            raise InputError(f"{path}: no column {name!r}{_did_you_mean(name, has)}")
    with _readable(path):
        if path.suffix == ".parquet":
            table = pq.read_table(path, columns=names)
        else:
            exact = pa.csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
            )
            table = pa.csv.read_csv(path, READING, convert_options=exact)
    if not table.num_rows:
        raise InputError(f"{path}: has no rows")
    for name in strings:
        if pa.types.is_floating(table.schema.field(name).type):
            raise InputError(
                f"{path}: column {name!r} holds floating-point numbers, which cannot hold an id of 18 digits exactly; "
                "store it as text or whole numbers"
            )
        table = table.set_column(table.column_names.index(name), name, pc.cast(table[name], pa.string()))
    frame = table.to_pandas(ignore_metadata=True)
    frame.index += 1 if path.suffix == ".parquet" else 2
    return frame


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable table ({error})") from None


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; it has {', '.join(names)}" if 0 < len(names) <= 20 else ""


def _answered(questions: Mapping[str, Question], catalogue: str | Path) -> Mapping[str, Question]:
    """The questions of this survey, or all if none is: then the first missing column is the error."""
    has = set(_column_names(catalogue))
    answered = {name: question for name, question in questions.items() if not has.isdisjoint(question.columns)}
    for name in sorted(questions.keys() - answered.keys()):
        log.warning("question %s is left out: the catalogue has none of its columns", name)
    return answered or questions


def _select_samples(selection: _Selection, column: str, samples: Sequence[str], catalogue: str | Path) -> None:
    sample = selection.rows[column]
    selection.reject(~sample.isin(samples), "sample not wanted", column=column, values=sample, defect=False)
    if selection.rows.empty:
        found = ", ".join(sorted(sample.dropna().unique())) or "no value"
        raise InputError(f"{catalogue}: no row has {', '.join(samples)} in column {column!r}; it has {found}")


def _match_names(selection: _Selection, filename_map: str | Path | None, columns: Columns) -> None:
    """Add the column `name`, that of the image."""
    ids = selection.rows["id"]
    if filename_map is None:
        name = ids
    else:
        entries = read_columns(filename_map, [columns.map_id, columns.map_image]).dropna().drop_duplicates()
        entries = entries.set_index(columns.map_id)[columns.map_image]
        several = entries.index.duplicated(keep=False)
        selection.reject(ids.isin(entries.index[several]), "id with several entries in the filename map")
        name = ids.map(entries[~several])
        selection.reject(name.isna(), "id not in the filename map")
    selection.rows = selection.rows.assign(name=name)


def _match_images(selection: _Selection, folder: Path) -> None:
    """Add the column `image`, the path of the file."""
    files = _image_files(folder)
    several = files.index.duplicated(keep=False)
    name = selection.rows["name"]
    selection.reject(name.isin(files.index[several]), "several image files of this name", values=name)
    image = name.map(files[~several])
    selection.reject(image.isna(), "no image file", values=name)
    selection.rows = selection.rows.assign(image=image)


def _image_files(folder: Path) -> pd.Series:
    """Paths of the images in a folder, at any depth, by name without suffix."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    # One walk through the folder: asking for each file in turn takes minutes on a network file system.
    found = [
        (stem, os.path.join(parent, stem + suffix))
        for parent, _, files in os.walk(folder, followlinks=True)
        for stem, suffix in map(os.path.splitext, files)
        if suffix.lower() in IMAGE_SUFFIXES and not stem.startswith("._")
    ]
    if not found:
        raise InputError(f"{folder}: no image ({', '.join(IMAGE_SUFFIXES)}) in it or below")
    return pd.DataFrame(found, columns=["name", "image"]).set_index("name")["image"]


def _count_votes(selection: _Selection, question: Question) -> None:
    """Add the columns `k` and `N` (paper Eq. 1), the votes of one question."""
    cells = selection.rows[question.columns]
    missing = cells.isna()
    selection.reject(missing.all(axis=1), "no votes recorded", defect=False)
    selection.reject(missing.any(axis=1), "votes for some of the answers missing", column=missing.idxmax(axis=1))
    votes = cells.apply(_numbers)
    for column in question.columns:
        number = votes[column]
        for wrong, reason in (
            (number.isna(), "votes not a number"),
            (number < 0, "negative votes"),
            (number % 1 != 0, "fractional votes"),
        ):
            selection.reject(wrong, reason, column=column, values=cells[column])

    k, responses = votes[question.positive].sum(axis=1), votes[question.responses].sum(axis=1)
    selection.reject(np.maximum(k, responses) > MOST_VOTES, "more votes than can be stored", values=responses)
    selection.rows = selection.rows.assign(k=k, N=responses).astype({"k": "int32", "N": "int32"})
    k, responses = selection.rows["k"], selection.rows["N"]
    both = k[k > responses].map("k = {}, ".format) + responses[k > responses].map("N = {}".format)
    selection.reject(k > responses, "more positive votes than responses", values=both)
    selection.reject(responses == 0, "no responses", values=responses, defect=False)
    too_few = f"fewer than {question.min_responses} responses"
    selection.reject(responses < question.min_responses, too_few, values=responses, defect=False)


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce").astype("float64")


def _usable_galaxies(rows: pd.DataFrame, usable: Mapping[str, pd.DataFrame], covariates: Sequence[str]) -> pd.DataFrame:
    """The galaxies that are usable for a question at least, with their images and covariates."""
    galaxies = rows[["id", "image"]].copy()
    for name, of in usable.items():
        galaxies[f"usable_{name}"] = galaxies.index.isin(of.index)
    for name in covariates:
        galaxies[name] = _numbers(rows[name])
        unread = (galaxies[name].isna() & rows[name].notna()).sum()
        if unread:
            log.warning("covariate %s: %d values that are not numbers are taken as missing", name, unread)
    return galaxies[galaxies.filter(regex="^usable_").any(axis=1)]


def _votes_table(rows: Mapping[str, pd.DataFrame]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(np.concatenate([of["id"].to_numpy(object) for of in rows.values()]), pa.string()),
            "question": pa.array([name for name, of in rows.items() for _ in range(len(of))], pa.string()),
            "k": np.concatenate([of["k"] for of in rows.values()]),
            "N": np.concatenate([of["N"] for of in rows.values()]),
        }
    )


def _rejected_table(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    empty = REJECTED.empty_table().to_pandas()
    if not frames:
        return empty
    # Object columns: what is missing must stay null, whichever the frame it comes from.
    rejected = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
    return rejected.astype({"row": "int64", "defect": bool}).sort_values("row", kind="stable", ignore_index=True)


def _count_reasons(rejected: pd.DataFrame) -> str:
    """How many rows were rejected for each reason, and the first of them."""
    counts = []
    for reason, of in rejected.groupby("reason", sort=False):
        first = of.iloc[0].drop(["reason", "defect"]).dropna()
        where = ", ".join(f"{key} {value}" for key, value in first.items())
        counts.append(f"{of['row'].nunique()} {reason} (first: {where})")
    return "; ".join(counts)
