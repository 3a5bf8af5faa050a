"""Which records are spoilt, and how: the defects of the data rules, planted and listed.

What belongs here: one entry per rule and kind of record. What does not: how files are written,
or how the rules are evaluated.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from dagster_project.demo import fxiaoke, zoho
from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import DAY, NONE, Defects, Ints
from dagster_project.demo.dirt import Dirt, Planted, Value
from dagster_project.demo.feeds import Events
from dagster_project.demo.people import credit_codes, mobiles
from dagster_project.demo.snapshot import Snapshot
from dagster_project.demo.world import CALL, Activities, Crm, World, stream

STRUCTURAL_SHARE: Final = 0.003
"""Defects that block a night above 1 % of the rows of a file stay well below it."""
_SILENT_DAYS: Final = 130
_GIANT: Final = 1000
_PLAUSIBLE_CENTS: Final = 10**7
_BAD_PHONES: Final = ("1381234567", "12345678901", "138-0000-000", "电话未知", "00000000000")
_BAD_EMAILS: Final = ("zhang.wei@", "无", "Li.Na@QQ.COM", "wang@@163.com", "a@mailinator.com")
_PLACEHOLDERS: Final = ("测试", "test", "111", "N/A", "aaa", "无")
_BAD_AMOUNTS: Final = ("12,4OO", "一万二", "8500.123", "12.5.0")

Make = Callable[[Ints], Sequence[Value]]


@dataclass(frozen=True)
class Defect:
    """One way to spoil a kind of record: the same value goes into all the fields."""

    rule_id: str
    fields: tuple[str, ...]
    rows: Ints
    make: Make
    structural: bool = False
    least: int = 1


def plant(world: World, feeds: tuple[Events, ...], share: float) -> tuple[World, Dirt]:
    """Spoil a share of the records of every kind; the world changes where a defect is a fact."""
    dirt = Dirt()
    if share <= 0:
        return world, dirt
    crms = []
    for crm in world.crms:
        garden = _Garden(world, crm, feeds, share, dirt)
        crms.append(garden.plant())
    dirt.planted.sort(key=lambda p: (p.rule_id, p.source, p.kind, p.record_id, p.field))
    return replace(world, zoho=crms[0], fxiaoke=crms[1]), dirt


def _blank(rows: Ints) -> Sequence[Value]:
    return [None] * len(rows)


def _cycle(values: Sequence[Value]) -> Make:
    return lambda rows: [values[i % len(values)] for i in range(len(rows))]


class _Garden:
    """Planting in one CRM."""

    def __init__(
        self, world: World, crm: Crm, feeds: tuple[Events, ...], share: float, dirt: Dirt
    ) -> None:
        self._world, self._crm, self._feeds, self._dirt = world, crm, feeds, dirt
        self._share = share
        self._is_zoho = crm.name == "zoho"
        self._last = Snapshot(world, crm, world.last_day)
        self._rng = stream(world.seed, f"{crm.name} dirt")
        self._found: dict[tuple[str, str], list[tuple[Ints, Sequence[Value]]]] = defaultdict(list)

    def plant(self) -> Crm:
        """Plant everything; returns the CRM with the facts that were changed."""
        crm = self._silence_customers(self._inflate_orders(self._crm))
        tables = (
            ("accounts", self._accounts()),
            ("contacts", self._contacts()),
            ("leads", self._leads()),
            ("deals", self._deals()),
            ("orders", self._orders()),
            ("order_lines", self._lines()),
            ("calls" if self._is_zoho else "sales_records", self._activities(crm)),
        )
        for kind, (rows, defects) in tables:
            self._spread(kind, rows, defects)
        for (kind, field), parts in self._found.items():
            rows = np.concatenate([part[0] for part in parts])
            values = [value for part in parts for value in part[1]]
            order = np.argsort(rows, kind="stable")
            self._dirt.replaced[crm.name, kind, field] = Defects(
                rows[order], tuple(values[i] for i in order)
            )
        return crm

    def _spread(self, kind: str, rows: Ints, defects: Sequence[Defect]) -> None:
        """Give each defect its share of the kind's dirty records; a record has at most one."""
        if not defects or not len(rows):
            return
        each = round(len(rows) * self._share / len(defects))
        free = np.ones(int(rows.max()) + 1, dtype=np.bool_)
        for defect in defects:
            candidates = defect.rows[free[defect.rows]]
            quota = max(each, defect.least)
            if defect.structural:
                quota = min(quota, int(len(rows) * STRUCTURAL_SHARE))
            wanted = min(quota, len(candidates) // 2)
            if wanted <= 0:
                continue
            chosen = np.sort(self._rng.choice(candidates, wanted, replace=False))
            free[chosen] = False
            if defect.fields == ("_repeated",):
                self._dirt.repeated[self._crm.name, kind] = chosen
                self._list(defect.rule_id, kind, "id", (chosen, ["repeated"] * wanted))
                continue
            values = defect.make(chosen)
            for field in defect.fields:
                self._found[kind, field].append((chosen, values))
            self._list(defect.rule_id, kind, defect.fields[0], (chosen, values))

    def _list(
        self, rule_id: str, kind: str, field: str, found: tuple[Ints, Sequence[Value]]
    ) -> None:
        rows, values = found
        id_kind = "activities" if kind == "sales_records" else kind
        ids = (zoho if self._is_zoho else fxiaoke).record_ids(id_kind, rows).to_pylist()
        for record_id, value in zip(ids, values, strict=True):
            text = "" if value is None else str(value)
            if isinstance(value, int):
                text = (date(1970, 1, 1) + timedelta(days=_as_days(field, value))).isoformat()
            self._dirt.planted.append(
                Planted(rule_id, self._crm.name, kind, record_id, field, text)
            )

    # What can be planted in each kind: (rows, defects).

    def _accounts(self) -> tuple[Ints, list[Defect]]:
        crm, parties = self._crm, self._world.parties
        table = crm.customers
        rows = self._last.customers
        company = parties.company[table.party[rows]]
        if self._is_zoho:
            rows, company = rows[company], company[company]
        party = table.party[rows]
        domestic = parties.abroad[party] < 0
        chinese = ~parties.english[party]
        coded = rows[company & domestic & (table.merged_into[rows] < 0)]
        pooled = fxiaoke.is_pooled(party)
        listed = "Unlisted trade" if self._is_zoho else "未列行业"
        owner = "owner_id" if self._is_zoho else "owner_name"
        defects = [
            Defect("ENT-001", ("name",), rows, _blank),
            Defect("ENT-003", (owner,), rows[~pooled], _blank),
            Defect("ENT-004", ("source_channel",), rows, _blank),
            Defect("ENT-005", ("industry",), rows[company], _blank),
            Defect("ENT-006", ("city",), rows[domestic], _blank),
            Defect("ENT-020", ("phone",), rows, _cycle(_BAD_PHONES)),
            Defect("ENT-021", ("email",), rows, _cycle(_BAD_EMAILS)),
            Defect("ENT-022", ("credit_code",), coded, self._bad_codes),
            Defect("ENT-023", ("name",), rows, self._bad_names),
            Defect("ENT-024", ("name",), rows[company & chinese], self._bare_names),
            Defect("ENT-027", ("industry",), rows[company], _cycle([listed])),
            Defect("ENT-028", ("province",), rows[domestic], self._other_provinces),
            Defect("ENT-046", ("phone",), rows, self._shared_phones, least=2),
            Defect("STR-003", ("_repeated",), rows, _blank, structural=True),
            Defect("STR-007", ("source_channel",), rows, _cycle(["?? 渠道"]), structural=True),
        ]
        if not self._is_zoho:
            alone = rows[~company]
            defects += [
                Defect("ENT-002", ("phone", "email"), alone, _blank),
                Defect("ENT-042", ("birth_date",), alone, _cycle(self._bad_birthdays())),
            ]
        return rows, defects

    def _contacts(self) -> tuple[Ints, list[Defect]]:
        rows = self._last.contacts
        company = self._world.parties.company[
            self._crm.customers.party[self._crm.contacts.customer[rows]]
        ]
        reach = ("mobile", "phone", "email") if self._is_zoho else ("mobile", "email")
        name = ("full_name", "last_name", "first_name") if self._is_zoho else ("full_name",)
        unknown = self._unknown_ids("accounts")
        return rows, [
            Defect("ENT-001", name, rows, _blank),
            Defect("ENT-002", reach, rows, _blank),
            Defect("ENT-020", ("mobile",), rows, _cycle(_BAD_PHONES)),
            Defect("ENT-021", ("email",), rows, _cycle(_BAD_EMAILS)),
            Defect("ENT-023", ("full_name",), rows, _cycle(_PLACEHOLDERS)),
            Defect("ENT-042", ("birth_date",), rows, _cycle(self._bad_birthdays())),
            Defect("STR-008", ("account_id",), rows[company], unknown, structural=True),
        ]

    def _leads(self) -> tuple[Ints, list[Defect]]:
        table, rows = self._crm.leads, self._last.leads
        still_open = rows[~self._last.before(table.closed[rows])]
        owner = "owner_id" if self._is_zoho else "owner_name"
        converted = table.customer[rows]
        party = self._crm.customers.party[np.maximum(converted, 0)]
        domestic = rows[(converted < 0) | (self._world.parties.abroad[party] < 0)]
        return rows, [
            Defect("ENT-002", ("mobile", "email"), rows, _blank),
            Defect("ENT-003", (owner,), rows, _blank),
            Defect("ENT-004", ("source_channel",), rows, _blank),
            Defect("ENT-006", ("city",), domestic, _blank),
            Defect("ENT-007", ("intended_product",), still_open, _blank),
            Defect("ENT-020", ("mobile",), rows, _cycle(_BAD_PHONES)),
            Defect("ENT-021", ("email",), rows, _cycle(_BAD_EMAILS)),
            Defect("ENT-023", ("full_name",), rows, _cycle(_PLACEHOLDERS)),
            Defect("STR-007", ("status",), still_open, _cycle(["?? 状态"]), structural=True),
            Defect("UPD-008", ("next_follow_at",), still_open, self._past_follow_ups),
        ]

    def _deals(self) -> tuple[Ints, list[Defect]]:
        table, rows = self._crm.deals, self._last.deals
        stage, closed = self._last.deal_stage(rows)
        lost = rows[closed & (table.outcome[rows] > 0)]
        won = rows[closed & (table.outcome[rows] == 0)]
        negotiating = rows[~closed & (stage == table.entered.shape[1] - 1)]
        old = table.created[rows] < (self._world.first_night - 20) * DAY
        owner = "owner_id" if self._is_zoho else "owner_name"
        past = self._world.first_night - 9
        party = self._crm.customers.party[table.customer[rows]]
        company = self._world.parties.company[party] | (not self._is_zoho)
        unknown = self._unknown_ids("accounts")
        return rows, [
            Defect("ENT-003", (owner,), rows, _blank),
            Defect("ENT-008", ("amount",), negotiating, _blank),
            Defect("ENT-009", ("loss_reason",), lost, _blank),
            Defect("ENT-026", ("amount",), lost, _cycle(_BAD_AMOUNTS)),
            Defect("ENT-040", ("amount",), lost, _cycle(["98765432.00"])),
            Defect("ENT-042", ("close_date",), rows[closed], self._early_close_days),
            Defect("ENT-043", ("probability",), won, _cycle(["50"])),
            Defect("STR-007", ("stage",), rows[~closed], _cycle(["?? 阶段"]), structural=True),
            Defect("STR-008", ("account_id",), rows[company], unknown, structural=True),
            Defect("UPD-003", ("close_date",), rows[~closed & old], _cycle([past])),
            Defect("UPD-008", ("next_follow_at",), rows[~closed], self._past_follow_ups),
        ]

    def _orders(self) -> tuple[Ints, list[Defect]]:
        table, rows = self._crm.orders, self._last.orders
        rows = rows[table.counted[rows] & (table.sub_total[rows] < _PLAUSIBLE_CENTS)]
        customer = self._last.winner[table.customer[rows]]
        company = self._world.parties.company[self._crm.customers.party[customer]]
        linked = rows[company | (not self._is_zoho)]
        spoilt = "tax" if self._is_zoho else "sub_total"
        later = self._world.last_day + 40
        unknown = self._unknown_ids("accounts")
        return rows, [
            Defect("ENT-026", ("grand_total",), rows, _cycle(_BAD_AMOUNTS[:2])),
            Defect("ENT-041", (spoilt,), rows, self._wrong_amounts),
            Defect("ENT-042", ("order_date",), rows, _cycle([later])),
            Defect("STR-003", ("_repeated",), rows, _blank, structural=True),
            Defect("STR-008", ("account_id",), linked, unknown, structural=True),
        ]

    def _lines(self) -> tuple[Ints, list[Defect]]:
        table = self._crm.lines
        rows = np.arange(self._crm.orders.first_line[len(self._last.orders)])
        unknown = self._unknown_ids("products")

        def one_more(chosen: Ints) -> Sequence[Value]:
            return [str(value) for value in (table.quantity[chosen] + 1).tolist()]

        return rows, [
            Defect("ENT-014", ("quantity",), rows, _blank),
            Defect("ENT-026", ("list_price",), rows, _cycle(_BAD_AMOUNTS[:2])),
            Defect("ENT-041", ("quantity",), rows, one_more),
            Defect("STR-008", ("product_id",), rows, unknown, structural=True),
        ]

    def _activities(self, crm: Crm) -> tuple[Ints, list[Defect]]:
        table = crm.activities
        rows = np.flatnonzero(self._last.before(table.at))
        if self._is_zoho:
            rows = rows[table.kind[rows] == CALL]
        # Old ones only: the loss of a recent call would make a revisit overdue.
        old = rows[table.at[rows] < (self._world.first_night - _SILENT_DAYS) * DAY]
        return rows, [Defect("STR-003", ("id",), old, _blank, structural=True)]

    # Defects that are facts of the world.

    def _silence_customers(self, crm: Crm) -> Crm:
        """UPD-005: customers nobody has spoken to for months."""
        rows = self._last.customers
        if self._is_zoho:
            rows = rows[self._world.parties.company[crm.customers.party[rows]]]
        since = (self._world.last_day - _SILENT_DAYS) * DAY
        # A purchase is a contact as well.
        last_order = self._last.last_order[rows]
        rows = rows[(last_order >= 0) & (last_order < since)]
        busy = np.zeros(len(crm.customers.party), dtype=np.bool_)
        for feed in self._feeds:
            mine = (feed.in_zoho == self._is_zoho) & (feed.at >= since)
            busy[feed.customer[mine]] = True
        for other in (crm.notes, crm.cases):
            busy[other.customer[other.at >= since]] = True
        rows = rows[~busy[rows]]
        wanted = min(len(rows) // 2, max(1, round(len(self._last.customers) * self._share / 16)))
        table = crm.activities
        if wanted <= 0 or not len(table.at):
            return crm
        silent = np.sort(self._rng.choice(rows, wanted, replace=False))
        is_silent = np.zeros(len(busy), dtype=np.bool_)
        is_silent[silent] = True
        keep = ~(is_silent[self._last.winner[table.customer]] & (table.at >= since))
        self._list("UPD-005", "accounts", "last_followed_at", (silent, [None] * wanted))
        kept = {name: values[keep] for name, values in vars(table).items()}
        return replace(crm, activities=Activities(**kept))

    def _inflate_orders(self, crm: Crm) -> Crm:
        """ENT-040: a thousand times the price of one product, and everything adds up."""
        orders, lines = crm.orders, crm.lines
        single = np.flatnonzero(np.diff(orders.first_line) == 1)
        candidates = np.intersect1d(single, np.flatnonzero(orders.counted & (orders.deal < 0)))
        wanted = min(len(candidates) // 2, max(1, round(len(orders.at) * self._share / 100)))
        if wanted <= 0:
            return crm
        chosen = np.sort(self._rng.choice(candidates, wanted, replace=False))
        at_line = orders.first_line[chosen]
        price, discount, sub_total = (
            values.copy() for values in (lines.price, lines.discount, orders.sub_total)
        )
        price[at_line] *= _GIANT
        discount[at_line] *= _GIANT
        sub_total[chosen] *= _GIANT
        changed = replace(orders, sub_total=sub_total)
        amounts = [f"{value / 100:.2f}" for value in changed.total(chosen).tolist()]
        self._list("ENT-040", "orders", "grand_total", (chosen, amounts))
        return replace(crm, orders=changed, lines=replace(lines, price=price, discount=discount))

    # Values.

    def _names(self, rows: Ints) -> list[str]:
        names: list[str] = self._crm.customers.names.take(rows).to_pylist()
        return names

    def _bad_names(self, rows: Ints) -> Sequence[Value]:
        names = self._names(rows)
        odd = [*_PLACEHOLDERS, None, None, None]
        marks = (" {}", "{}\u3000", "{}😀")
        return [
            odd[i % len(odd)] or marks[i % len(marks)].format(name) for i, name in enumerate(names)
        ]

    def _shared_phones(self, rows: Ints) -> Sequence[Value]:
        """One number for the i-th record of each half."""
        half = max(len(rows) // 2, 1)
        people = len(self._world.parties) * 20 + rows[:half]
        phones = mobiles(people, np.full(half, NONE)).to_pylist()
        return [phones[i % half] for i in range(len(rows))]

    def _bare_names(self, rows: Ints) -> Sequence[Value]:
        bare = []
        for name in self._names(rows):
            form = max((f for f in words.LEGAL_FORMS if name.endswith(f)), key=len, default="")
            bare.append(name.removesuffix(form))
        return bare

    def _bad_codes(self, rows: Ints) -> Sequence[Value]:
        party = self._crm.customers.party[rows]
        codes = credit_codes(party, self._world.parties.city[party]).to_pylist()
        return [
            code[:-1] + ("0" if code[-1] != "0" else "1") if i % 3 else code[:17]
            for i, code in enumerate(codes)
        ]

    def _other_provinces(self, rows: Ints) -> Sequence[Value]:
        places = words.CITIES
        cities = self._world.parties.city[self._crm.customers.party[rows]].tolist()
        return [
            next(
                other.province
                for other in (*places[city + 1 :], *places)
                if other.province != places[city].province
            )
            for city in cities
        ]

    def _bad_birthdays(self) -> Sequence[Value]:
        return [(date(1850, 6, 1) - date(1970, 1, 1)).days, self._world.last_day + 400]

    def _past_follow_ups(self, rows: Ints) -> Sequence[Value]:
        past = self._world.first_night - 15
        value = past if self._is_zoho else past * DAY + 36_000
        return [None if i % 2 else value for i in range(len(rows))]

    def _early_close_days(self, rows: Ints) -> Sequence[Value]:
        days: list[Value] = (self._crm.deals.created[rows] // DAY - 30).tolist()
        return days

    def _wrong_amounts(self, rows: Ints) -> Sequence[Value]:
        orders = self._crm.orders
        right = orders.tax(rows) if self._is_zoho else orders.sub_total[rows]
        return [f"{(value + 8800) / 100:.2f}" for value in right.tolist()]

    def _unknown_ids(self, kind: str) -> Make:
        ids = (zoho if self._is_zoho else fxiaoke).record_ids

        def make(rows: Ints) -> Sequence[Value]:
            values: list[Value] = ids(kind, rows % 997 + 9_000_000).to_pylist()
            return values

        return make


def _as_days(field: str, value: int) -> int:
    return value // DAY if field.endswith("_at") and abs(value) > 10**6 else value
