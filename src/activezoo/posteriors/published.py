"""The catalogue as other people's programs open it: names that the field has, units, descriptions, what made it.

The parquet file carries the header of a VOTable (IVOA note "VOTable in Parquet", 1.0), which TOPCAT and astropy's
`Table.read(path, format="parquet.votable")` show. Arrow's own metadata of a column hold unit and description too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from activezoo import tables
from activezoo.errors import InputError
from activezoo.survey.layout import Answers

if TYPE_CHECKING:
    import pyarrow as pa

# How a column that counts an answer may end, in releases of Galaxy Zoo.
_COUNT = re.compile(r"[-_](count|total|votes)\Z")
# Unit and description of a column of `catalogue.summarise`, and of the ends of intervals, by what its name begins with.
_MEANING = {
    "id": (None, "Galaxy id"),
    "role": (None, "What the galaxy was to the networks: trained, held_out, test, experts or other"),
    "rho": (None, "Probability that a volunteer gives the answer, by each network or as quantiles over networks"),
    "mean": (None, "Mean over networks of the probability that a volunteer gives the answer"),
    "rho_": (None, "{end} end of the central {level} % interval over networks of that probability"),
    "N": ("count", "Number of votes that the counts are of"),
    "k_most_likely": ("count", "Most likely number of N votes that give the answer"),
    "k_": ("count", "{end} end of the central {level} % interval of that number"),
    "conformal_": ("count", "{end} end of the conformal {level} % interval of that number"),
    "predictive_entropy": (None, "Entropy of the posterior of that number, in nats"),
    "mutual_information": (None, "Mutual information of N votes and the network, in nats"),
    "p_majority": (None, "Probability that more than half of N votes give the answer; exactly half counts half"),
}
_END = re.compile(r"(\w+_)(low|high)_(\d+)\Z")
# astropy cannot join texts of any length ("*") to those of the header; readers of parquet need no length.
_TYPES = {"string": ("char", "64"), "double": ("double", None), "int64": ("long", None)}


def fraction_column(answers: Answers, question: str) -> str:
    """Name of the column of the predicted vote fraction, as releases have it: <question>_<answer>_fraction.

    It comes from the column that counts the answer. Of several answers that are summed, it is <question>_fraction.
    """
    stem = _COUNT.sub("", answers.positive[0]) if len(answers.positive) == 1 else question
    return f"{stem}_fraction"


def published(summary: pa.Table, fraction: str, provenance: Mapping[str, object]) -> pa.Table:
    """A table of `catalogue.summarise` with public names, units and descriptions.

    Parameters
    ----------
    summary
        With or without the column `role`.
    fraction
        From `fraction_column`. `mean` and the ends of the intervals of ρ are named after it.
    provenance
        What made the catalogue, by name; it becomes parameters of the header.
    """
    meanings = {_public(name, fraction): _meaning(name) for name in summary.column_names}
    return described(summary.rename_columns(list(meanings)), meanings, provenance)


def described(
    table: pa.Table, meanings: Mapping[str, tuple[str | None, str]], provenance: Mapping[str, object]
) -> pa.Table:
    """A table with the unit and description of each column, by name, and with what made it; see `published`."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        unit, description = meanings[field.name]
        fields.append(field.with_metadata({"description": description} | ({"unit": unit} if unit else {})))
    schema = pa.schema(fields)
    header = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": _votable(schema, provenance)}
    provenance = {name: str(value) for name, value in provenance.items()}
    return pa.Table.from_arrays(table.columns, schema=schema.with_metadata(provenance | header))


def _public(name: str, fraction: str) -> str:
    return fraction if name == "mean" else re.sub(r"\Arho(?=_)", fraction, name)


def _meaning(name: str) -> tuple[str | None, str]:
    """Unit and description of a column of `catalogue.summarise`."""
    if interval := _END.match(name):
        beginning, end, level = interval.groups()
        unit, description = _MEANING[beginning]
        return unit, description.format(end={"low": "Lower", "high": "Upper"}[end], level=level)
    return _MEANING[name]


def _votable(schema: pa.Schema, provenance: Mapping[str, object]) -> str:
    """The header of a VOTable without rows, in XML."""
    root = ElementTree.Element("VOTABLE", version="1.4", xmlns="http://www.ivoa.net/xml/VOTable/v1.3")
    table = ElementTree.SubElement(ElementTree.SubElement(root, "RESOURCE"), "TABLE")
    for name, value in provenance.items():
        text = {"datatype": "char", "arraysize": "*", "value": str(value)}
        ElementTree.SubElement(table, "PARAM", name=name, **text)
    for field in schema:
        if hasattr(field.type, "list_size"):
            datatype, size = "float", str(field.type.list_size)
        else:
            datatype, size = _TYPES[str(field.type)]
        metadata = {key.decode(): value.decode() for key, value in field.metadata.items()}
        attributes = {"name": field.name, "datatype": datatype, "arraysize": size, "unit": metadata.get("unit")}
        element = ElementTree.SubElement(table, "FIELD", {key: value for key, value in attributes.items() if value})
        ElementTree.SubElement(element, "DESCRIPTION").text = metadata["description"]
    return ElementTree.tostring(root, encoding="unicode")


def write_fits(catalogue: str | Path, path: str | Path) -> None:
    """Copy a published catalogue to FITS, with units, descriptions and what made it.

    Raises
    ------
    InputError
        astropy is not installed, or the catalogue is not one that `published` made.
    """
    try:
        from astropy.table import Column, Table
    except ImportError:
        raise InputError(
            f"{path}: astropy writes FITS; install it with: pip install 'activezoo[fits]'; or set posteriors.fits to "
            "false"
        ) from None

    table = tables.read(catalogue)
    copy = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.metadata is None or b"description" not in field.metadata:
            raise InputError(f"{catalogue}: column {field.name!r} has no description; delete it and run again")
        values = column.combine_chunks()
        if hasattr(field.type, "list_size"):
            values = values.flatten().to_numpy().reshape(len(table), field.type.list_size)
        elif str(field.type) == "string":
            values = values.to_numpy(zero_copy_only=False).astype(str)
        unit, description = (field.metadata.get(key, b"").decode() or None for key in (b"unit", b"description"))
        copy[field.name] = Column(values, unit=unit, description=description)
    parameters = (table.schema.metadata or {}).items()
    copy.meta["comments"] = [f"{key.decode()}: {of.decode()}" for key, of in parameters if not key.startswith(b"IVOA")]
    with tables.whole_file(path) as partial:
        copy.write(partial, format="fits", overwrite=True)
