"""Which records are spoilt, and how: the defects of the data rules, planted and listed.

What belongs here: one entry per rule and kind of record. What does not: defects that are facts of
the world (mishaps), how files are written, or how the rules are evaluated.
"""

from dataclasses import replace
from datetime import date
from typing import Final

import numpy as np

from dagster_project.demo import fxiaoke
from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import DAY, NONE, Bools, Ints, Strings, epoch_day
from dagster_project.demo.dirt import Dirt, Value
from dagster_project.demo.feeds import Events
from dagster_project.demo.garden import Defect, Garden, Make, blank, cycle, numbered
from dagster_project.demo.mishaps import plant_facts, plant_feeds
from dagster_project.demo.people import credit_codes, landlines, mobiles
from dagster_project.demo.world import CALL, World

_BAD_PHONES: Final = ("138{:07d}", "12{:09d}", "00000{:06d}", "电话{:06d}")
_BAD_EMAILS: Final = ("user{}@", "User{}@QQ.COM", "user{}@@163.com", "a{}@mailinator.com")
_PLACEHOLDERS: Final = ("测试{}", "test{}")
_MARKED: Final = (" {}", "{}\u3000", "{}😀")
_BAD_AMOUNTS: Final = ("12,4OO", "一万二", "8500.123", "12.5.0")
_NO_SITES: Final = ("无网站", "http://")
_SIZES: Final = ("微型企业", "大型企业")
_SETTLED_DAYS: Final = 120
_NO_MICRO: Final = 50
_AGAIN_DAYS: Final = 60
_SEVERAL: Final = 3
_PEOPLE: Final = 500_000
"""Where the numbers of contacts start, so that they are not those of accounts."""


def plant(
    world: World, feeds: tuple[Events, ...], share: float
) -> tuple[World, tuple[Events, ...], Dirt]:
    """Spoil a share of the records of every kind; the world changes where a defect is a fact."""
    dirt = Dirt()
    if share <= 0:
        return world, feeds, dirt
    crms, gardens = [], []
    for crm in world.crms:
        garden = Garden(world, crm, share, dirt)
        crms.append(plant_facts(garden, feeds))
        gardens.append(garden)
    world = replace(world, zoho=crms[0], fxiaoke=crms[1])
    feeds = plant_feeds(world, (gardens[0], gardens[1]), feeds)
    for garden in gardens:
        plant_fields(garden)
    dirt.planted.sort(key=lambda p: (p.rule_id, p.source, p.kind, p.record_id, p.field))
    return world, feeds, dirt


def plant_fields(garden: Garden) -> None:
    """Spoil fields of records as they are written."""
    for kind, (rows, defects) in (
        ("accounts", _accounts(garden)),
        ("contacts", _contacts(garden)),
        ("leads", _leads(garden)),
        ("deals", _deals(garden)),
        ("orders", _orders(garden)),
        ("order_lines", _lines(garden)),
        (garden.calls, _activities(garden)),
    ):
        garden.spread(kind, rows, defects)


def _accounts(garden: Garden) -> tuple[Ints, list[Defect]]:
    crm, parties, last = garden.crm, garden.world.parties, garden.last
    table = crm.customers
    rows = last.customers
    company = parties.company[table.party[rows]]
    if garden.is_zoho:
        rows, company = rows[company], company[company]
    party = table.party[rows]
    domestic = parties.abroad[party] < 0
    own = table.merged_into[rows] < 0
    coded = rows[company & domestic & own]
    # The others have no credit code, and some no city: one more gap would make them poor.
    rich = domestic & own
    landline = rows[company & domestic]
    pooled = fxiaoke.is_pooled(party)
    old = rows[table.created[rows] < (garden.world.last_day - 300) * DAY]
    orders = last.order_count[rows]
    won = np.zeros(len(table.party), dtype=np.bool_)
    won[crm.deals.customer[crm.deals.outcome == 0]] = True
    never = rows[(orders == 0) & ~won[rows] & own]
    size = ("employees", "annual_revenue") if garden.is_zoho else ("employees", "company_size")
    place = ("province", "city")
    unlisted = "Unlisted" if garden.is_zoho else "未列明类"
    status, existing = ("account_type", "Customer") if garden.is_zoho else ("status", "已成交")
    poor = ("website", "credit_code", "source_channel", "industry", *place, *size)
    thin = ("ENT-002", "ENT-004", "ENT-005", "ENT-006", "ENT-011")
    defects = [
        Defect("ENT-001", ("name",), rows, blank),
        Defect("ENT-002", ("phone", "email"), rows[rich], blank),
        Defect("ENT-003", (garden.owner,), rows[rich & (~pooled | garden.is_zoho)], blank),
        Defect("ENT-004", ("source_channel",), rows[rich], blank),
        Defect("ENT-005", ("industry",), coded, blank),
        Defect("ENT-006", place, rows[rich], blank),
        Defect("ENT-011", size, coded, blank),
        Defect("ENT-013", ("phone", "email", *poor), coded, blank, also=thin),
        Defect("ENT-020", ("phone",), rows, numbered(_BAD_PHONES)),
        Defect("ENT-021", ("email",), rows, numbered(_BAD_EMAILS)),
        Defect("ENT-022", ("credit_code",), coded, lambda r: _bad_codes(garden, r)),
        Defect("ENT-023", ("name",), rows, lambda r: _marked_names(garden, r)),
        Defect("ENT-024", ("name",), rows[company], lambda r: _bare_names(garden, r)),
        Defect("ENT-027", ("industry",), rows[company], cycle([unlisted])),
        Defect("ENT-028", ("city",), rows[domestic], lambda r: _other_cities(garden, r)),
        Defect("ENT-029", ("website",), rows[company], cycle(_NO_SITES)),
        Defect("ENT-044", ("phone",), landline, lambda r: _far_phones(garden, r)),
        Defect("ENT-046", ("phone",), rows[domestic], lambda r: _shared_phones(garden, r)),
        Defect("ENT-051", (status,), never, cycle([existing])),
        Defect("UPD-009", (garden.owner,), rows[~pooled], cycle([garden.left_owner])),
        Defect("UPD-010", ("modified_at",), old, cycle([(garden.world.last_day - 250) * DAY])),
        Defect("STR-003", ("_repeated",), rows, blank, structural=True),
        Defect("STR-007", ("source_channel",), rows, cycle(["?? 渠道"]), structural=True),
    ]
    if not garden.is_zoho:
        alone = rows[~company]
        defects += [
            Defect("ENT-012", ("birth_date",), rows[~company & rich], blank),
            Defect("ENT-012", ("occupation",), rows[~company & rich], blank),
            Defect("ENT-027", ("level",), rows, cycle(["特级客户"])),
            Defect("ENT-042", ("birth_date",), alone, cycle(_bad_birthdays(garden))),
            Defect(
                "ENT-045",
                ("company_size",),
                rows[company],
                lambda r: _wrong_sizes(garden, r),
                least=2,
            ),
        ]
    return rows, defects


def _contacts(garden: Garden) -> tuple[Ints, list[Defect]]:
    crm, rows = garden.crm, garden.last.contacts
    customer = crm.contacts.customer[rows]
    company = garden.world.parties.company[crm.customers.party[customer]]
    reach = ("mobile", "phone", "email") if garden.is_zoho else ("mobile", "email")
    name = ("full_name", "last_name", "first_name") if garden.is_zoho else ("full_name",)
    quiet = rows[company & ~_has_open_deal(garden)[customer]]
    defects = [
        Defect("ENT-001", name, rows, blank),
        Defect("ENT-002", reach, rows, blank),
        Defect("ENT-020", ("mobile",), rows, numbered(_BAD_PHONES, _PEOPLE)),
        Defect("ENT-021", ("email",), rows, numbered(_BAD_EMAILS, _PEOPLE)),
        Defect("ENT-023", ("full_name",), rows, numbered(_PLACEHOLDERS)),
        Defect("ENT-030", ("full_name",), rows, lambda r: _addressed(crm.contacts.names, r)),
        Defect("ENT-042", ("birth_date",), rows, cycle(_bad_birthdays(garden))),
        Defect("STR-008", ("account_id",), quiet, garden.unknown_ids("accounts"), structural=True),
    ]
    if garden.is_zoho:
        defects += [
            Defect("ENT-012", ("occupation",), rows[~company], blank),
            Defect("ENT-012", ("birth_date",), rows[~company], blank),
            Defect("ENT-025", ("birth_date",), rows[company], cycle(["1985-02-30"]), least=2),
        ]
    else:
        defects.append(Defect("ENT-027", ("gender",), rows, cycle(["其他性别"])))
    return rows, defects


def _leads(garden: Garden) -> tuple[Ints, list[Defect]]:
    table, rows = garden.crm.leads, garden.last.leads
    over = garden.last.before(table.closed[rows])
    still_open = rows[~over]
    converted = table.customer[rows]
    party = garden.crm.customers.party[np.maximum(converted, 0)]
    domestic = (converted < 0) | (garden.world.parties.abroad[party] < 0)
    zoho_name = ("last_name", "first_name") if garden.is_zoho else ()
    name = ("full_name", "company", *zoho_name)
    again, make = _again(garden, rows)
    return rows, [
        Defect("ENT-047", ("mobile",), again, make),
        Defect("ENT-001", name, rows, blank),
        Defect("ENT-002", ("mobile", "email"), rows, blank),
        Defect("ENT-003", (garden.owner,), rows, blank),
        Defect("ENT-004", ("source_channel",), rows, blank),
        Defect("ENT-006", ("province", "city"), rows[domestic], blank),
        Defect("ENT-007", ("intended_product",), still_open, blank),
        Defect("ENT-020", ("mobile",), rows, numbered(_BAD_PHONES)),
        Defect("ENT-021", ("email",), rows, numbered(_BAD_EMAILS)),
        Defect("ENT-023", ("full_name",), rows, numbered(_PLACEHOLDERS)),
        Defect("ENT-028", ("city",), rows[domestic], lambda r: _other_lead_cities(garden, r)),
        Defect("ENT-030", ("full_name",), rows, lambda r: _addressed(table.names, r)),
        Defect("ENT-048", ("converted_deal_id",), rows[over & (converted >= 0)], blank),
        Defect("STR-007", ("status",), still_open, cycle(["?? 状态"]), structural=True),
        Defect("UPD-008", ("next_follow_at",), still_open, lambda r: _past_follow_ups(garden, r)),
        Defect("UPD-009", (garden.owner,), still_open, cycle([garden.left_owner])),
    ]


def _deals(garden: Garden) -> tuple[Ints, list[Defect]]:
    table, rows = garden.crm.deals, garden.last.deals
    stage, closed = garden.last.deal_stage(rows)
    lost = rows[closed & (table.outcome[rows] > 0)]
    won = rows[closed & (table.outcome[rows] == 0)]
    still_open = rows[~closed]
    negotiating = rows[~closed & (stage == table.entered.shape[1] - 1)]
    yesterday = still_open[table.created[still_open] < garden.world.last_day * DAY]
    party = garden.crm.customers.party[table.customer[lost]]
    linked = lost[garden.world.parties.company[party] | (not garden.is_zoho)]
    unknown = garden.unknown_ids("accounts")
    defects = [
        Defect("ENT-003", (garden.owner,), rows, blank),
        Defect("ENT-007", ("product_name",), still_open, blank),
        Defect("ENT-008", ("amount",), np.concatenate([negotiating, won]), blank),
        Defect("ENT-009", ("loss_reason",), lost, blank),
        Defect("ENT-026", ("amount",), lost, cycle(_BAD_AMOUNTS)),
        Defect("ENT-040", ("amount",), lost, cycle(["98765432.00"])),
        Defect("ENT-042", ("close_date",), rows[closed], lambda r: _early_close_days(garden, r)),
        Defect("ENT-043", ("probability",), won, cycle(["50"])),
        Defect("STR-007", ("stage",), still_open, cycle(["?? 阶段"]), structural=True),
        Defect("STR-008", ("account_id",), linked, unknown, structural=True),
        Defect("UPD-003", ("close_date",), yesterday, lambda r: _first_days(garden, r)),
        Defect("UPD-008", ("next_follow_at",), still_open, lambda r: _past_follow_ups(garden, r)),
        Defect("UPD-009", (garden.owner,), still_open, cycle([garden.left_owner])),
    ]
    if garden.world.first_night < garden.world.last_day:
        done = lost[table.closed[lost] < garden.world.first_night * DAY]

        def more(chosen: Ints) -> list[Value]:
            return [f"{value * 112 // 10_000}.00" for value in table.amount[chosen].tolist()]

        since = garden.world.last_day
        defects.append(Defect("UPD-016", ("amount",), done, more, since_day=since))
    return rows, defects


def _orders(garden: Garden) -> tuple[Ints, list[Defect]]:
    crm, table, last = garden.crm, garden.crm.orders, garden.last
    rows = last.orders
    counted = table.counted[rows]
    customer = last.winner[table.customer[rows]]
    company = garden.world.parties.company[crm.customers.party[customer]] | (not garden.is_zoho)
    # The loss of one of several old orders changes no other fact of its customer.
    old = table.at[rows] < (garden.world.first_night - _SETTLED_DAYS) * DAY
    spare = counted & (last.order_count[customer] >= _SEVERAL) & (table.deal[rows] < 0)
    spare &= last.last_order[customer] != table.at[rows]
    linked = rows[company & spare & old]
    spoilt = "tax" if garden.is_zoho else "sub_total"
    untaxed = rows[counted & (table.tax(rows) == 0)]
    unreadable = cycle([_BAD_AMOUNTS[0], _BAD_AMOUNTS[1]])
    later = cycle([garden.world.last_day + 40])
    unknown = garden.unknown_ids("accounts")
    return rows, [
        Defect("ENT-026", (spoilt,), untaxed, unreadable),
        Defect("ENT-041", (spoilt,), rows[counted], lambda r: _wrong_amounts(garden, r)),
        Defect("ENT-042", ("order_date",), rows[spare & old], later),
        Defect("STR-003", ("_repeated",), rows[counted], blank, structural=True),
        Defect("STR-008", ("account_id",), linked, unknown, structural=True),
    ]


def _lines(garden: Garden) -> tuple[Ints, list[Defect]]:
    table, orders = garden.crm.lines, garden.crm.orders
    # The lines of drafts are left alone: a void order is not judged.
    rows = np.arange(orders.first_line[len(garden.last.orders)])
    order = orders.of_lines(rows)
    rows, order = rows[orders.counted[order]], order[orders.counted[order]]
    single = rows[(orders.first_line[order + 1] - orders.first_line[order]) == 1]

    def one_more(chosen: Ints) -> list[Value]:
        return [str(value) for value in (table.quantity[chosen] + 1).tolist()]

    unknown = garden.unknown_ids("orders")
    return rows, [
        Defect("ENT-014", ("quantity",), rows, blank),
        Defect("ENT-026", ("list_price",), rows, cycle(_BAD_AMOUNTS[:2])),
        Defect("ENT-041", ("quantity",), rows, one_more),
        Defect("STR-008", ("order_id",), single, unknown, structural=True),
    ]


def _activities(garden: Garden) -> tuple[Ints, list[Defect]]:
    table = garden.planted_crm.activities
    rows = np.flatnonzero(garden.last.before(table.at))
    if garden.is_zoho:
        rows = rows[table.kind[rows] == CALL]
    # Old ones with customers only: the loss of a recent call would make a revisit overdue.
    since = (garden.world.first_night - 190) * DAY
    old = rows[(table.at[rows] < since) & (table.customer[rows] >= 0)]
    defects = [Defect("STR-003", ("id",), old, blank, structural=True)]
    if not garden.is_zoho:
        defects.append(Defect("ENT-027", ("manner",), old, cycle(["传真"])))
    return rows, defects


def _has_open_deal(garden: Garden) -> Bools:
    deals = garden.last.deals
    _, closed = garden.last.deal_stage(deals)
    has = np.zeros(len(garden.crm.customers.party), dtype=np.bool_)
    has[garden.crm.deals.customer[deals[~closed]]] = True
    return has


def _names(garden: Garden, rows: Ints) -> list[str]:
    names: list[str] = garden.crm.customers.names.take(rows).to_pylist()
    return names


def _marked_names(garden: Garden, rows: Ints) -> list[Value]:
    return [_MARKED[i % len(_MARKED)].format(n) for i, n in enumerate(_names(garden, rows))]


def _bare_names(garden: Garden, rows: Ints) -> list[Value]:
    forms = sorted((*words.LEGAL_FORMS, *words.ENGLISH_FORMS), key=len, reverse=True)
    return [
        name.removesuffix(next(form for form in forms if name.endswith(form))).rstrip()
        for name in _names(garden, rows)
    ]


def _addressed(names: Strings, rows: Ints) -> list[Value]:
    people: list[str] = names.take(rows).to_pylist()
    return [f"{name}{'先生' if i % 2 else '经理'}" for i, name in enumerate(people)]


def _shared_phones(garden: Garden, rows: Ints) -> list[Value]:
    """One number for the i-th record of each half."""
    half = max(len(rows) // 2, 1)
    people = len(garden.world.parties) * 20 + rows[:half]
    phones = mobiles(people, np.full(half, NONE)).to_pylist()
    return [phones[i % half] for i in range(len(rows))]


def _far_phones(garden: Garden, rows: Ints) -> list[Value]:
    """Landlines of a city in another province."""
    city = garden.world.parties.city[garden.crm.customers.party[rows]]
    people = len(garden.world.parties) * 22 + rows
    phones: list[Value] = landlines(people, _elsewhere(city)).to_pylist()
    return phones


def _elsewhere(city: Ints) -> Ints:
    """Find the next city in another province."""
    places = words.CITIES
    count = len(places)
    other = [
        next(j % count for j in range(i, i + count) if places[j % count].province != here.province)
        for i, here in enumerate(places)
    ]
    return np.array(other, dtype=np.int64)[city]


def _other_cities(garden: Garden, rows: Ints) -> list[Value]:
    city = garden.world.parties.city[garden.crm.customers.party[rows]]
    return [words.CITIES[i].city for i in _elsewhere(city).tolist()]


def _other_lead_cities(garden: Garden, rows: Ints) -> list[Value]:
    return [words.CITIES[i].city for i in _elsewhere(garden.crm.leads.city[rows]).tolist()]


def _bad_codes(garden: Garden, rows: Ints) -> list[Value]:
    party = garden.crm.customers.party[rows]
    codes = credit_codes(party, garden.world.parties.city[party]).to_pylist()
    return [
        code[:-1] + ("0" if code[-1] != "0" else "1") if i % 3 else code[:17]
        for i, code in enumerate(codes)
    ]


def _wrong_sizes(garden: Garden, rows: Ints) -> list[Value]:
    """State a class that no threshold gives to so many people."""
    people = garden.world.parties.employees[garden.crm.customers.party[rows]]
    return [_SIZES[0] if count >= _NO_MICRO else _SIZES[1] for count in people.tolist()]


def _bad_birthdays(garden: Garden) -> list[Value]:
    return [epoch_day(date(1850, 6, 1)), garden.world.last_day + 400]


def _past_follow_ups(garden: Garden, rows: Ints) -> list[Value]:
    past = garden.world.first_night - 15
    value = past if garden.is_zoho else past * DAY + 36_000
    return [None if i % 2 else value for i in range(len(rows))]


def _early_close_days(garden: Garden, rows: Ints) -> list[Value]:
    days: list[Value] = (garden.crm.deals.created[rows] // DAY - 30).tolist()
    return days


def _first_days(garden: Garden, rows: Ints) -> list[Value]:
    days: list[Value] = (garden.crm.deals.created[rows] // DAY).tolist()
    return days


def _wrong_amounts(garden: Garden, rows: Ints) -> list[Value]:
    orders = garden.crm.orders
    right = orders.tax(rows) if garden.is_zoho else orders.sub_total[rows]
    return [f"{(value + 8800) / 100:.2f}" for value in right.tolist()]


def _again(garden: Garden, rows: Ints) -> tuple[Ints, Make]:
    """Leads that can bear the number of an earlier one, and that number."""
    table = garden.crm.leads
    # Every other one stays what it is, so that there is a number to bear.
    earlier, later = rows[0::2], rows[1::2]
    earlier = earlier[: len(later)]
    near = table.created[later] - table.created[earlier] < _AGAIN_DAYS * DAY
    near &= (table.customer[earlier] < 0) & (table.customer[later] < 0)
    near &= garden.is_free("leads", earlier)
    partner = np.full(len(table.created), NONE)
    partner[later[near]] = earlier[near]

    def make(chosen: Ints) -> list[Value]:
        garden.take("leads", partner[chosen])
        person = table.person[partner[chosen]]
        numbers: list[Value] = mobiles(person, np.full(len(chosen), NONE)).to_pylist()
        return numbers

    return later[near], make
