"""Choosing the records of one CRM that are spoilt, so that none is spoilt twice, and listing them.

What belongs here: the share of each defect, what is still unspoilt, the list.
What does not: which defects there are (planting, mishaps).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from dagster_project.demo import feeds as feed_files
from dagster_project.demo import fxiaoke, zoho
from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import DAY, Bools, Defects, Ints
from dagster_project.demo.dirt import Dirt, Planted, Value
from dagster_project.demo.snapshot import Snapshot
from dagster_project.demo.world import LEFT_OWNER, OWNERS_PER_CRM, Crm, World, stream

STRUCTURAL_SHARE: Final = 0.003
"""Defects that block a night above 1 % of the rows of a file stay well below it."""
_STRUCTURAL_FROM: Final = 250
"""Rows of which one may have a structural defect."""
_ENTITIES: Final = {
    "calls": "activities",
    "sales_records": "activities",
    "complaints": "feedback",
    "cases": "feedback",
}
Make = Callable[[Ints], Sequence[Value]]


@dataclass(frozen=True)
class Defect:
    """One way to spoil a kind of record: the same value goes into all the fields.

    also: the rules that a record so spoilt breaks as well.
    """

    rule_id: str
    fields: tuple[str, ...]
    rows: Ints
    make: Make
    structural: bool = False
    least: int = 1
    also: tuple[str, ...] = ()
    since_day: int = 0


def blank(rows: Ints) -> Sequence[Value]:
    """No value."""
    return [None] * len(rows)


def cycle(values: Sequence[Value]) -> Make:
    """Give the values in turn."""
    return lambda rows: [values[i % len(values)] for i in range(len(rows))]


def numbered(patterns: Sequence[str], start: int = 0) -> Make:
    """Give the patterns in turn, each with the number of the row, so that no two are equal."""
    return lambda rows: [
        patterns[i % len(patterns)].format(start + row) for i, row in enumerate(rows.tolist())
    ]


class Garden:
    """What is spoilt in one CRM."""

    def __init__(self, world: World, crm: Crm, share: float, dirt: Dirt) -> None:
        self.world, self.crm, self.dirt, self.share = world, crm, dirt, share
        self.planted_crm = crm
        self.is_zoho = crm.name == "zoho"
        self.owner = "owner_id" if self.is_zoho else "owner_name"
        self.calls = "calls" if self.is_zoho else "sales_records"
        self.last = Snapshot(world, crm, world.last_day)
        self.rng = stream(world.seed, f"{crm.name} dirt")
        self._taken: dict[str, set[int]] = {}

    @property
    def left_owner(self) -> str:
        """The owner who left, as it is written in the field of owners."""
        if self.is_zoho:
            left: str = zoho.record_ids("users", np.array([LEFT_OWNER]))[0].as_py()
            return left
        return words.OWNERS[len(words.OWNERS) - OWNERS_PER_CRM + LEFT_OWNER].name

    def is_free(self, kind: str, rows: Ints) -> Bools:
        """Tell which records are not spoilt yet."""
        taken = np.array(sorted(self._taken.get(kind, ())), dtype=np.int64)
        return np.isin(rows, taken, invert=True)

    def take(self, kind: str, rows: Ints) -> None:
        """Spoil these no more."""
        self._taken.setdefault(kind, set()).update(rows.tolist())

    def choose(self, kind: str, rows: Ints, wanted: int) -> Ints:
        """Pick unspoilt records, at most half of them."""
        free = rows[self.is_free(kind, rows)]
        wanted = min(wanted, (len(free) + 1) // 2)
        if wanted <= 0:
            return rows[:0]
        chosen = np.sort(self.rng.choice(free, wanted, replace=False))
        self.take(kind, chosen)
        return chosen

    def few(self, rows: int, part: int, *, least: int = 2) -> int:
        """Count the records of a defect that is one of `part`."""
        return max(least, round(rows * self.share / part))

    def spread(self, kind: str, rows: Ints, defects: Sequence[Defect]) -> None:
        """Give each defect its share of the kind's dirty records; a record has at most one."""
        if not len(rows):
            return
        each = round(len(rows) * self.share / len(defects))
        for defect in defects:
            quota = max(each, defect.least)
            if defect.structural:
                most = max(int(len(rows) * STRUCTURAL_SHARE), int(len(rows) >= _STRUCTURAL_FROM))
                quota = min(quota, most)
            elif defect.rule_id == "ENT-046":
                quota = max(quota, 2)
            chosen = self.choose(kind, defect.rows, quota)
            if defect.rule_id == "ENT-046" and len(chosen) == 1:
                continue
            if not len(chosen):
                continue
            if defect.fields == ("_repeated",):
                self.dirt.repeated[self.crm.name, kind] = chosen
                self.note(defect.rule_id, kind, "id", chosen, ["repeated"] * len(chosen))
                continue
            values = defect.make(chosen)
            self.write(kind, defect.fields, chosen, values, since_day=defect.since_day)
            for rule_id in (defect.rule_id, *defect.also):
                self.note(rule_id, kind, defect.fields[0], chosen, values)

    def write(
        self,
        kind: str,
        fields: Sequence[str],
        rows: Ints,
        values: Sequence[Value],
        *,
        since_day: int = 0,
    ) -> None:
        """Put values into fields of records; rows ascending."""
        for field in fields:
            found = self.dirt.replaced.setdefault((self.crm.name, kind, field), [])
            found.append(Defects(rows, tuple(values), since_day))

    def note(
        self,
        rule_id: str,
        kind: str,
        field: str,
        rows: Ints,
        values: Sequence[Value],
        *,
        entity: str | None = None,
    ) -> None:
        """List planted defects."""
        id_kind = "activities" if kind == "sales_records" else kind
        ids = (zoho if self.is_zoho else fxiaoke).record_ids(id_kind, rows).to_pylist()
        self.list_ids(rule_id, kind, field, ids, values, entity=entity)

    def list_ids(
        self,
        rule_id: str,
        kind: str,
        field: str,
        ids: Sequence[str],
        values: Sequence[Value],
        *,
        entity: str | None = None,
    ) -> None:
        """List planted defects by the ids of their records."""
        entity = entity or _ENTITIES.get(kind, kind)
        for record_id, value in zip(ids, values, strict=True):
            text = _spelled(field, value)
            self.dirt.planted.append(
                Planted(rule_id, self.crm.name, entity, kind, record_id, field, text)
            )

    def unknown_ids(self, kind: str) -> Make:
        """Make ids of records that do not exist."""
        ids = (zoho if self.is_zoho else fxiaoke).record_ids

        def make(rows: Ints) -> Sequence[Value]:
            values: list[Value] = ids(kind, rows % 997 + 9_000_000).to_pylist()
            return values

        return make


def list_feed(dirt: Dirt, rule_id: str, cell: tuple[str, str, str], rows: Ints) -> None:
    """List planted defects of a feed's own rows, all in one cell: kind, field, value."""
    kind, field, value = cell
    entity = _ENTITIES.get(kind, kind)
    for record_id in feed_files.record_ids(kind, rows).to_pylist():
        dirt.planted.append(Planted(rule_id, "feeds", entity, kind, record_id, field, value))


def _spelled(field: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    day = value // DAY if field.endswith("_at") and abs(value) > 10**6 else value
    return (date(1970, 1, 1) + timedelta(days=int(day))).isoformat()
