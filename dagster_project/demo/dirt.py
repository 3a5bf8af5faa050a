"""Defects planted on purpose, each recorded under the data rule it breaks.

What belongs here: which records are spoilt, how, and the list of them.
What does not: how the rules are evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dagster_project.demo.columns import Column, Defects, Ints, with_defects

Value = str | int | None


@dataclass(frozen=True)
class Planted:
    """One planted defect, as a test would look for it.

    entity: what the rule judges. The id of one of its customers is that of the account, or of the
    contact of a person in Zoho.
    """

    rule_id: str
    source: str
    entity: str
    kind: str
    record_id: str
    field: str
    value: str


@dataclass
class Dirt:
    """All defects of a world: what to write instead, which rows to write twice, and the list."""

    replaced: dict[tuple[str, str, str], list[Defects]] = field(default_factory=dict)
    repeated: dict[tuple[str, str], Ints] = field(default_factory=dict)
    planted: list[Planted] = field(default_factory=list)

    def applied(
        self, source: str, kind: str, columns: Sequence[Column], *, rows: Ints, day: int
    ) -> list[Column]:
        """Put the planted values of a chunk in place."""
        spoilt = []
        for column in columns:
            now = column
            for defects in self.replaced.get((source, kind, column.field), ()):
                if day >= defects.since_day:
                    now = with_defects(now, rows, defects)
            spoilt.append(now)
        return spoilt

    def rows_with_repeats(self, source: str, kind: str, rows: Ints) -> Ints:
        """Repeat the rows that are to be written twice."""
        twice = self.repeated.get((source, kind))
        if twice is None:
            return rows
        return np.repeat(rows, np.where(np.isin(rows, twice), 2, 1))
