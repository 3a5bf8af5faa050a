"""Feeds beside the CRMs: what customers do on the web, by mail, on the phone and in stores.

What belongs here: the events and their files, with the contract's own column names.
What does not: CRM records.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.demo import fxiaoke, zoho
from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import (
    DAY,
    NONE,
    RENDER_ROWS,
    Bools,
    Column,
    Ints,
    Strings,
    chunks,
    csv_header,
    csv_lines,
    dates,
    epoch_day,
    integers,
    join,
    json_lines,
    json_piece,
    padded,
    plain,
    take,
    where,
)
from dagster_project.demo.dirt import Dirt
from dagster_project.demo.people import emails, mobiles
from dagster_project.demo.snapshot import delivery_days
from dagster_project.demo.world import LEFT_OWNER, OWNERS_PER_CRM, World, stream, usd_rates

FileForm = Literal["csv", "jsonl", "parquet"]
KNOWN_BY_RECORD: Final = 13
KNOWN_AT_ALL: Final = 19
_KNOWLEDGE: Final = 20
ASKED_DAYS: Final = 95
_TALKS: Final = ("call_logs", "store_visits", "web_sessions")
_WEB_EVENTS: Final = ("visit", "visit", "form_submit", "visit", "add_to_cart")
_KINDS: Final[dict[str, tuple[FileForm, float]]] = {
    # File form, and mean number of events per customer over the history.
    "web_sessions": ("parquet", 2.0),
    "email_events": ("jsonl", 1.5),
    "call_logs": ("csv", 0.5),
    "surveys": ("csv", 0.4),
    "reviews": ("jsonl", 0.2),
    "complaints": ("csv", 0.05),
    "store_visits": ("csv", 0.3),
}


@dataclass(frozen=True)
class Events:
    """One kind of event by time; a customer record of one of the CRMs did it."""

    kind: str
    in_zoho: Bools
    customer: Ints
    at: Ints
    closed: Ints
    topic: Ints

    def kept(self, keep: Bools | Ints) -> "Events":
        """Pick rows."""
        arrays = {n: v[keep] for n, v in vars(self).items() if n != "kind"}
        return Events(kind=self.kind, **arrays)

    def with_rows(self, more: "Events") -> "Events":
        """Put more rows in, by time."""
        pairs = ((n, v, vars(more)[n]) for n, v in vars(self).items() if n != "kind")
        both = {name: np.concatenate([here, there]) for name, here, there in pairs}
        order = np.lexsort((both["in_zoho"], both["customer"], both["at"]))
        return Events(kind=self.kind, **{name: v[order] for name, v in both.items()})


def draw_feeds(world: World, *, activities_per_customer: float) -> tuple[Events, ...]:
    """All events of the history, per kind."""
    if activities_per_customer <= 0:
        return ()
    drawn: list[Events] = []
    for kind, (_, mean) in _KINDS.items():
        rng = stream(world.seed, kind)
        sides, rows, since = [], [], []
        for crm in world.crms:
            own = crm.customers.merged_into < 0
            mine = np.repeat(np.arange(len(own)), np.where(own, rng.poisson(mean, len(own)), 0))
            rows.append(mine)
            since.append(crm.customers.created[mine])
            sides.append(np.full(len(mine), crm.name == "zoho"))
        customer, start = np.concatenate(rows), np.concatenate(since)
        horizon = (world.last_day + 1) * DAY
        at = start + (rng.random(len(customer)) * (horizon - start)).astype(np.int64)
        order = np.lexsort((customer, at))
        events = Events(
            kind=kind,
            in_zoho=np.concatenate(sides)[order],
            customer=customer[order],
            at=at[order],
            closed=at[order] + (rng.uniform(0.05, 1.9, len(order)) * DAY).astype(np.int64),
            topic=rng.integers(0, 2**16, len(order)),
        )
        if kind == "surveys":
            events = _with_answers(world, events, rng)
        drawn.append(_seldom(world, events))
    return tuple(drawn)


def _with_answers(world: World, events: Events, rng: np.random.Generator) -> Events:
    """Ask after every delivery of the last months: it is answered within 30 days."""
    delivered = delivery_days(world.fxiaoke, np.arange(len(world.fxiaoke.orders.at)))
    order = np.flatnonzero(delivered >= world.first_night - ASKED_DAYS)
    at = delivered[order] * DAY + (rng.uniform(2, 25, len(order)) * DAY).astype(np.int64)
    topic = rng.integers(0, 2**16, len(order))
    keep = at < (world.last_day + 1) * DAY
    topic = topic // _KNOWLEDGE * _KNOWLEDGE + topic % KNOWN_BY_RECORD
    added = Events(
        kind=events.kind,
        in_zoho=np.zeros(int(keep.sum()), dtype=np.bool_),
        customer=world.fxiaoke.orders.customer[order][keep],
        at=at[keep],
        closed=at[keep],
        topic=topic[keep],
    )
    return events.with_rows(added)


def _seldom(world: World, events: Events) -> Events:
    """Leave out most talks outside the CRM: the need is written down in it after every other one.

    A customer has one such call, visit and form at most, and one of them only in the last weeks.
    """
    forms = events.kind == "web_sessions"
    if events.kind not in _TALKS:
        return events
    sent = _is_form(events.topic) if forms else np.ones(len(events.at), dtype=np.bool_)
    zoho_row = np.where(events.in_zoho, events.customer, 0)
    other_row = np.where(events.in_zoho, 0, events.customer)
    party = np.where(
        events.in_zoho,
        world.zoho.customers.party[zoho_row],
        world.fxiaoke.customers.party[other_row],
    )
    _, first = np.unique(np.where(sent, party, -1 - np.arange(len(party))), return_index=True)
    once = np.zeros(len(party), dtype=np.bool_)
    once[first] = True
    since = np.where(
        events.in_zoho,
        world.zoho.customers.created[zoho_row],
        world.fxiaoke.customers.created[other_row],
    )
    late = events.at >= (world.first_night - 14) * DAY
    once &= ~late | (party % len(_TALKS) == _TALKS.index(events.kind))
    once &= events.at >= since + 12 * DAY
    if forms:
        # A form becomes a visit of the page.
        return replace(events, topic=np.where(sent & ~once, events.topic ^ 64, events.topic))
    return events.kept(once)


def write_feeds(
    folder: Path, world: World, events: tuple[Events, ...], *, day: int, first: bool, dirt: Dirt
) -> None:
    """One delta drop: what happened that day, or everything before on the first night."""
    since, until = (0 if first else day * DAY), (day + 1) * DAY
    for feed in events:
        happened = (feed.at >= since) & (feed.at < until)
        if feed.kind == "complaints":
            # A complaint is sent again when it is closed.
            happened |= (feed.closed >= since) & (feed.closed < until)
        rows = np.flatnonzero(happened)
        if not len(rows) and not first:
            continue
        form, _ = _KINDS[feed.kind]
        _write(folder, feed.kind, form, (world, feed, rows, day), dirt)
    # Reference lists are small and come anew each night, so that none counts as stale.
    _write_table(folder / "product_costs.csv", _product_costs())
    _write_table(folder / "holidays.csv", _holidays(world))
    rated = np.arange(world.first_day - 1 if first else day, day + 1, dtype=np.int64)
    _write_table(folder / "exchange_rates.csv", _exchange_rates(rated))


def _write(
    folder: Path, kind: str, form: FileForm, content: tuple[World, Events, Ints, int], dirt: Dirt
) -> None:
    world, feed, rows, day = content
    path = folder / f"{kind}.{form}"
    tables = []
    with path.open("wb") as file:
        written = dirt.rows_with_repeats("feeds", kind, rows)
        for number, part in enumerate(chunks(written, RENDER_ROWS)):
            columns = _columns(world, feed, part, day)
            columns = dirt.applied("feeds", kind, columns, rows=part, day=day)
            names = [column.field for column in columns]
            cells = [plain(column) for column in columns]
            if form == "parquet":
                tables.append(pa.table(dict(zip(names, cells, strict=True))))
            elif form == "jsonl":
                # Nulls are spelled out: a night of few events has all columns too.
                pairs = zip(names, cells, strict=True)
                pieces = [json_piece(n, cell).fill_null(f'"{n}":null') for n, cell in pairs]
                file.write(json_lines(pieces))
            else:
                file.write((b"" if number else csv_header(names)) + csv_lines(cells))
        if tables:
            pq.write_table(pa.concat_tables(tables), file, row_group_size=100_000)


def _write_table(path: Path, cells: dict[str, Strings]) -> None:
    path.write_bytes(csv_header(list(cells)) + csv_lines(list(cells.values())))


def record_ids(kind: str, rows: Ints) -> Strings:
    """web_sessions-00000001."""
    return join(f"{kind}-", padded(rows + 1, 9))


def record_pick(topic: Ints) -> Ints:
    """Draw how an event is assigned: below KNOWN_BY_RECORD by a record id."""
    return topic % _KNOWLEDGE


def _columns(world: World, feed: Events, rows: Ints, day: int) -> list[Column]:
    customer, in_zoho = feed.customer[rows], feed.in_zoho[rows]
    zoho_rows = np.where(in_zoho, customer, 0)
    fxiaoke_rows = np.where(in_zoho, 0, customer)
    party = np.where(
        in_zoho,
        world.zoho.customers.party[zoho_rows],
        world.fxiaoke.customers.party[fxiaoke_rows],
    )
    company = world.parties.company[party]
    ids = where(
        in_zoho,
        zoho.customer_ids(world.zoho, company, zoho_rows),
        fxiaoke.record_ids("accounts", fxiaoke_rows),
    )
    # Of twenty, thirteen carry a record id, six an e-mail only, and one nothing but a phone.
    topic, at = feed.topic[rows], feed.at[rows]
    by_record = record_pick(topic) < KNOWN_BY_RECORD
    by_contact = ~by_record & (record_pick(topic) < KNOWN_AT_ALL)
    email = where(by_contact, emails(party), None)
    phone = mobiles(party, world.parties.abroad[party])
    start = [
        Column(field="id", label="id", kind="id", values=record_ids(feed.kind, rows)),
        _text("crm_source", where(by_record, where(in_zoho, "zoho", "fxiaoke"), None)),
        Column(field="record_id", label="record_id", kind="id", values=where(by_record, ids, None)),
    ]
    return start + _EVENT_COLUMNS[feed.kind](
        _Event(topic=topic, at=at, closed=feed.closed[rows], day=day, email=email, phone=phone)
    )


@dataclass(frozen=True, kw_only=True)
class _Event:
    topic: Ints
    at: Ints
    closed: Ints
    day: int
    email: Strings
    phone: Strings


def _text(field: str, values: Strings) -> Column:
    return Column(field=field, label=field, values=values)


def _moment(field: str, values: Ints) -> Column:
    return Column(field=field, label=field, kind="datetime", values=values)


def _is_form(topic: Ints) -> Bools:
    is_form: Bools = np.equal(topic // 64 % len(_WEB_EVENTS), _WEB_EVENTS.index("form_submit"))
    return is_form


def _web_sessions(e: _Event) -> list[Column]:
    campaign = np.where(e.topic % 5 == 0, e.topic % len(words.CAMPAIGNS), NONE)
    page = e.topic // 8 % len(words.PAGES)
    event = take(_WEB_EVENTS, e.topic // 64 % len(_WEB_EVENTS))
    return [
        _text("email", e.email),
        _moment("started_at", e.at),
        _moment("ended_at", e.at + e.topic % 1200 + 5),
        _text("event", event),
        _text("page_views", integers(e.topic % 14 + 1)),
        _text("landing_page", take(words.PAGES, page)),
        _text("medium", take(words.MEDIUMS, e.topic // 16 % len(words.MEDIUMS))),
        _text("campaign_name", take(words.CAMPAIGNS, campaign)),
    ]


def _email_events(e: _Event) -> list[Column]:
    campaign = e.topic % len(words.CAMPAIGNS)
    kinds = ("sent", "delivered", "open", "click", "delivered", "open")
    return [
        _text("email", e.email),
        _text("campaign_name", take(words.CAMPAIGNS, campaign)),
        _text("event", take(kinds, e.topic // 16 % len(kinds))),
        _text("subject", take(words.CAMPAIGNS, campaign)),
        _moment("occurred_at", e.at),
    ]


def _call_logs(e: _Event) -> list[Column]:
    answered = e.topic % 4 > 0
    seconds = np.where(answered, e.topic % 600 + 20, 0)
    owners = words.OWNERS[:OWNERS_PER_CRM]
    return [
        _text("phone", e.phone),
        _text("direction", take(("outbound", "outbound", "inbound"), e.topic // 4 % 3)),
        _moment("started_at", e.at),
        _text("duration_seconds", integers(seconds)),
        _text("result", where(answered, "answered", "no_answer")),
        _text("owner_name", take([o.name for o in owners], e.topic // 16 % LEFT_OWNER)),
    ]


def _surveys(e: _Event) -> list[Column]:
    nps = e.topic % 2 == 0
    score = np.where(nps, np.maximum(10 - e.topic // 2 % 7, 0), 5 - e.topic // 2 % 9 // 2 * 1)
    return [
        _text("email", e.email),
        _text("survey_type", where(nps, "NPS", "CSAT")),
        _text("score", integers(np.maximum(score, 1))),
        _text("scale", where(nps, "10", "5")),
        _text("content", take([*words.NOTES[:4], None, None], e.topic // 16 % 6)),
        _moment("answered_at", e.at),
        _moment("created_at", e.at - 3600),
    ]


def _reviews(e: _Event) -> list[Column]:
    which = e.topic % len(words.REVIEWS)
    product = e.topic // 8 % len(words.PRODUCTS)
    return [
        _text("email", e.email),
        _text("score", take([str(stars) for stars, _ in words.REVIEWS], which)),
        _text("scale", take(["5"] * len(words.REVIEWS), which)),
        _text("product_name", take([p.name for p in words.PRODUCTS], product)),
        _text("content", take([text for _, text in words.REVIEWS], which)),
        _text("channel", take(("天猫", "官网", "App"), e.topic % 3)),
        _moment("answered_at", e.at),
    ]


def _complaints(e: _Event) -> list[Column]:
    over = e.closed < (e.day + 1) * DAY
    return [
        _text("phone", e.phone),
        _text("status", where(over, "closed", "open")),
        _text("reason", take(words.COMPLAINTS, e.topic % len(words.COMPLAINTS))),
        _text("content", take(words.NOTES, e.topic // 8 % len(words.NOTES))),
        _moment("created_at", e.at),
        _moment("closed_at", np.where(over, e.closed, NONE)),
        _moment("modified_at", np.where(over, e.closed, e.at)),
    ]


def _store_visits(e: _Event) -> list[Column]:
    return [
        _text("phone", e.phone),
        _text("purpose", take(("browse", "purchase", "service"), e.topic % 3)),
        _moment("started_at", e.at),
        _moment("ended_at", e.at + e.topic % 2400 + 300),
        _text("content", take(words.FOLLOW_UPS, e.topic // 8 % len(words.FOLLOW_UPS))),
    ]


_EVENT_COLUMNS: Final = {
    "web_sessions": _web_sessions,
    "email_events": _email_events,
    "call_logs": _call_logs,
    "surveys": _surveys,
    "reviews": _reviews,
    "complaints": _complaints,
    "store_visits": _store_visits,
}


def _product_costs() -> dict[str, Strings]:
    listed = words.PRODUCTS
    return {
        "id": pa.array([p.code for p in listed]),
        "product_code": pa.array([p.code for p in listed]),
        "name": pa.array([p.name for p in listed]),
        "category": pa.array([p.category for p in listed]),
        "unit": pa.array([p.unit for p in listed]),
        "unit_price": pa.array([f"{p.price:.2f}" for p in listed]),
        "unit_cost": pa.array([f"{p.cost:.2f}" for p in listed]),
        "currency": pa.array(["CNY"] * len(listed)),
    }


def _exchange_rates(days: Ints) -> dict[str, Strings]:
    return {
        "currency": pa.repeat("USD", len(days)),
        "base_currency": pa.repeat("CNY", len(days)),
        "rate_date": dates(days),
        "rate": zoho.rate_text(usd_rates(days)),
    }


def _holidays(world: World) -> dict[str, Strings]:
    start = date(1970, 1, 1)
    years = {(start + timedelta(days=d)).year for d in range(world.first_day, world.last_day + 366)}
    fixed = [(f"{year}-{day}", name) for year in sorted(years) for day, name in words.HOLIDAYS]
    lunar = [found for found in words.LUNAR_HOLIDAYS if int(found[0][:4]) in years]
    listed = sorted(fixed + lunar)
    days = np.array([epoch_day(date.fromisoformat(day)) for day, _ in listed], dtype=np.int64)
    return {
        "holiday_date": dates(days),
        "name": pa.array([name for _, name in listed]),
        "country": pa.array(["CN"] * len(listed)),
    }
