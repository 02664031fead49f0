"""Rows that cannot be used: every one is written down, with the reason.

The reason is a defect of the input, or a selection (another sample, too few responses).
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa

from activezoo.errors import InputError

log = logging.getLogger(__name__)

REJECTED = pa.schema(
    {
        # Line of a CSV file, the header being 1 and empty lines not counted; row of a parquet file, from 1.
        "row": pa.int64(),
        "id": pa.string(),
        "column": pa.string(),
        "value": pa.string(),
        "reason": pa.string(),
        "defect": pa.bool_(),
    }
)


class Selection:
    """The rows still in the running, and those that are not."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows
        self._rejected: list[pd.DataFrame] = []

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

        Series are aligned by row. A series may still have rows that were taken out after it was made.
        """
        mask = mask.loc[self.rows.index]
        if not mask.any():
            return
        out = self.rows[mask]
        found = {
            "row": out.index,
            "id": out["id"],
            "column": column.loc[out.index] if isinstance(column, pd.Series) else column,
            "value": None if values is None else values.loc[out.index].astype("str"),
            "reason": reason,
            "defect": defect,
        }
        self._rejected.append(pd.DataFrame(found))
        self.rows = self.rows[~mask]

    def add(self, **columns: pd.Series) -> None:
        """Add columns; like the series of `reject`, they may still have rows that were taken out."""
        # `loc` matters when no row is left: pandas would then add all rows of a new column.
        self.rows = self.rows.assign(**{name: values.loc[self.rows.index] for name, values in columns.items()})

    def rejected(self) -> pd.DataFrame:
        """The rows rejected so far, in the order of the file; columns of `REJECTED`."""
        if not self._rejected:
            return REJECTED.empty_table().to_pandas()
        # Object columns: what is missing must stay null, whichever the frame it comes from.
        rejected = pd.concat([frame.astype(object) for frame in self._rejected], ignore_index=True)
        return rejected.astype({"row": "int64", "defect": bool}).sort_values("row", kind="stable", ignore_index=True)

    def rejected_table(self) -> pa.Table:
        """The rows rejected so far, as a table to write."""
        return pa.Table.from_pandas(self.rejected(), REJECTED, preserve_index=False).replace_schema_metadata()

    def check(self, source: str | Path, wanted: int, max_rejected: float, usable_besides: int = 0) -> None:
        """Log why rows were rejected; make sure that few of the `wanted` ones have a defect, and that some are left.

        Besides the rows here, there are others that are usable.

        Raises
        ------
        InputError
            More than the fraction `max_rejected` have a defect, or no row is left.
        """
        rejected = self.rejected()
        for reason, number in rejected.groupby("reason", sort=False).size().items():
            log.info("rejected %d rows: %s", number, reason)
        defects = rejected[rejected["defect"]]
        if defects["row"].nunique() > max_rejected * wanted:
            raise InputError(
                f"{source}: {defects['row'].nunique()} of {wanted} rows have a defect, more than the fraction "
                f"{max_rejected:g} allowed: {_count_reasons(defects)}. Repair the files, or raise survey.max_rejected"
            )
        usable = len(self.rows) + usable_besides
        if not usable:
            raise InputError(f"{source}: no usable galaxy among {wanted} rows: {_count_reasons(rejected)}")
        log.info("%d of %d rows are usable; %d have a defect", usable, wanted, defects["row"].nunique())


def _count_reasons(rejected: pd.DataFrame) -> str:
    """How many rows were rejected for each reason, and the first of them."""
    counts = []
    for reason, of in rejected.groupby("reason", sort=False):
        first = of.iloc[0].drop(["reason", "defect"]).dropna()
        where = ", ".join(f"{key} {value}" for key, value in first.items())
        counts.append(f"{of['row'].nunique()} {reason} (first: {where})")
    return "; ".join(counts)
