"""Defects that are facts of the world: what was not done, done too late, or went wrong.

What belongs here: changes of the world's tables and feeds, each listed under the rules it breaks.
What does not: fields that are merely spoilt (planting).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from dagster_project.demo import fxiaoke, zoho
from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import DAY, NEVER, NONE, Bools, Defects, Ints, Strings
from dagster_project.demo.feeds import KNOWN_BY_RECORD, Events, record_pick
from dagster_project.demo.garden import Garden, list_feed
from dagster_project.demo.people import emails, mobiles
from dagster_project.demo.snapshot import delivery_days
from dagster_project.demo.world import CALL, PAR, TASK, Activities, Crm, World, account_numbers

SILENT_DAYS: Final = 130
_TALK_DAYS: Final = 135
_CALLED_DAYS: Final = 20
_SLOW_DAYS: Final = 190
_FORGOTTEN_DAYS: Final = (45, 120)
_MANY: Final = 20
_SOLD: Final = 30
_LATE_DAYS: Final = (4, 20)
_ASKED_AGO: Final = ((28, 92), (33, 88))
_ONE_TIER: Final = 16
_NEED_CONTACTS: Final = 3
_OPEN_DAYS: Final = (4, 60)
_BOUNCE_DAYS: Final = 400
_NO_TAG: Final = 3


def plant_facts(garden: Garden, feeds: tuple[Events, ...]) -> Crm:
    """Change what happened in one CRM."""
    crm = garden.crm
    for change in (_inflate_prices, _unsign_deals, _slow_deals, _leave_cases_open):
        crm = change(garden, crm)
    if len(crm.activities.at):
        crm = _silence_customers(garden, crm, _busy(garden, feeds))
        crm = _forget_leads(garden, crm)
        crm = _delay_leads(garden, crm)
        crm = _ignore_results(garden, crm)
        crm = _lose_needs(garden, crm, _busy(garden, feeds))
    _keep_status(garden)
    _hide_roles(garden)
    garden.planted_crm = crm
    return crm


def _overlapping(garden: Garden, customers: Ints) -> Bools:
    """Tell whose party is a customer of the other CRM too."""
    parties = garden.world.parties
    both: Bools = (parties.in_zoho & parties.in_fxiaoke)[garden.crm.customers.party[customers]]
    return both


def _native(garden: Garden, customers: Ints) -> list[str]:
    """Ids that customers are known by."""
    if not garden.is_zoho:
        ids: list[str] = fxiaoke.record_ids("accounts", customers).to_pylist()
        return ids
    company = garden.world.parties.company[garden.crm.customers.party[customers]]
    mixed: list[str] = zoho.customer_ids(garden.crm, company, customers).to_pylist()
    return mixed


def _companies(garden: Garden) -> Ints:
    """Find the customers that are accounts and were never two."""
    rows = garden.last.customers
    table = garden.crm.customers
    if garden.is_zoho:
        rows = rows[garden.world.parties.company[table.party[rows]]]
    losers = np.unique(table.merged_into[table.merged_into >= 0])
    return rows[(table.merged_into[rows] < 0) & ~np.isin(rows, losers)]


def _busy(garden: Garden, feeds: tuple[Events, ...]) -> Bools:
    """Tell who did something outside the CRM lately, or complained."""
    since = (garden.world.last_day - SILENT_DAYS - 15) * DAY
    busy = np.zeros(len(garden.crm.customers.party), dtype=np.bool_)
    for feed in feeds:
        mine = (feed.in_zoho == garden.is_zoho) & (feed.at >= since)
        busy[feed.customer[mine]] = True
    cases = garden.crm.cases
    busy[cases.customer[cases.at >= since]] = True
    return busy


def _silence_customers(garden: Garden, crm: Crm, busy: Bools) -> Crm:
    """UPD-005: customers nobody has spoken to for months; UPD-015: nor tried to."""
    rows = _companies(garden)
    last_day, table = garden.world.last_day, crm.activities
    since = (last_day - SILENT_DAYS) * DAY
    last_order = garden.last.last_order[rows]
    first_days = crm.customers.created[rows] < (last_day - _TALK_DAYS - 30) * DAY
    rows = rows[(last_order >= 0) & (last_order < since) & first_days]
    rows = rows[~busy[rows] & ~_overlapping(garden, rows)]
    wanted = garden.few(len(garden.last.customers), _ONE_TIER)
    silent = garden.choose("accounts", rows, wanted * 2)
    if not len(silent):
        return crm
    tried, untried = silent[0::2], silent[1::2]
    is_silent = np.zeros(len(busy), dtype=np.bool_)
    is_silent[silent] = True

    def gone(kept: Activities) -> Activities:
        with_them = (kept.customer >= 0) & is_silent[np.maximum(kept.customer, 0)]
        return kept.kept(~(with_them & (kept.at >= since)))

    talked = _calls(silent, (last_day - _TALK_DAYS) * DAY + 10 * 3600, seconds=300)
    attempted = _calls(tried, (last_day - _CALLED_DAYS) * DAY + 11 * 3600, seconds=0)
    activities = gone(table).with_rows(talked).with_rows(attempted)
    for rule_id, customers in (("UPD-005", silent), ("UPD-015", untried)):
        ids = _native(garden, customers)
        none = [None] * len(ids)
        garden.list_ids(rule_id, "accounts", "last_followed_at", ids, none, entity="customers")
    notes = gone(crm.notes)
    if garden.is_zoho:
        notes = notes.with_rows(replace(talked, at=talked.at + 600))
    return replace(crm, activities=activities, notes=notes)


def _calls(customers: Ints, at: int, *, seconds: int) -> Activities:
    count = len(customers)
    return Activities(
        customer=customers,
        lead=np.full(count, NONE),
        at=np.full(count, at),
        kind=np.full(count, CALL),
        seconds=np.full(count, seconds),
        topic=np.zeros(count, dtype=np.int64),
    )


def _inflate_prices(garden: Garden, crm: Crm) -> Crm:
    """ENT-040: one piece at the price of many; the sum stays, and everything adds up."""
    orders, lines = crm.orders, crm.lines
    if not len(lines.product):
        return crm
    single = np.flatnonzero(np.diff(orders.first_line) == 1)
    many = lines.quantity[orders.first_line[single]] >= _MANY
    fit = single[many & orders.counted[single] & (orders.rate[single] == PAR)]
    fit = fit[orders.at[fit] < (garden.world.last_day + 1) * DAY]
    # A price is odd only beside many others of its product.
    sold = np.bincount(lines.product[: orders.first_line[len(garden.last.orders)]], minlength=128)
    fit = fit[sold[lines.product[orders.first_line[fit]]] >= _SOLD]
    chosen = garden.choose("orders", fit, garden.few(len(orders.at), 100, least=1))
    if not len(chosen):
        return crm
    at_line = orders.first_line[chosen]
    garden.take("order_lines", at_line)
    quantity, price, discount = (v.copy() for v in (lines.quantity, lines.price, lines.discount))
    price[at_line] = price[at_line] * quantity[at_line] - discount[at_line]
    quantity[at_line], discount[at_line] = 1, 0
    amounts = [f"{value / 100:.2f}" for value in orders.total(chosen).tolist()]
    garden.note("ENT-040", "orders", "grand_total", chosen, amounts)
    return replace(crm, lines=replace(lines, quantity=quantity, price=price, discount=discount))


def _unsign_deals(garden: Garden, crm: Crm) -> Crm:
    """ENT-049: won, with neither an order nor an amount."""
    rows = garden.last.deals
    _, closed = garden.last.deal_stage(rows)
    won = rows[closed & (crm.deals.outcome[rows] == 0)]
    chosen = garden.choose("deals", won, garden.few(len(won), 10, least=1))
    if not len(chosen):
        return crm
    deal = np.where(np.isin(crm.orders.deal, chosen), NONE, crm.orders.deal)
    zero = ["0.00"] * len(chosen)
    garden.write("deals", ("amount",), chosen, zero)
    garden.note("ENT-049", "deals", "amount", chosen, zero)
    return replace(crm, orders=replace(crm.orders, deal=deal))


def _slow_deals(garden: Garden, crm: Crm) -> Crm:
    """UPD-004: for months in the first stage."""
    deals, rows = crm.deals, garden.last.deals
    _, closed = garden.last.deal_stage(rows)
    since = (garden.world.last_day - _SLOW_DAYS) * DAY
    known = crm.customers.created[deals.customer[rows]] < since - DAY
    fit = rows[~closed & (deals.lead[rows] < 0) & known]
    chosen = garden.choose("deals", fit, garden.few(len(rows), 14, least=1))
    if not len(chosen):
        return crm
    created, entered, closes = deals.created.copy(), deals.entered.copy(), deals.closed.copy()
    created[chosen], closes[chosen] = since, NEVER
    entered[chosen] = NEVER
    entered[chosen, 0] = since
    close_day = deals.expected_close_day.copy()
    close_day[chosen] = garden.world.last_day + 30
    days: list[str | int | None] = [since // DAY] * len(chosen)
    garden.note("UPD-004", "deals", "stage", chosen, days, entity="open_deals")
    changed = replace(
        deals, created=created, entered=entered, closed=closes, expected_close_day=close_day
    )
    return replace(crm, deals=changed)


def _leave_cases_open(garden: Garden, crm: Crm) -> Crm:
    """UPD-014: complaints that nobody closes; 纷享 has no module for them."""
    cases = crm.cases
    day = cases.at // DAY
    last = garden.world.last_day
    fit = np.flatnonzero((day <= last - _OPEN_DAYS[0]) & (day >= last - _OPEN_DAYS[1]))
    if not garden.is_zoho:
        return crm
    chosen = garden.choose("cases", fit, garden.few(len(cases.at), 4, least=1))
    seconds = cases.seconds.copy()
    seconds[chosen] = NEVER // 4
    garden.note("UPD-014", "cases", "status", chosen, ["New"] * len(chosen))
    return replace(crm, cases=replace(cases, seconds=seconds))


def _forget_leads(garden: Garden, crm: Crm) -> Crm:
    """UPD-007: open, and touched in its first days only."""
    leads = crm.leads
    age = garden.world.last_day - leads.created // DAY
    fit = np.flatnonzero((age >= _FORGOTTEN_DAYS[0]) & (age <= _FORGOTTEN_DAYS[1]))
    fit = fit[leads.customer[fit] < 0]
    chosen = garden.choose("leads", fit, garden.few(len(leads.created), 16, least=1))
    if not len(chosen):
        return crm
    closed, qualified = leads.closed.copy(), leads.qualified.copy()
    closed[chosen] = qualified[chosen] = NEVER
    garden.note("UPD-007", "leads", "last_activity_at", chosen, [None] * len(chosen))
    table = crm.activities
    late = table.at >= leads.created[np.maximum(table.lead, 0)] + DAY
    kept = table.kept(~(np.isin(table.lead, chosen) & late))
    return replace(crm, activities=kept, leads=replace(leads, closed=closed, qualified=qualified))


def _delay_leads(garden: Garden, crm: Crm) -> Crm:
    """UPD-006: first spoken to days after they came."""
    leads = crm.leads
    age = garden.world.last_day - leads.created // DAY
    fit = np.flatnonzero(
        (age >= _LATE_DAYS[0]) & (age <= _LATE_DAYS[1]) & (leads.closed - leads.created > 5 * DAY)
    )
    chosen = garden.choose("leads", fit, garden.few(len(leads.created), 16, least=1))
    if not len(chosen):
        return crm
    late = leads.created + 3 * DAY
    is_late = np.zeros(len(late), dtype=np.bool_)
    is_late[chosen] = True
    table = crm.activities
    lead = np.maximum(table.lead, 0)
    first = (table.lead >= 0) & is_late[lead] & (table.at < late[lead])
    moved = replace(table, at=np.where(first, late[lead], table.at))
    moved = moved.kept(np.lexsort((moved.lead, moved.customer, moved.at)))
    garden.note("UPD-006", "leads", "last_activity_at", chosen, (late // DAY)[chosen].tolist())
    contacted = np.where(is_late, late, leads.contacted)
    qualified = np.where(is_late, np.maximum(leads.qualified, late), leads.qualified)
    changed = replace(leads, contacted=contacted, qualified=qualified)
    return replace(crm, activities=moved, leads=changed)


def _ignore_results(garden: Garden, crm: Crm) -> Crm:
    """UPD-002: a call showed interest, and the lead's status stayed. Two nights show it."""
    world, leads = garden.world, crm.leads
    if world.first_night == world.last_day:
        return crm
    at = (world.last_day - 1) * DAY + 15 * 3600
    day = at // DAY * DAY
    fit = (leads.contacted < day) & (leads.closed > day + 3 * DAY)
    fit &= (leads.qualified < day) | (leads.qualified >= day + 2 * DAY)
    chosen = garden.choose("leads", np.flatnonzero(fit), garden.few(len(leads.created), 16))
    if not len(chosen):
        return crm
    call = replace(_calls(chosen, at, seconds=240), customer=np.full(len(chosen), NONE))
    activities = crm.activities.with_rows(replace(call, lead=chosen))
    rows = np.flatnonzero((activities.at == at) & np.isin(activities.lead, chosen))
    result = "Interested" if garden.is_zoho else "有意向"
    kind, values = garden.calls, [result] * len(rows)
    changed = replace(crm, activities=activities)
    garden.write(kind, ("result",), rows, values)
    garden.take(kind, rows)
    garden.note("UPD-002", kind, "result", rows, values)
    return changed


def _lose_needs(garden: Garden, crm: Crm, busy: Bools) -> Crm:
    """UPD-011: spoken to again and again, and nobody wrote down what is needed."""
    rows = _companies(garden)
    table, customers = crm.activities, crm.customers
    two_way = (table.customer >= 0) & (table.seconds > 0)
    if garden.is_zoho:
        two_way &= table.kind != TASK
    else:
        manner = np.array([m in {"电话", "拜访"} for m in words.MANNERS])
        two_way &= manner[table.topic % len(words.MANNERS)]
    two_way &= table.at < (garden.world.last_day + 1) * DAY
    days = np.unique(np.stack([table.customer[two_way], table.at[two_way] // DAY]), axis=1)
    talks = np.bincount(days[0], minlength=len(customers.party))
    rows = rows[(talks[rows] >= _NEED_CONTACTS) & ~busy[rows] & ~_overlapping(garden, rows)]
    # Neither a tag nor a product of a lead or deal says what they need.
    asked = np.zeros(len(customers.party), dtype=np.bool_)
    asked[crm.deals.customer] = True
    asked[crm.leads.customer[crm.leads.customer >= 0]] = True
    rows = rows[~asked[rows] & (customers.party[rows] % 4 == _NO_TAG)]
    chosen = garden.choose("accounts", rows, garden.few(len(garden.last.customers), 16))
    if not len(chosen):
        return crm
    said = np.flatnonzero(np.isin(table.customer, chosen))
    plain: list[str | int | None] = ["电话沟通"] * len(said)
    garden.take(garden.calls, said)
    kinds = (0, 1, 2) if garden.is_zoho else (None,)
    for kind in kinds:
        mine = said if kind is None else said[table.kind[said] == kind]
        name = garden.calls if kind is None else ("calls", "meetings", "tasks")[kind]
        if len(mine):
            garden.write(name, ("content",), mine, plain[: len(mine)])
    none = [None] * len(chosen)
    ids = _native(garden, chosen)
    garden.list_ids("UPD-011", "accounts", "description", ids, none, entity="customers")
    notes = crm.notes.kept(~np.isin(crm.notes.customer, chosen))
    return replace(crm, notes=notes)


def _keep_status(garden: Garden) -> None:
    """UPD-001, ENT-050: bought, and still called a prospect."""
    crm, last = garden.crm, garden.last
    rows = _companies(garden)
    orders = np.flatnonzero(crm.orders.counted & (crm.orders.at < garden.world.last_day * DAY))
    before = np.bincount(crm.orders.customer[orders], minlength=len(last.winner))
    fit = rows[(last.order_count[rows] == 1) & (before[rows] == 1)]
    fit = fit[~_overlapping(garden, fit)]
    chosen = garden.choose("accounts", fit, garden.few(len(rows), 16))
    if not len(chosen):
        return
    field, status = ("account_type", "Prospect") if garden.is_zoho else ("status", "未成交")
    garden.write("accounts", (field,), chosen, [status] * len(chosen))
    garden.note("UPD-001", "accounts", field, chosen, [status] * len(chosen))
    only = orders[np.isin(crm.orders.customer[orders], chosen)]
    garden.take("orders", only)
    garden.note("ENT-050", "orders", "account_id", only, _native(garden, crm.orders.customer[only]))


def _hide_roles(garden: Garden) -> None:
    """ENT-010: a deal is open, and nobody knows who decides."""
    crm, last = garden.crm, garden.last
    _, closed = last.deal_stage(last.deals)
    buyers = np.unique(crm.deals.customer[last.deals[~closed]])
    rows = np.intersect1d(_companies(garden), buyers)
    rows = rows[garden.world.parties.company[crm.customers.party[rows]]]
    chosen = garden.choose("accounts", rows, garden.few(len(last.customers), 16, least=1))
    contacts = np.flatnonzero(np.isin(crm.contacts.customer, chosen))
    none = [None] * len(contacts)
    garden.take("contacts", contacts)
    garden.write("contacts", ("title", "role"), contacts, none)
    garden.note("ENT-010", "accounts", "role", chosen, [None] * len(chosen))


# What went wrong outside the CRMs.


def plant_feeds(
    world: World, gardens: tuple[Garden, Garden], feeds: tuple[Events, ...]
) -> tuple[Events, ...]:
    """Change what the feeds tell."""
    changes: dict[str, Callable[[World, tuple[Garden, Garden], Events], Events]] = {
        "complaints": _leave_complaints_open,
        "surveys": _skip_surveys,
        "email_events": _bounce,
        "call_logs": _call_in_vain,
    }
    return tuple(
        changes[feed.kind](world, gardens, feed) if feed.kind in changes else feed for feed in feeds
    )


def _leave_complaints_open(world: World, gardens: tuple[Garden, Garden], feed: Events) -> Events:
    """UPD-014: complaints that nobody closes."""
    day = feed.at // DAY
    last = world.last_day
    fit = np.flatnonzero((day <= last - _OPEN_DAYS[0]) & (day >= last - _OPEN_DAYS[1]))
    garden = gardens[0]
    chosen = garden.choose("complaints", fit, garden.few(len(feed.at), 4, least=1))
    closed = feed.closed.copy()
    closed[chosen] = NEVER
    list_feed(garden.dirt, "UPD-014", ("complaints", "status", "open"), chosen)
    return replace(feed, closed=closed)


def _skip_surveys(world: World, gardens: tuple[Garden, Garden], feed: Events) -> Events:
    """UPD-013: delivered, and nobody was asked."""
    garden = gardens[1]
    crm, orders = garden.crm, garden.crm.orders
    delivered = delivery_days(crm, np.arange(len(orders.at)))
    ago = world.last_day - delivered
    # Who has a delivery near the ends of the time judged is left alone.
    judged, inner = _ASKED_AGO
    sold = np.flatnonzero((delivered >= 0) & (ago >= judged[0]) & (ago <= judged[1]))
    edge = (ago[sold] < inner[0]) | (ago[sold] > inner[1])
    buyers = np.setdiff1d(orders.customer[sold], orders.customer[sold[edge]])
    buyers = np.intersect1d(buyers, _companies(garden))
    buyers = buyers[~_overlapping(garden, buyers)]
    chosen = garden.choose("accounts", buyers, garden.few(len(garden.last.customers), 16))
    unasked = sold[np.isin(orders.customer[sold], chosen)]
    garden.take("orders", unasked)
    days: list[str | int | None] = delivered[unasked].tolist()
    garden.note("UPD-013", "orders", "delivery_date", unasked, days)
    theirs = ~feed.in_zoho & np.isin(feed.customer, chosen)
    return feed.kept(~(theirs & (feed.at >= (world.last_day - 100) * DAY)))


def _reached(garden: Garden, customers: Ints) -> tuple[Strings, Strings, Strings]:
    """Id, e-mail and mobile of the records that customers are: accounts, or people in Zoho."""
    crm, parties = garden.crm, garden.world.parties
    number = account_numbers(parties, crm.customers, customers)
    party = crm.customers.party[customers]
    return _native(garden, customers), emails(number), mobiles(party, parties.abroad[party])


def _without_lead(garden: Garden, customers: Ints) -> Bools:
    """Tell whose address no other record bears."""
    alone: Bools = (garden.crm.lead_of_customer[customers] < 0) & ~_overlapping(garden, customers)
    return alone


def _record_kinds(garden: Garden, customers: Ints) -> tuple[str, Ints]:
    """Where the records of customers are: the kind, and the row of each."""
    company = garden.world.parties.company[garden.crm.customers.party[customers]]
    if garden.is_zoho and not company.all():
        return "contacts", garden.crm.main_contact[customers]
    return "accounts", customers


def _bounce(world: World, gardens: tuple[Garden, Garden], feed: Events) -> Events:
    """UPD-012: mails come back, and the address stays."""
    recent = np.flatnonzero(record_pick(feed.topic) < KNOWN_BY_RECORD)
    recent = recent[feed.at[recent] >= (world.last_day - _BOUNCE_DAYS) * DAY]
    company = world.parties.company
    spoilt: list[tuple[int, str]] = []
    for garden in gardens:
        crm = garden.crm
        mine = recent[feed.in_zoho[recent] == garden.is_zoho]
        customers = feed.customer[mine]
        fit = _without_lead(garden, customers) & np.isin(customers, _plain(garden))
        for is_company in (True, False):
            some = mine[fit & (company[crm.customers.party[customers]] == is_company)]
            for row in _latest(garden, feed, some, 1):
                customer = feed.customer[[row]]
                _, mail, _ = _reached(garden, customer)
                kind, record = _record_kinds(garden, customer)
                spoilt.append((int(row), mail[0].as_py()))
                garden.take(kind, record)
                garden.note("UPD-012", kind, "email", record, mail.to_pylist())
    spoilt.sort()
    rows = np.array([row for row, _ in spoilt], dtype=np.int64)
    bounced = Defects(rows, ("bounced",) * len(rows))
    dirt = gardens[0].dirt
    dirt.replaced["feeds", feed.kind, "event"] = [bounced]
    mails = tuple(mail for _, mail in spoilt)
    dirt.replaced["feeds", feed.kind, "email"] = [Defects(rows, mails)]
    return feed


def _plain(garden: Garden) -> Ints:
    """Find the customers that were never two records."""
    table, rows = garden.crm.customers, garden.last.customers
    losers = np.unique(table.merged_into[table.merged_into >= 0])
    return rows[(table.merged_into[rows] < 0) & ~np.isin(rows, losers)]


def _latest(garden: Garden, feed: Events, rows: Ints, wanted: int) -> list[int]:
    """Take the latest rows whose customer's record is not spoilt yet."""
    chosen: list[int] = []
    for row in rows[::-1].tolist():
        kind, record = _record_kinds(garden, feed.customer[[row]])
        if len(chosen) < wanted and garden.is_free(kind, record).all():
            chosen.append(row)
    return chosen


def _call_in_vain(world: World, gardens: tuple[Garden, Garden], feed: Events) -> Events:
    """UPD-012: nobody has this number any more, and it stays."""
    recent = np.flatnonzero(record_pick(feed.topic) < KNOWN_BY_RECORD)
    recent = recent[feed.at[recent] >= (world.last_day - _BOUNCE_DAYS) * DAY]
    rows: list[int] = []
    for garden in gardens:
        crm = garden.crm
        mine = recent[feed.in_zoho[recent] == garden.is_zoho]
        customers = feed.customer[mine]
        alone = ~world.parties.company[crm.customers.party[customers]]
        fit = alone & _without_lead(garden, customers) & np.isin(customers, _plain(garden))
        for row in _latest(garden, feed, mine[fit], 1):
            customer = feed.customer[[row]]
            _, _, number = _reached(garden, customer)
            kind, record = _record_kinds(garden, customer)
            field = "mobile" if kind == "contacts" else "phone"
            garden.take(kind, record)
            garden.note("UPD-012", kind, field, record, number.to_pylist())
            rows.append(row)
    at = np.array(sorted(rows), dtype=np.int64)
    dirt = gardens[0].dirt
    dirt.replaced["feeds", feed.kind, "result"] = [Defects(at, ("invalid number",) * len(at))]
    dirt.replaced["feeds", feed.kind, "duration_seconds"] = [Defects(at, ("0",) * len(at))]
    return feed
