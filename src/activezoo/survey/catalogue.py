"""The survey's catalogue: from its rows as published to the galaxies that have an id and an image.

Every row is used or is written down as rejected, with the reason: a defect of the input, or a selection of samples.
What volunteers said of the galaxies is read by question; see `questions`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd
import pyarrow as pa

from activezoo.errors import InputError
from activezoo.survey.columns import read_columns
from activezoo.survey.image_files import ImageStream, image_files, name_without_suffix
from activezoo.survey.layout import Columns
from activezoo.survey.rejection import Selection

log = logging.getLogger(__name__)

GALAXIES = pa.schema({"row": pa.int64(), "id": pa.string(), "image": pa.string()})


def read_catalogue(
    catalogue: str | Path,
    images: str | Path,
    columns: Columns,
    *,
    filename_map: str | Path | None = None,
    encoding: str | None = None,
    samples: Sequence[str] = (),
    max_rejected: float,
) -> tuple[pa.Table, pa.Table]:
    """Read which galaxies a survey has, and their images.

    A galaxy whose id stands in several rows of the wanted samples is rejected in all of them: nothing says which row
    is right.

    Parameters
    ----------
    catalogue
        Table of any kind that `table_files` knows, one row a galaxy; only the columns named are read.
    images
        Folder that holds, at any depth, an image of each galaxy, of any kind that `image_files` knows.
    columns
        Names of the columns of both files.
    filename_map
        Such a table with the name of each galaxy's image; without it the name is the id. The name may have a suffix,
        and a path, of which as many of the last folders count as it takes to tell images of one name apart.
    encoding
        Of both files, where they are csv; by default, it is found out.
    samples
        Values of the sample column to keep; none: keep every row.
    max_rejected
        Largest fraction of the rows that may have a defect.

    Returns
    -------
    galaxies
        row, id, image (path), in the order of the file.
    rejected
        See `rejection.REJECTED`.

    Raises
    ------
    InputError
        A file or column is missing, no row is left, or too many rows have a defect.
    """
    samples = samples if columns.sample else ()
    rows = read_columns(catalogue, [columns.id, *([columns.sample] if samples else [])], encoding=encoding)
    rows["id"] = rows[columns.id]
    selection = Selection(rows)
    if samples:
        _select_samples(selection, columns.sample, samples, catalogue)
    wanted = len(selection.rows)
    log.info("%s: %d rows read, %d of the wanted samples", catalogue, len(rows), wanted)
    selection.reject(selection.rows["id"].isna(), "no id", column=columns.id)
    selection.reject(selection.rows["id"].duplicated(keep=False), "id in several rows", column=columns.id)
    _match_names(selection, filename_map, columns, encoding)
    _match_images(selection, Path(images))
    image = selection.rows["image"]
    selection.reject(image.duplicated(keep=False), "image of several galaxies", values=image)
    selection.check(catalogue, wanted, max_rejected)
    return _galaxies_table(selection.rows), selection.rejected_table()


class FolderSurvey:
    """A folder of images as a survey: each image is a galaxy, and its name without suffix is the id.

    Images that share a name are rejected: nothing says which is right.
    """

    def __init__(self, images: str | Path, max_rejected: float):
        self.images, self.max_rejected = Path(images), max_rejected
        self.rejected: pa.Table | None = None
        """Columns as in `read_catalogue`, once `galaxies` has come to its end."""

    def galaxies(self) -> Iterator[pa.Table]:
        """The galaxies, a part at a time, with the columns of `read_catalogue`.

        Raises
        ------
        InputError
            There is no image, or too many share their names; the latter after the last galaxy.
        """
        doubtful, number = [], 0
        images = ImageStream(self.images)
        for rows in images:
            rows.index += number + 1
            number += len(rows)
            rows = rows.rename(columns={"name": "id"})
            rows["broken"] = ["\\" in path and not os.path.exists(path) for path in rows["image"]]
            sure = ~(rows["broken"] | rows["several"])
            if not sure.all():  # thousands of empty frames would take megabytes
                doubtful.append(rows[~sure])
            yield _galaxies_table(rows.loc[sure, ["id", "image"]])
        if number != images.number:
            raise InputError(
                f"{self.images}: {images.number} images at first, {number} a moment later; run again when nothing is "
                "written there"
            )
        rows = pd.concat(doubtful or [rows[:0]])
        selection = Selection(rows[["id", "image"]])
        selection.reject(rows["broken"], "file name that is not UTF-8", values=rows["image"])
        shared = rows["id"].duplicated(keep=False)
        selection.reject(shared, "several image files of this name", values=rows["image"])
        selection.check(self.images, number, self.max_rejected, usable_besides=number - len(rows))
        self.rejected = selection.rejected_table()
        yield _galaxies_table(selection.rows)

    def read(self) -> tuple[pa.Table, pa.Table]:
        """All galaxies, and the rejected images."""
        return pa.concat_tables(self.galaxies()), self.rejected


def _galaxies_table(rows: pd.DataFrame) -> pa.Table:
    """Rows that are left, as a table to write."""
    return pa.Table.from_pandas(rows.assign(row=rows.index), GALAXIES, preserve_index=False).replace_schema_metadata()


def _select_samples(selection: Selection, column: str, samples: Sequence[str], catalogue: str | Path) -> None:
    sample = selection.rows[column]
    found = sample.map(_as_boolean, na_action="ignore")
    selection.reject(
        ~found.isin(list(map(_as_boolean, samples))), "sample not wanted", column=column, values=sample, defect=False
    )
    if selection.rows.empty:
        found = ", ".join(sorted(sample.dropna().unique())) or "no value"
        raise InputError(
            f"{catalogue}: no row has {', '.join(samples)} in column {column!r}; it has {found}: correct survey.samples"
        )


def _match_names(selection: Selection, filename_map: str | Path | None, columns: Columns, encoding: str | None) -> None:
    """Add the column `name`, that of the image."""
    ids = selection.rows["id"]
    if filename_map is None:
        name = ids
    else:
        entries = read_columns(filename_map, [columns.map_id, columns.map_image], encoding=encoding)
        entries = entries.dropna().drop_duplicates()
        entries = entries.set_index(columns.map_id, drop=False)[columns.map_image]
        several = entries.index.duplicated(keep=False)
        selection.reject(ids.isin(entries.index[several]), "id with several entries in the filename map")
        name = ids.map(entries[~several]).astype(ids.dtype)  # where all are missing, they would be floats
        selection.reject(name.isna(), "id not in the filename map")
    selection.add(name=name)


def _match_images(selection: Selection, folder: Path) -> None:
    """Add the column `image`, the path of the file: the one of the galaxy's name, or of its name and folders."""
    files = image_files(folder)
    name = selection.rows["name"]
    stem = name.map(name_without_suffix, na_action="ignore")
    several = files.index.duplicated(keep=False)
    image = stem.map(files[~several]).astype(object)
    with_folders = name.notna() & name.str.contains("/", na=False)
    ambiguous = stem.isin(files.index[several])
    for row in name.index[ambiguous & with_folders]:
        image[row] = _only_at(name[row], files.loc[[stem[row]]])
    selection.reject(ambiguous & image.isna(), "several image files of this name", values=name)
    selection.reject(image.isna(), "no image file", values=name)
    selection.add(image=image)


def _only_at(name: str, files: pd.Series) -> str | None:
    """The file, of several of one name, whose last folders are those of a path."""
    folders = PurePosixPath(name).parent.parts
    for depth in range(1, len(folders) + 1):
        fit = files[[Path(file).parent.parts[-depth:] == folders[-depth:] for file in files]]
        if len(fit) <= 1:
            return fit.iloc[0] if len(fit) else None
    return None


def _as_boolean(value: str) -> str:
    """Text as it is, but true and false in one spelling: csv files have True, TRUE or true."""
    return value.lower() if value.lower() in ("true", "false") else value
