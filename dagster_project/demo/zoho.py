"""Zoho CRM data backup: Data_001.zip with one CSV per module and 100,000 rows, UI labels.

What belongs here: modules, labels, picklist spellings and ids of Zoho.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from dagster_project.demo import vocabulary as words
from dagster_project.demo.archives import BackupZips
from dagster_project.demo.columns import (
    DAY,
    NEVER,
    NONE,
    RENDER_ROWS,
    Bools,
    Column,
    Ints,
    Strings,
    chunks,
    csv_header,
    csv_lines,
    integers,
    join,
    padded,
    plain,
    take,
    where,
)
from dagster_project.demo.dirt import Dirt
from dagster_project.demo.people import (
    credit_codes,
    emails,
    first_names,
    landlines,
    last_names,
    mobiles,
    websites,
)
from dagster_project.demo.snapshot import Snapshot, order_status_since
from dagster_project.demo.world import (
    CALL,
    MEETING,
    OWNERS_PER_CRM,
    PAR,
    TASK,
    Crm,
    account_numbers,
    pays_dollars,
    usd_rates,
)

ROWS_PER_FILE: Final = 100_000
CAMPAIGN_DAYS: Final = 21
_ORGANISATION: Final = 4_954_900_000 * 10**9
_BASE: Final = {
    # Where the ids of each module start; ids of one organisation share a sequence.
    "accounts": 10_000_000,
    "contacts": 30_000_000,
    "leads": 60_000_000,
    "deals": 90_000_000,
    "orders": 100_000_000,
    "order_lines": 300_000_000,
    "calls": 600_000_000,
    "notes": 800_000_000,
    "cases": 850_000_000,
    "products": 1_000,
    "users": 100,
    "campaigns": 2_000,
    "campaign_members": 900_000_000,
    "tags": 3_000,
}
Build = Callable[[Snapshot, Ints], list[Column]]


def record_ids(kind: str, rows: Ints, *, prefix: str = "zcrm_") -> Strings:
    """zcrm_4954900000010000001; null where the row is NONE."""
    numbers = np.where(rows >= 0, _ORGANISATION + _BASE[kind] + rows, NONE)
    return join(prefix, integers(numbers))


def customer_ids(crm: Crm, company: Bools, rows: Ints) -> Strings:
    """Give the id a customer is known by: its account, or for a person its contact."""
    contact = record_ids("contacts", crm.main_contact[rows])
    return where(company, record_ids("accounts", rows), contact)


def write_zoho(folder: Path, snapshot: Snapshot, dirt: Dirt) -> None:
    """One full backup."""
    backup = BackupZips(folder)
    try:
        for stem, kind, build, rows in _modules(snapshot):
            _write_module(backup, stem, kind, (snapshot, build, rows), dirt)
        backup.write("Metadata/Fields_001.csv", [_METADATA_HEADER, *_METADATA])
    finally:
        backup.close()


def _write_module(
    backup: BackupZips, stem: str, kind: str, content: tuple[Snapshot, Build, Ints], dirt: Dirt
) -> None:
    snapshot, build, rows = content
    rows = dirt.rows_with_repeats("zoho", kind, rows)
    for number, part in enumerate(chunks(rows, ROWS_PER_FILE), 1):
        rendered = (
            csv_lines(_cells(columns)[1])
            for some in chunks(part, RENDER_ROWS)
            for columns in [
                dirt.applied("zoho", kind, build(snapshot, some), rows=some, day=snapshot.day)
            ]
        )
        labels, _ = _cells(build(snapshot, part[:0]))
        backup.write(f"{stem}_{number:03d}.csv", chain([csv_header(labels)], rendered))


def _cells(columns: Sequence[Column]) -> tuple[list[str], list[Strings]]:
    labels, cells = [], []
    for column in columns:
        if column.kind == "lookup":
            labels += [f"{column.label}.id", column.label]
            cells += [column.values, column.names]
        else:
            labels.append(column.label)
            cells.append(plain(column))
    return labels, cells


def _blank(size: int) -> Strings:
    return pa.nulls(size, pa.string())


def _same(text: str, size: int) -> Strings:
    return pa.repeat(pa.scalar(text), size)


_USER_NAMES: Final = [owner.name for owner in words.OWNERS[:OWNERS_PER_CRM]]


def _user(label: str, field: str, users: Ints) -> Column:
    return Column(
        field=field,
        label=label,
        kind="lookup",
        values=record_ids("users", users),
        names=take(_USER_NAMES, users),
    )


def _stamps(created: Ints, modified: Ints, users: Ints) -> list[Column]:
    return [
        _user("Created By", "created_by", users),
        _user("Modified By", "modified_by", users),
        Column(field="created_at", label="Created Time", kind="datetime", values=created),
        Column(field="modified_at", label="Modified Time", kind="datetime", values=modified),
    ]


def _text(field: str, label: str, values: Strings) -> Column:
    return Column(field=field, label=label, values=values)


def _place(labels: Sequence[str], abroad: Ints, city: Ints, numbers: Ints) -> list[Column]:
    """Street, city, state, code, country."""
    foreign, away = abroad >= 0, np.maximum(abroad, 0)
    cities, far = words.CITIES, words.ABROAD
    street = join(
        take(words.STREETS, numbers % len(words.STREETS)), integers(numbers % 998 + 1), "号"
    )
    values = (
        where(foreign, join(integers(numbers % 998 + 1), " Main Street"), street),
        where(foreign, take([p.city for p in far], away), take([p.city for p in cities], city)),
        where(
            foreign, take([p.state for p in far], away), take([p.province for p in cities], city)
        ),
        where(foreign, None, take([p.region_code for p in cities], city)),
        where(foreign, take([p.country for p in far], away), _same("China", len(city))),
    )
    fields = ("address", "city", "province", "postal_code", "country")
    return [_text(f, label, v) for f, label, v in zip(fields, labels, values, strict=True)]


def rate_text(rates: Ints) -> Strings:
    """Spell ten-thousandths: 7.1042."""
    return join(integers(rates // PAR), ".", padded(rates % PAR, 4))


def _currency(rates: Ints) -> list[Column]:
    base = rates == PAR
    return [
        _text("currency", "Currency", where(base, "CNY", "USD")),
        _text("exchange_rate", "Exchange Rate", where(base, "1", rate_text(rates))),
    ]


def _accounts(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, parties = snapshot.crm, snapshot.world.parties
    table = crm.customers
    party, created, owner = table.party[rows], table.created[rows], snapshot.owner[rows]
    abroad, city = parties.abroad[party], parties.city[party]
    merged = table.merged_into[rows] >= 0
    number = account_numbers(parties, table, rows)
    phone = where(abroad >= 0, mobiles(number, abroad), landlines(number, city))
    bought = snapshot.order_count[rows] > 0
    billing = [f"Billing {part}" for part in ("Street", "City", "State", "Code", "Country")]
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("accounts", rows)),
        _user("Account Owner", "owner_id", owner),
        _text("name", "Account Name", table.names.take(rows)),
        _text("account_number", "Account Number", join("ZA", padded(rows + 1, 7))),
        _text("phone", "Phone", phone),
        _text("email", "Email", emails(number)),
        _text("website", "Website", websites(number)),
        _text(
            "industry", "Industry", take([i[0] for i in words.INDUSTRIES], parties.industry[party])
        ),
        _text("account_type", "Account Type", where(bought, "Customer", "Prospect")),
        _text("customer_type", "Customer Type", _same("Company", len(rows))),
        _text(
            "credit_code",
            "Credit Code",
            where((abroad >= 0) | merged, None, credit_codes(party, city)),
        ),
        _text("employees", "Employees", integers(parties.employees[party])),
        _text(
            "annual_revenue",
            "Annual Revenue",
            join(integers(parties.employees[party] * 62), "0000"),
        ),
        _text("source_channel", "Account Source", take(words.ZOHO_SOURCES, parties.source[party])),
        *_place(billing, abroad, city, number),
        *_stamps(created, snapshot.customer_modified(rows), owner),
        Column(
            field="last_activity_at",
            label="Last Activity Time",
            kind="datetime",
            values=snapshot.last_contact[rows],
        ),
        _text("description", "Description", _blank(len(rows))),
        _text("tag", "Tag", take(["VIP", "VIP,Newsletter", "Newsletter", None], party % 4)),
        *_currency(np.where(pays_dollars("zoho", parties, party), usd_rates(created // DAY), PAR)),
    ]


def _contacts(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, parties = snapshot.crm, snapshot.world.parties
    table, customers = crm.contacts, crm.customers
    customer, person = table.customer[rows], table.person[rows]
    party = customers.party[customer]
    company, english = parties.company[party], parties.english[party]
    abroad, city = parties.abroad[party], parties.city[party]
    account = np.where(company, customer, NONE)
    title = table.title[rows]
    titles = where(english, take(words.TITLES_EN, title), take(words.TITLES_ZH, title))
    names = table.names.take(rows)
    created = table.created[rows]
    mailing = [f"Mailing {part}" for part in ("Street", "City", "State", "Zip", "Country")]
    owner = snapshot.owner[customer]
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("contacts", rows)),
        _user("Contact Owner", "owner_id", owner),
        _text("source_channel", "Lead Source", take(words.ZOHO_SOURCES, parties.source[party])),
        _text("first_name", "First Name", first_names(person, english, names)),
        _text("last_name", "Last Name", last_names(person, english)),
        Column(
            field="account_id",
            label="Account Name",
            kind="lookup",
            values=record_ids("accounts", account),
            names=where(company, customers.names.take(customer), None),
        ),
        Column(
            field="vendor_id",
            label="Vendor Name",
            kind="lookup",
            values=_blank(len(rows)),
            names=_blank(len(rows)),
        ),
        _text("email", "Email", emails(person)),
        _text("title", "Title", where(company, titles, None)),
        _text("department", "Department", where(company, take(words.DEPARTMENTS, title), None)),
        _text("role", "Contact Role", where(company, take(words.CONTACT_ROLES, title), None)),
        _text("phone", "Phone", where(abroad >= 0, None, landlines(person, city))),
        _text("mobile", "Mobile", mobiles(person, abroad)),
        Column(
            field="birth_date", label="Date of Birth", kind="date", values=table.birth_day[rows]
        ),
        _text("occupation", "Occupation", where(company, None, take(words.OCCUPATIONS, title % 8))),
        *_stamps(created, created, owner),
        _text("full_name", "Contact Name", names),
        *_place(mailing, abroad, city, party),
        _text("description", "Description", _blank(len(rows))),
        _text("tag", "Tag", _blank(len(rows))),
    ]


def _leads(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm = snapshot.crm
    table, customers = crm.leads, crm.customers
    customer, person = table.customer[rows], table.person[rows]
    parties = snapshot.world.parties
    own = customer >= 0
    company = own & parties.company[customers.party[np.maximum(customer, 0)]]
    over = snapshot.before(table.closed[rows])
    converted = over & own
    contacted = snapshot.before(table.contacted[rows])
    qualified = snapshot.before(table.qualified[rows])
    lost = take(("Junk Lead", "Lost Lead", "Not Qualified"), table.outcome[rows])
    status = where(
        contacted, take(("Contacted", "Attempted to Contact"), rows % 2), "Not Contacted"
    )
    status = where(qualified, "Pre-Qualified", status)
    status = where(over & ~own, lost, status)
    english, city = table.english[rows], table.city[rows]
    names = table.names.take(rows)
    abroad = np.where(own, parties.abroad[customers.party[np.maximum(customer, 0)]], NONE)
    changes = (table.created, table.contacted, table.qualified, table.closed)
    modified = np.maximum.reduce([snapshot.known(change[rows]) for change in changes])
    owner = snapshot.lead_owner(rows)
    now = np.where(converted, customer, NONE)
    account = np.where(company, now, NONE)
    contact = np.where(now >= 0, crm.main_contact[np.maximum(now, 0)], NONE)
    deal = np.where(now >= 0, crm.first_deal[np.maximum(now, 0)], NONE)
    open_day = np.where(over, NONE, snapshot.follow_up_day(rows))
    street, town, state, code, country = _place(
        ("Street", "City", "State", "Zip Code", "Country"), abroad, city, person
    )
    contact_names = crm.contacts.names
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("leads", rows)),
        _user("Lead Owner", "owner_id", owner),
        _text("is_converted", "Is Converted", where(converted, "true", "false")),
        _text("company", "Company", table.companies.take(rows)),
        _text("first_name", "First Name", first_names(person, english, names)),
        _text("last_name", "Last Name", last_names(person, english)),
        _text("email", "Email", emails(person)),
        _text("phone", "Phone", _blank(len(rows))),
        _text("mobile", "Mobile", mobiles(person, abroad)),
        _text("source_channel", "Lead Source", take(words.ZOHO_SOURCES, table.source[rows])),
        _text("status", "Lead Status", status),
        *_stamps(table.created[rows], modified, owner),
        _text("full_name", "Lead Name", names),
        street,
        town,
        state,
        code,
        country,
        _text("email_opt_out", "Email Opt Out", _same("false", len(rows))),
        _text("salutation", "Salutation", _blank(len(rows))),
        _text("title", "Title", _blank(len(rows))),
        _text("industry", "Industry", take([i[0] for i in words.INDUSTRIES], table.industry[rows])),
        _text("employees", "No. of Employees", integers(person % 400 + 5)),
        _text("annual_revenue", "Annual Revenue", _blank(len(rows))),
        Column(
            field="last_activity_at",
            label="Last Activity Time",
            kind="datetime",
            values=np.maximum(modified, snapshot.last_touch[rows]),
        ),
        _text(
            "intended_product",
            "Intended Product",
            take([p.name for p in words.PRODUCTS], table.product[rows]),
        ),
        Column(field="next_follow_at", label="Next Follow Up", kind="date", values=open_day),
        _text("tag", "Tag", _blank(len(rows))),
        Column(
            field="converted_at",
            label="Converted Date Time",
            kind="datetime",
            values=np.where(converted, table.closed[rows], NONE),
        ),
        _lookup("converted_account_id", "Converted Account", "accounts", account, customers.names),
        _lookup("converted_contact_id", "Converted Contact", "contacts", contact, contact_names),
        Column(
            field="converted_deal_id",
            label="Converted Deal",
            kind="lookup",
            values=record_ids("deals", deal),
            names=_deal_names(snapshot, deal),
        ),
    ]


def _lookup(field: str, label: str, kind: str, rows: Ints, names: Strings) -> Column:
    return Column(
        field=field,
        label=label,
        kind="lookup",
        values=record_ids(kind, rows),
        names=take(names, rows),
    )


def _deal_names(snapshot: Snapshot, deals: Ints) -> Strings:
    table, customers = snapshot.crm.deals, snapshot.crm.customers
    safe = np.maximum(deals, 0)
    if not len(table.customer):
        return _blank(len(deals))
    product = take([p.name for p in words.PRODUCTS], table.product[safe])
    names = join(customers.names.take(table.customer[safe]), "-", product)
    return where(deals >= 0, names, None)


def _customer_links(snapshot: Snapshot, customer: Ints) -> tuple[Column, Column]:
    """Link to the account (companies) and main contact of records, after merges."""
    crm = snapshot.crm
    customer = snapshot.winner[customer]
    company = snapshot.world.parties.company[crm.customers.party[customer]]
    account = np.where(company, customer, NONE)
    contact = crm.main_contact[customer]
    return (
        _lookup("account_id", "Account Name", "accounts", account, crm.customers.names),
        _lookup("contact_id", "Contact Name", "contacts", contact, crm.contacts.names),
    )


def _deals(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.deals
    account, contact = _customer_links(snapshot, table.customer[rows])
    stage, closed = snapshot.deal_stage(rows)
    outcome = table.outcome[rows]
    names = where(closed, take(words.ZOHO_CLOSED, outcome), take(words.ZOHO_STAGES, stage))
    probability = np.where(
        closed, np.where(outcome == 0, 100, 0), np.array(words.ZOHO_STAGE_PROBABILITY)[stage]
    )
    amount = table.amount[rows]
    close_day = np.where(closed, table.closed[rows] // DAY, table.expected_close_day[rows])
    owner = snapshot.owner[table.customer[rows]]
    parties, customers = snapshot.world.parties, snapshot.crm.customers
    source = parties.source[customers.party[table.customer[rows]]]
    modified = snapshot.deal_modified(rows)
    lost = closed & (outcome > 0)
    dollars = pays_dollars("zoho", parties, customers.party[table.customer[rows]])
    rate = np.where(dollars, usd_rates(table.created[rows] // DAY), PAR)
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("deals", rows)),
        _user("Deal Owner", "owner_id", owner),
        Column(field="amount", label="Amount", kind="money", values=amount),
        _text("name", "Deal Name", _deal_names(snapshot, rows)),
        Column(field="close_date", label="Closing Date", kind="date", values=close_day),
        account,
        _text("stage", "Stage", names),
        _text("deal_type", "Type", take(("New Business", "Existing Business"), rows % 2)),
        _text("probability", "Probability (%)", integers(probability)),
        _text("source_channel", "Lead Source", take(words.ZOHO_SOURCES, source)),
        *_stamps(table.created[rows], modified, owner),
        _text("description", "Description", _blank(len(rows))),
        contact,
        Column(
            field="expected_revenue",
            label="Expected Revenue",
            kind="money",
            values=amount * probability // 100,
        ),
        Column(
            field="last_activity_at",
            label="Last Activity Time",
            kind="datetime",
            values=np.maximum(modified, snapshot.last_contact[table.customer[rows]]),
        ),
        _text(
            "product_name",
            "Product",
            take([p.name for p in words.PRODUCTS], table.product[rows]),
        ),
        Column(
            field="next_follow_at",
            label="Next Follow Up",
            kind="date",
            values=np.where(closed, NONE, snapshot.follow_up_day(rows)),
        ),
        *_currency(rate),
        _text("pipeline", "Pipeline", _same("Standard", len(rows))),
        _text(
            "loss_reason",
            "Reason For Loss",
            where(lost, take(words.LOSS_REASONS_EN, table.reason[rows]), None),
        ),
        _text("tag", "Tag", _blank(len(rows))),
    ]


def _history_rows(snapshot: Snapshot) -> Ints:
    """Find every stage that has been left, as deal * stages + stage."""
    deals = snapshot.crm.deals
    left = _left_at(snapshot, np.arange(len(deals.created)))
    rows = np.flatnonzero((left < snapshot.until).ravel())
    return rows[np.lexsort((rows, left.ravel()[rows]))]


def _left_at(snapshot: Snapshot, deals: Ints) -> Ints:
    """By deal and stage: when it was left, NEVER if it was not entered."""
    table = snapshot.crm.deals
    entered, closed = table.entered[deals], table.closed[deals]
    after = np.concatenate([entered[:, 1:], np.full((len(deals), 1), NEVER)], axis=1)
    left = np.where(after < NEVER, after, closed[:, None])
    return np.where(entered < NEVER, left, NEVER)


def _stage_history(snapshot: Snapshot, rows: Ints) -> list[Column]:
    stages = len(words.ZOHO_STAGES)
    deal, stage = rows // stages, rows % stages
    table = snapshot.crm.deals
    left = _left_at(snapshot, deal)[np.arange(len(deal)), stage] if len(deal) else deal
    probability = np.array(words.ZOHO_STAGE_PROBABILITY)[stage]
    amount = table.amount[deal]
    return [
        Column(field="deal_id", label="Potential ID", kind="id", values=record_ids("deals", deal)),
        Column(field="amount", label="Amount", kind="money", values=amount),
        _text("stage", "Stage", take(words.ZOHO_STAGES, stage)),
        _text("probability", "Probability", integers(probability)),
        Column(
            field="expected_revenue",
            label="Expected Revenue",
            kind="money",
            values=amount * probability // 100,
        ),
        Column(
            field="close_date",
            label="Close Date",
            kind="date",
            values=table.expected_close_day[deal],
        ),
        _text(
            "modified_by_name",
            "Modified By",
            take(_USER_NAMES, snapshot.owner[table.customer[deal]]),
        ),
        Column(field="modified_at", label="Last Modified Time", kind="datetime", values=left),
    ]


def _orders(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, table = snapshot.crm, snapshot.crm.orders
    customer = table.customer[rows]
    account, contact = _customer_links(snapshot, customer)
    delivered, cancelled = order_status_since(crm, rows)
    counted, at = table.counted[rows], table.at[rows]
    status = where(counted, where(snapshot.before(delivered), "Delivered", "Approved"), "Created")
    status = where(snapshot.before(cancelled), "Cancelled", status)
    owner = crm.customers.owner_at(at, customer)
    modified = np.maximum.reduce([at, snapshot.known(delivered), snapshot.known(cancelled)])
    deal, sub_total = table.deal[rows], table.sub_total[rows]
    discount = sub_total - table.payable(rows)
    number = join("SO-", padded(rows + 1, 8))
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("orders", rows)),
        _user("Sales Order Owner", "owner_id", owner),
        _text("subject", "Subject", join(number, " 订单")),
        _text("document_number", "SO Number", number),
        account,
        contact,
        Column(
            field="deal_id",
            label="Deal Name",
            kind="lookup",
            values=record_ids("deals", deal),
            names=_deal_names(snapshot, deal),
        ),
        _text("status", "Status", status),
        Column(field="order_date", label="Order Date", kind="date", values=at // DAY),
        Column(field="due_date", label="Due Date", kind="date", values=at // DAY + 30),
        Column(field="sub_total", label="Sub Total", kind="money", values=sub_total),
        Column(
            field="discount",
            label="Discount",
            kind="money",
            values=discount,
        ),
        Column(field="tax", label="Tax", kind="money", values=table.tax(rows)),
        Column(field="adjustment", label="Adjustment", kind="money", values=table.adjustment[rows]),
        Column(field="grand_total", label="Grand Total", kind="money", values=table.total(rows)),
        *_currency(table.rate[rows]),
        _text(
            "channel", "Sales Channel", take(("Online Store", "Direct Sales", "Partner"), rows % 3)
        ),
        *_stamps(at, modified, owner),
    ]


def _lines(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table, orders = snapshot.crm.lines, snapshot.crm.orders
    order, product = orders.of_lines(rows), table.product[rows].astype(np.int64)
    gross, discount = table.price[rows] * table.quantity[rows], table.discount[rows]
    at = orders.at[order]
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("order_lines", rows)),
        Column(
            field="order_id",
            label="Parent",
            kind="lookup",
            values=record_ids("orders", order),
            names=join("SO-", padded(order + 1, 8), " 订单"),
        ),
        _lookup(
            "product_id",
            "Product Name",
            "products",
            product,
            pa.array([p.name for p in words.PRODUCTS]),
        ),
        _text("quantity", "Quantity", integers(table.quantity[rows])),
        Column(field="list_price", label="List Price", kind="money", values=table.price[rows]),
        Column(
            field="gross",
            label="Amount",
            kind="money",
            values=gross,
        ),
        Column(field="discount", label="Discount", kind="money", values=discount),
        Column(field="tax", label="Tax", kind="money", values=np.zeros(len(rows), dtype=np.int64)),
        Column(field="line_total", label="Total", kind="money", values=gross - discount),
        Column(field="created_at", label="Created Time", kind="datetime", values=at),
        Column(field="modified_at", label="Modified Time", kind="datetime", values=at),
    ]


def _products(snapshot: Snapshot, rows: Ints) -> list[Column]:
    listed = words.PRODUCTS
    since = np.full(len(rows), (snapshot.world.first_day - 60) * DAY + 9 * 3600)
    owner = np.zeros(len(rows), dtype=np.int64)
    price = np.array([round(p.price * 100) for p in listed])
    cost = np.array([round(p.cost * 100) for p in listed])
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("products", rows)),
        _user("Product Owner", "owner_id", owner),
        _text("name", "Product Name", take([p.name for p in listed], rows)),
        _text("product_code", "Product Code", take([p.code for p in listed], rows)),
        _text("is_active", "Product Active", _same("true", len(rows))),
        _text("manufacturer", "Manufacturer", _same("Kefen Demo", len(rows))),
        _text("category", "Product Category", take([p.category for p in listed], rows)),
        _text("unit", "Usage Unit", take([p.unit for p in listed], rows)),
        Column(field="unit_price", label="Unit Price", kind="money", values=price[rows]),
        Column(field="unit_cost", label="Unit Cost", kind="money", values=cost[rows]),
        *_stamps(since, since, owner),
        _text("description", "Description", _blank(len(rows))),
        _text("tag", "Tag", _blank(len(rows))),
    ]


def _users(snapshot: Snapshot, rows: Ints) -> list[Column]:
    owners = words.OWNERS
    since = np.full(len(rows), (snapshot.world.first_day - 400) * DAY)
    left = snapshot.has_left(rows)
    return [
        Column(field="id", label="id", kind="id", values=record_ids("users", rows, prefix="")),
        _text("first_name", "First Name", take([o.name[1:] for o in owners], rows)),
        _text("last_name", "Last Name", take([o.name[0] for o in owners], rows)),
        _text("full_name", "Full Name", take([o.name for o in owners], rows)),
        _text("email", "Email", take([f"{o.pinyin}@kefen-demo.com" for o in owners], rows)),
        _text("role", "Role", where(rows % 4 == 0, "Sales Manager", "Sales Rep")),
        _text("profile", "Profile", _same("Standard", len(rows))),
        _text("department", "Department", take(words.TEAMS, rows % len(words.TEAMS))),
        _text("status", "Status", where(left, "inactive", "active")),
        Column(field="created_at", label="Created Time", kind="datetime", values=since),
    ]


def _calls(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.activities
    topic, at = table.topic[rows], table.at[rows]
    account, contact = _related(snapshot, rows)
    seconds = table.seconds[rows]
    held = seconds > 0
    owner = snapshot.activity_owner(rows)
    with_lead = table.lead[rows] >= 0
    result = where(with_lead, words.NEUTRAL_RESULT, take(words.CALL_RESULTS, topic // 8 % 4))
    duration = join(padded(seconds // 60, 2), ":", padded(seconds % 60, 2))
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("calls", rows)),
        _text("direction", "Call Type", take(("Outbound", "Outbound", "Inbound"), topic % 3)),
        contact,
        *account,
        _text(
            "subject",
            "Subject",
            take(("Call: follow-up", "Call: quotation", "电话回访"), topic % 3),
        ),
        Column(field="started_at", label="Call Start Time", kind="datetime", values=at),
        _text("duration", "Call Duration", duration),
        _text("duration_seconds", "Call Duration (in seconds)", integers(seconds)),
        _text("purpose", "Call Purpose", take(words.PURPOSES, topic % len(words.PURPOSES))),
        _text("result", "Call Result", where(held, result, words.NO_ANSWER)),
        _text("status", "Call Status", where(held, "Completed", "Missed")),
        _user("Call Owner", "owner_id", owner),
        _text(
            "content", "Description", take(words.FOLLOW_UPS, topic // 64 % len(words.FOLLOW_UPS))
        ),
        *_stamps(at, at, owner),
    ]


def _related(snapshot: Snapshot, rows: Ints) -> tuple[list[Column], Column]:
    """Related To (an account, none for a person, or a lead) and Contact Name."""
    table = snapshot.crm.activities
    customer, lead = table.customer[rows], table.lead[rows]
    account, contact = _customer_links(snapshot, np.maximum(customer, 0))
    with_lead = lead >= 0
    related = Column(
        field="related_id",
        label="Related To",
        kind="lookup",
        values=where(with_lead, record_ids("leads", lead), account.values),
        names=where(with_lead, take(snapshot.crm.leads.names, lead), account.names),
    )
    module = where(np.asarray(account.values.is_valid()), "Accounts", None)
    module = where(with_lead, "Leads", module)
    contact = replace(
        contact,
        values=where(with_lead, None, contact.values),
        names=where(with_lead, None, contact.names),
    )
    return [related, _text("related_module", "Related To Module", module)], contact


def _events(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.activities
    topic, at = table.topic[rows], table.at[rows]
    account, contact = _related(snapshot, rows)
    owner = snapshot.activity_owner(rows)
    end = at + 3600
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("calls", rows)),
        _user("Host", "owner_id", owner),
        _text(
            "subject",
            "Event Title",
            take(("Demo on site", "拜访客户", "Quarterly review"), topic % 3),
        ),
        Column(field="started_at", label="Start DateTime", kind="datetime", values=at),
        Column(field="ended_at", label="End DateTime", kind="datetime", values=end),
        contact,
        *account,
        _text("venue", "Venue", take(("客户现场", "Online", "Office"), topic // 8 % 3)),
        _text(
            "content", "Description", take(words.FOLLOW_UPS, topic // 64 % len(words.FOLLOW_UPS))
        ),
        *_stamps(at, at, owner),
    ]


def _tasks(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.activities
    topic, at = table.topic[rows], table.at[rows]
    account, contact = _related(snapshot, rows)
    owner = snapshot.activity_owner(rows)
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("calls", rows)),
        _user("Task Owner", "owner_id", owner),
        _text(
            "subject",
            "Subject",
            take(("Send quotation", "寄送样品", "Prepare contract"), topic % 3),
        ),
        Column(field="due_at", label="Due Date", kind="date", values=at // DAY + 2),
        contact,
        *account,
        _text("status", "Status", _same("Completed", len(rows))),
        _text("priority", "Priority", take(("High", "Normal"), topic % 2)),
        Column(field="closed_at", label="Closed Time", kind="datetime", values=at + 1800),
        _text("content", "Description", _blank(len(rows))),
        *_stamps(at, at + 1800, owner),
    ]


def _notes(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.notes
    at, customer = table.at[rows], snapshot.winner[table.customer[rows]]
    company = snapshot.world.parties.company[snapshot.crm.customers.party[customer]]
    owner = snapshot.crm.customers.owner_at(at, customer)
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("notes", rows)),
        _user("Note Owner", "owner_id", owner),
        _text("title", "Note Title", _same("跟进", len(rows))),
        _text("content", "Note Content", take(words.NOTES, table.topic[rows] % len(words.NOTES))),
        Column(
            field="parent_id",
            label="Parent Id",
            kind="lookup",
            values=customer_ids(snapshot.crm, company, customer),
            names=snapshot.crm.customers.names.take(customer),
        ),
        _text("parent_module", "Parent Module", where(company, "Accounts", "Contacts")),
        *_stamps(at, at, owner),
    ]


def _cases(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.cases
    at, customer = table.at[rows], table.customer[rows]
    account, contact = _customer_links(snapshot, customer)
    closed = at + table.seconds[rows]
    over = snapshot.before(closed)
    owner = snapshot.crm.customers.owner_at(at, customer)
    person = snapshot.crm.contacts.person[snapshot.crm.main_contact[snapshot.winner[customer]]]
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("cases", rows)),
        _user("Case Owner", "owner_id", owner),
        _text("case_number", "Case Number", integers(rows + 1)),
        _text("status", "Status", where(over, "Closed", "New")),
        account,
        replace(contact, label="Related To"),
        _text("email", "Email", emails(person)),
        _text("channel", "Case Origin", take(("Email", "Phone", "Web"), rows % 3)),
        _text("case_type", "Type", _same("Problem", len(rows))),
        _text("reason", "Case Reason", take(words.COMPLAINTS, table.kind[rows])),
        _text("subject", "Subject", take(words.COMPLAINTS, table.kind[rows])),
        _text("content", "Description", _blank(len(rows))),
        _text("priority", "Priority", _same("Medium", len(rows))),
        *_stamps(at, np.where(over, closed, at), owner),
    ]


def campaign_days(snapshot: Snapshot) -> Ints:
    """First day of each campaign, spread evenly over the history."""
    world = snapshot.world
    count = len(words.CAMPAIGNS)
    return world.first_day + np.arange(count) * (world.last_day - world.first_day) // count


def _campaigns(snapshot: Snapshot, rows: Ints) -> list[Column]:
    start = campaign_days(snapshot)[rows]
    over = start + CAMPAIGN_DAYS <= snapshot.day
    owner = np.ones(len(rows), dtype=np.int64)
    cost = (rows + 1) * 250_000
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("campaigns", rows)),
        _user("Campaign Owner", "owner_id", owner),
        _text("name", "Campaign Name", take(words.CAMPAIGNS, rows)),
        _text("campaign_type", "Type", take(("Email", "Webinar", "Trade Show"), rows % 3)),
        _text("status", "Status", where(over, "Complete", "Active")),
        Column(field="start_date", label="Start Date", kind="date", values=start),
        Column(field="end_date", label="End Date", kind="date", values=start + CAMPAIGN_DAYS - 1),
        Column(field="expected_revenue", label="Expected Revenue", kind="money", values=cost * 5),
        Column(field="budgeted_cost", label="Budgeted Cost", kind="money", values=cost),
        Column(field="actual_cost", label="Actual Cost", kind="money", values=cost * 9 // 10),
        _text("sent_count", "Num sent", integers(rows * 100 + 300)),
        _text("currency", "Currency", _same("CNY", len(rows))),
        *_stamps((start - 10) * DAY + 9 * 3600, (start - 10) * DAY + 9 * 3600, owner),
    ]


def _campaign_members(snapshot: Snapshot, rows: Ints) -> list[Column]:
    leads = snapshot.crm.leads
    campaign = _member_campaign(snapshot, rows)
    at = leads.created[rows] + 60
    return [
        Column(
            field="id", label="Record Id", kind="id", values=record_ids("campaign_members", rows)
        ),
        Column(
            field="campaign_id",
            label="Campaign",
            kind="lookup",
            values=record_ids("campaigns", campaign),
            names=take(words.CAMPAIGNS, campaign),
        ),
        _lookup("lead_id", "Lead", "leads", rows, leads.names),
        _text("status", "Member Status", take(("Responded", "Sent", "Opened"), rows % 3)),
        Column(field="created_at", label="Created Time", kind="datetime", values=at),
        Column(field="modified_at", label="Modified Time", kind="datetime", values=at),
    ]


def _member_campaign(snapshot: Snapshot, leads: Ints) -> Ints:
    """Find the campaign that ran when the lead came, or NONE."""
    days = snapshot.crm.leads.created[leads] // DAY
    campaign = np.searchsorted(campaign_days(snapshot), days, side="right") - 1
    started = campaign_days(snapshot)[np.maximum(campaign, 0)]
    running = (campaign >= 0) & (days - started < CAMPAIGN_DAYS)
    return np.where(running, campaign, NONE)


def _tags(_: Snapshot, rows: Ints) -> list[Column]:
    return [
        Column(field="id", label="Record Id", kind="id", values=record_ids("tags", rows)),
        _text("name", "Tag Name", take(("VIP", "Newsletter"), rows)),
        _text("module", "Module", _same("Accounts", len(rows))),
    ]


def _modules(snapshot: Snapshot) -> list[tuple[str, str, Build, Ints]]:
    """File stem, kind, columns and rows of every module."""
    crm = snapshot.crm
    customers = snapshot.customers
    is_company = snapshot.world.parties.company[crm.customers.party[customers]]
    activities = snapshot.activities
    activity_kind = crm.activities.kind[activities]
    orders = len(snapshot.orders)
    leads = snapshot.leads
    campaigns = np.flatnonzero(campaign_days(snapshot) - 10 <= snapshot.day)
    return [
        ("Accounts", "accounts", _accounts, customers[is_company]),
        ("Contacts", "contacts", _contacts, snapshot.contacts),
        ("Leads", "leads", _leads, leads),
        ("Deals", "deals", _deals, snapshot.deals),
        ("PotStageHistory", "stage_history", _stage_history, _history_rows(snapshot)),
        ("Sales_Orders", "orders", _orders, snapshot.orders),
        ("Ordered_Items", "order_lines", _lines, np.arange(crm.orders.first_line[orders])),
        ("Products", "products", _products, np.arange(len(words.PRODUCTS))),
        ("Calls", "calls", _calls, activities[activity_kind == CALL]),
        ("Events", "meetings", _events, activities[activity_kind == MEETING]),
        ("Tasks", "tasks", _tasks, activities[activity_kind == TASK]),
        ("Notes", "notes", _notes, np.arange(np.searchsorted(crm.notes.at, snapshot.until))),
        ("Campaigns", "campaigns", _campaigns, campaigns),
        (
            "CampaignLeadMember",
            "campaign_members",
            _campaign_members,
            leads[_member_campaign(snapshot, leads) >= 0],
        ),
        ("Cases", "cases", _cases, np.arange(np.searchsorted(crm.cases.at, snapshot.until))),
        ("Users", "users", _users, np.arange(OWNERS_PER_CRM)),
        ("Tags", "tags", _tags, np.arange(2)),
    ]


_METADATA_HEADER: Final = b"Module,API Name,Field Label,Data Type\n"
_METADATA: Final = (
    b"Accounts,Credit_Code,Credit Code,text\n",
    b"Accounts,Customer_Type,Customer Type,picklist\n",
    b"Accounts,Account_Source,Account Source,picklist\n",
    b"Accounts,Email,Email,email\n",
    b"Contacts,Contact_Role,Contact Role,picklist\n",
    b"Contacts,Occupation,Occupation,text\n",
    b"Leads,Intended_Product,Intended Product,picklist\n",
    b"Leads,Next_Follow_Up,Next Follow Up,date\n",
    b"Deals,Product,Product,picklist\n",
    b"Deals,Next_Follow_Up,Next Follow Up,date\n",
    b"Sales_Orders,Order_Date,Order Date,date\n",
    b"Sales_Orders,Sales_Channel,Sales Channel,picklist\n",
    b"Products,Unit_Cost,Unit Cost,currency\n",
)
