"""Vote counts from fractions: many releases publish the share of each answer, and how many votes there were.

A share of whole votes is whole when multiplied by their number, but for rounding. One that is not, such as a fraction
that was weighted by volunteer or corrected for redshift, is rejected: it is no count, and the likelihood needs counts.
"""

from __future__ import annotations

import pandas as pd

from activezoo.survey.columns import numbers
from activezoo.survey.layout import Answers, Fractions
from activezoo.survey.rejection import Selection

# Fractions are published with some digits, so a share of all votes may come a little above 1.
ABOVE_ONE = 1e-3


def count_fractions(selection: Selection, answers: Answers, fractions: Fractions) -> pd.DataFrame:
    """Votes for each answer, whole numbers, by row; rows whose fractions cannot be counts are rejected.

    Where there are no votes, fractions need not be given.
    """
    cells = selection.rows[answers.columns]
    totals = selection.rows[fractions.fractions_of]
    missing = cells.isna()
    selection.reject(totals.isna() & missing.all(axis=1), "no votes recorded", defect=False)
    selection.reject(totals.isna(), "number of votes missing", column=fractions.fractions_of)
    total = numbers(totals)
    for wrong, reason in (
        (total.isna(), "votes not a number"),
        (total < 0, "negative votes"),
        (total % 1 != 0, "fractional votes"),
    ):
        selection.reject(wrong, reason, column=fractions.fractions_of, values=totals)
    selection.reject(total == 0, "no responses", values=totals, defect=False)

    selection.reject(missing.any(axis=1), "votes for some of the answers missing", column=missing.idxmax(axis=1))
    shares = cells.apply(numbers)
    counts = shares.mul(total, axis=0)
    for column in answers.columns:
        share, count = shares[column], counts[column]
        product = cells[column].astype("str") + " × " + totals.astype("str") + " = " + count.map("{:.3f}".format)
        for wrong, reason, found in (
            (share.isna(), "vote fraction not a number", cells[column]),
            (~share.between(0, 1 + ABOVE_ONE), "vote fraction not between 0 and 1", cells[column]),
            ((count - count.round()).abs() > fractions.fraction_tolerance, "vote fraction is no whole count", product),
        ):
            selection.reject(wrong, reason, column=column, values=found)
    counts = counts.round()
    together = counts[list(answers.responses)].sum(axis=1)
    both = together.map("{:g} of ".format) + totals.astype("str")
    selection.reject(together > total, "vote fractions add up to more than 1", values=both)
    return counts
