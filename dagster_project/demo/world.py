"""The made-up world behind the exports: who exists, who buys, sells and talks, and when.

What belongs here: facts with their times, drawn once per set of arguments; an export of any
night is the part of them up to that night. What does not: file formats, defects.
"""

import zlib
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from dagster_project.demo import vocabulary as words
from dagster_project.demo.columns import (
    DAY,
    NEVER,
    NONE,
    Bools,
    Ints,
    SmallInts,
    Strings,
    where,
)
from dagster_project.demo.people import company_names, person_names
from dagster_project.demo.purchases import PurchaseModel, draw_amounts, draw_purchases

CrmName = Literal["zoho", "fxiaoke"]

PROSPECT_SHARE: Final = 0.12
COMPANY_SHARE: Final = 0.55
OVERLAP_SHARE: Final = 0.06
ABROAD_SHARE: Final = 0.05
ENGLISH_SHARE: Final = 0.12
LEAD_SHARE: Final = 0.30
DEAD_LEADS_PER_CUSTOMER: Final = 0.2
RECENT_LEADS_SHARE: Final = 0.4
RECENT_DAYS: Final = 40
SPLIT_SHARE: Final = 0.03
HANDED_OVER_SHARE: Final = 0.03
NIGHTLY_HANDED_OVER_SHARE: Final = 0.004
FIRST_ORDER_DEAL_SHARE: Final = 0.6
REPEAT_ORDER_DEAL_SHARE: Final = 0.08
RETURN_SHARE: Final = 0.03
GOODS_SHARE: Final = 0.7
MISSED_SHARE: Final = 0.25
EACH_SIDE: Final = 0.5
MOVED_SHARE: Final = 0.3
ROUNDED_SHARE: Final = 0.2
LINE_DISCOUNT_SHARE: Final = 0.3
CALL, MEETING, TASK = 0, 1, 2
TOUCH_DAYS: Final = 10
FIRST_TOUCH_SECONDS: Final = 3 * 3600
DEAL_DAYS: Final = (25.0, 110.0)
QUICK_DEAL_DAYS: Final = (3.0, 6.0)
RECENT_DEAL_SHARE: Final = 0.2
WON_AMOUNTS: Final = (500_00, 4500_00)
SPLIT_FROM: Final = 200_00
LINE_FROM: Final = 150_00
MANNERS_TWO_WAY: Final = np.array([0, 1, 4, 5])
UNCOUNTED_SHARE: Final = 0.03
OWNERS_PER_CRM: Final = 8
LEFT_OWNER: Final = 2
CONTACT_PERIOD_DAYS: Final = 10
PAR: Final = 10_000
_OFFICE_OPENS: Final = 9 * 3600
_OFFICE_SECONDS: Final = 9 * 3600


@dataclass(frozen=True, kw_only=True)
class Parties:
    """One row per real company or person."""

    company: Bools
    in_zoho: Bools
    in_fxiaoke: Bools
    first_purchase: Ints
    created: Ints
    city: Ints
    abroad: Ints
    english: Bools
    industry: Ints
    source: Ints
    employees: Ints
    birth_day: Ints
    names: Strings

    def __len__(self) -> int:
        return len(self.company)


@dataclass(frozen=True, kw_only=True)
class Customers:
    """One row per customer record of a CRM, by creation time."""

    party: Ints
    created: Ints
    edited: Ints
    merged_at: Ints
    merged_into: Ints
    owner: Ints
    owner_next: Ints
    owner_changed: Ints
    names: Strings

    def owner_at(self, seconds: Ints | np.int64, rows: Ints) -> Ints:
        """Find the owner of the customer records at a time."""
        changed = self.owner_changed[rows] <= seconds
        return np.where(changed, self.owner_next[rows], self.owner[rows])


@dataclass(frozen=True, kw_only=True)
class Contacts:
    """One row per contact of a CRM; person numbers give name, phone and e-mail."""

    customer: Ints
    person: Ints
    created: Ints
    title: Ints
    birth_day: Ints
    names: Strings


@dataclass(frozen=True, kw_only=True)
class Leads:
    """One row per lead; customer is NONE unless it was converted (at `closed`)."""

    customer: Ints
    person: Ints
    created: Ints
    contacted: Ints
    qualified: Ints
    closed: Ints
    outcome: Ints
    product: Ints
    owner: Ints
    city: Ints
    source: Ints
    industry: Ints
    english: Bools
    companies: Strings
    names: Strings


@dataclass(frozen=True, kw_only=True)
class Deals:
    """One row per deal; entered[:, j] is when stage j was entered; outcome 0 = won."""

    customer: Ints
    lead: Ints
    created: Ints
    entered: Ints
    closed: Ints
    expected_close_day: Ints
    outcome: Ints
    amount: Ints
    product: Ints
    reason: Ints


@dataclass(frozen=True, kw_only=True)
class Orders:
    """One row per order, by time; counted = a purchase of the model, else never valid."""

    customer: Ints
    at: Ints
    counted: Bools
    deal: Ints
    rate: Ints
    """Exchange rate in ten-thousandths of CNY; PAR = the document is in CNY."""
    sub_total: Ints
    discount_pct: SmallInts
    tax_pct: SmallInts
    adjustment: SmallInts
    first_line: Ints
    """first_line[i] .. first_line[i + 1] are the lines of order i."""

    def payable(self, rows: Ints) -> Ints:
        """Take the discount off; half cents are rounded up, as everywhere here."""
        rest: Ints = (self.sub_total[rows] * (100 - self.discount_pct[rows]) + 50) // 100
        return rest

    def tax(self, rows: Ints) -> Ints:
        """Compute the tax on what is payable."""
        tax: Ints = (self.payable(rows) * self.tax_pct[rows] + 50) // 100
        return tax

    def total(self, rows: Ints) -> Ints:
        """Add tax and adjustment to what is payable."""
        total: Ints = self.payable(rows) + self.tax(rows) + self.adjustment[rows]
        return total

    def of_lines(self, lines: Ints) -> Ints:
        """Find the orders that lines belong to."""
        return np.searchsorted(self.first_line, lines, side="right") - 1


@dataclass(frozen=True, kw_only=True)
class Lines:
    """One row per order line: total = quantity x price - discount."""

    product: SmallInts
    quantity: Ints
    price: Ints
    discount: Ints


@dataclass(frozen=True, kw_only=True)
class Returns:
    """Goods returned and money given back; `goods` false = a refund without a return."""

    order: Ints
    at: Ints
    amount: Ints
    goods: Bools
    reason: Ints


@dataclass(frozen=True, kw_only=True)
class Activities:
    """Calls, meetings, visits and tasks by time, with a customer or (customer NONE) a lead."""

    customer: Ints
    lead: Ints
    at: Ints
    kind: Ints
    seconds: Ints
    topic: Ints

    def kept(self, keep: Bools | Ints) -> "Activities":
        """Pick rows."""
        return Activities(**{name: values[keep] for name, values in vars(self).items()})

    def with_rows(self, more: "Activities") -> "Activities":
        """Put more rows in, by time."""
        both = {name: np.concatenate([v, vars(more)[name]]) for name, v in vars(self).items()}
        order = np.lexsort((both["lead"], both["customer"], both["at"]))
        return Activities(**{name: values[order] for name, values in both.items()})


@dataclass(frozen=True, kw_only=True)
class Crm:
    """What one CRM knows."""

    name: CrmName
    customers: Customers
    contacts: Contacts
    main_contact: Ints
    leads: Leads
    lead_of_customer: Ints
    deals: Deals
    first_deal: Ints
    orders: Orders
    lines: Lines
    returns: Returns
    activities: Activities
    notes: Activities
    cases: Activities


def usd_rates(days: Ints) -> Ints:
    """Give the CNY price of a US dollar on each day, in ten-thousandths."""
    rates: Ints = np.rint((7.1 + 0.12 * np.sin(days / 60)) * PAR).astype(np.int64)
    return rates


def pays_dollars(name: CrmName, parties: Parties, party: Ints) -> Bools:
    """Tell whose documents are in USD: customers abroad, in the CRM that knows currencies."""
    return np.logical_and(parties.abroad[party] >= 0, name == "zoho")


def account_numbers(parties: Parties, customers: Customers, rows: Ints) -> Ints:
    """Whose phone and e-mail an account has: a company's own, apart from those of its people."""
    party, count = customers.party[rows], len(parties)
    own = np.where(parties.company[party], party + 3 * count, party)
    return np.where(customers.merged_into[rows] >= 0, party + 2 * count, own)


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything, with the calendar it was drawn for."""

    seed: int
    first_day: int
    first_night: int
    last_day: int
    left_day: int
    model: PurchaseModel
    parties: Parties
    zoho: Crm
    fxiaoke: Crm

    @property
    def crms(self) -> tuple[Crm, Crm]:
        """Both CRMs."""
        return self.zoho, self.fxiaoke


@dataclass(frozen=True, kw_only=True)
class WorldSize:
    """The arguments of a world."""

    customers: int
    days: int
    seed: int
    nights: int
    last_day: int
    orders_per_customer: float | None
    lines_per_order: float
    activities_per_customer: float

    @property
    def left_day(self) -> int:
        """When one of the owners left."""
        return self.last_day - round(self.days * 0.3)


def stream(seed: int, topic: str) -> np.random.Generator:
    """Give each topic a random stream, so that one more draw here changes nothing there."""
    return np.random.default_rng([seed, zlib.crc32(topic.encode())])


def build_world(size: WorldSize) -> World:
    """Draw the world."""
    first_day = size.last_day - size.days + 1
    rng = stream(size.seed, "parties")
    count = size.customers
    buys = rng.random(count) >= PROSPECT_SHARE
    first = rng.uniform(first_day, size.last_day + 1, count)
    ages = size.last_day + 1 - first
    model = PurchaseModel()
    if size.orders_per_customer is not None:
        model = model.scaled_to(size.orders_per_customer, ages)
    parties = _draw_parties(size, buys, first, rng)
    rng = stream(size.seed, "purchases")
    buyers = np.flatnonzero(buys)
    who, when = draw_purchases(model, ages[buyers], rng)
    day = np.minimum(np.floor(first[buyers][who] + when), size.last_day).astype(np.int64)
    amount = draw_amounts(model, who, len(buyers), rng)
    party = buyers[who]
    repeat = when > 0
    at = day * DAY + _office_time(rng, len(day))
    at[~repeat] = parties.first_purchase[party[~repeat]]
    to_zoho = parties.in_zoho[party] & (
        ~parties.in_fxiaoke[party] | (rng.random(len(party)) < EACH_SIDE)
    )
    crms = []
    names: tuple[CrmName, CrmName] = ("zoho", "fxiaoke")
    for name in names:
        mine = to_zoho if name == "zoho" else ~to_zoho
        crms.append(
            _draw_crm(name, size, parties, (party[mine], at[mine], amount[mine], ~repeat[mine]))
        )
    return World(
        seed=size.seed,
        first_day=first_day,
        first_night=size.last_day - size.nights + 1,
        last_day=size.last_day,
        left_day=size.left_day,
        model=model,
        parties=parties,
        zoho=crms[0],
        fxiaoke=crms[1],
    )


def _office_time(rng: np.random.Generator, count: int) -> Ints:
    return _OFFICE_OPENS + rng.integers(0, _OFFICE_SECONDS, count)


def _draw_parties(
    size: WorldSize,
    buys: Bools,
    first: np.ndarray[tuple[int], np.dtype[np.float64]],
    rng: np.random.Generator,
) -> Parties:
    count = len(buys)
    side = rng.random(count)
    in_zoho = side < 0.5 + OVERLAP_SHARE / 2
    in_fxiaoke = side >= 0.5 - OVERLAP_SHARE / 2
    company = rng.random(count) < COMPANY_SHARE
    abroad = np.where(
        rng.random(count) < ABROAD_SHARE, rng.integers(0, len(words.ABROAD), count), NONE
    )
    english = (abroad >= 0) | (rng.random(count) < ENGLISH_SHARE)
    weights = np.asarray(words.CITY_WEIGHTS, dtype=np.float64)
    city = rng.choice(len(words.CITIES), count, p=weights / weights.sum())
    bought = np.where(
        buys, np.floor(first).astype(np.int64) * DAY + _office_time(rng, count), NEVER
    )
    # Known for some weeks before the first purchase; a prospect since its drawn day.
    # Who buys on one of the nights came days before, so that no deal is in a stage for long.
    lead_time = np.where(buys, rng.uniform(12.0, 50.0, count), 0.0)
    first_night = size.last_day - size.nights + 1
    late = buys & (first >= first_night)
    lead_time = np.where(late, rng.uniform(2.0, 5.5, count), lead_time)
    known = np.floor(first - lead_time).astype(np.int64)
    created = known * DAY + _office_time(rng, count)
    created = np.minimum(created, np.where(buys, bought - 3600, NEVER))
    employees = np.rint(np.exp(rng.normal(4.2, 1.3, count))).astype(np.int64) + 3
    index = np.arange(count, dtype=np.int64)
    return Parties(
        company=company,
        in_zoho=in_zoho,
        in_fxiaoke=in_fxiaoke,
        first_purchase=bought,
        created=created,
        city=city,
        abroad=abroad,
        english=english,
        industry=rng.integers(0, len(words.INDUSTRIES), count),
        source=rng.integers(0, len(words.ZOHO_SOURCES), count),
        employees=employees,
        birth_day=_birth_days(size.last_day - rng.integers(20 * 365, 65 * 365, count)),
        names=where(company, company_names(index, city, english), person_names(index, english)),
    )


def _birth_days(days: Ints) -> Ints:
    return np.where(days == NONE, 0, days)


Purchases = tuple[Ints, Ints, Ints, Bools]


def _draw_crm(name: CrmName, size: WorldSize, parties: Parties, purchases: Purchases) -> Crm:
    rng = stream(size.seed, f"{name} customers")
    customers, row_of_party, loser_of_party = _draw_customers(name, size, parties, rng)
    contacts, main_contact = _draw_contacts(name, size, parties, customers)
    leads, lead_of_customer = _draw_leads(name, size, parties, customers)
    orders, lines, is_first = _draw_orders(
        name, size, parties, purchases, (row_of_party, loser_of_party, customers.created)
    )
    deals, order_deal, first_deal = _draw_deals(
        name, size, parties, (customers, orders, lead_of_customer, is_first)
    )
    orders = replace(orders, deal=order_deal)
    activities = _draw_activities(name, size, customers, leads)
    notes = _draw_sparse(name, size, customers, topic="notes", per_customer=0.3)
    return Crm(
        name=name,
        customers=customers,
        contacts=contacts,
        main_contact=main_contact,
        leads=leads,
        lead_of_customer=lead_of_customer,
        deals=deals,
        first_deal=first_deal,
        orders=orders,
        lines=lines,
        returns=_draw_returns(name, size, orders),
        activities=activities,
        notes=_with_needs(notes, activities) if name == "zoho" else notes,
        cases=_draw_sparse(name, size, customers, topic="cases", per_customer=0.05),
    )


def _draw_customers(
    name: CrmName, size: WorldSize, parties: Parties, rng: np.random.Generator
) -> tuple[Customers, Ints, Ints]:
    """Draw the records; by party, its own and the one that is merged into it (or NONE)."""
    present = np.flatnonzero(parties.in_zoho if name == "zoho" else parties.in_fxiaoke)
    mergeable = present[parties.company[present]]
    # A second record of the same company, found and merged on some day: two per thousand by the
    # first night, and one in a thousand (at least one) on each night that follows.
    first_night = size.last_day - size.nights + 1
    nightly = max(1, round(len(mergeable) * 0.001))
    old = mergeable[parties.created[mergeable] < (first_night - 30) * DAY]
    wanted = min(len(old) // 4, round(len(mergeable) * 0.002) + nightly * (size.nights - 1))
    losers = np.sort(rng.choice(old, wanted, replace=False))
    merge_day = np.full(wanted, first_night - 5, dtype=np.int64)
    for night in range(1, size.nights):
        merge_day[(night - 1) * nightly : night * nightly] = first_night + night
    rng.shuffle(merge_day)
    party = np.concatenate([present, losers])
    is_loser = np.arange(len(party)) >= len(present)
    created = parties.created[party] + np.where(is_loser, 5 * DAY, 0)
    order = np.lexsort((party, is_loser, created))
    party, is_loser, created = party[order], is_loser[order], created[order]
    row_of_party = np.full(len(parties), NONE)
    row_of_party[party[~is_loser]] = np.flatnonzero(~is_loser)
    loser_of_party = np.full(len(parties), NONE)
    loser_of_party[party[is_loser]] = np.flatnonzero(is_loser)
    merged_at = np.full(len(party), NEVER)
    day_of_party = dict(zip(losers.tolist(), merge_day.tolist(), strict=True))
    merged_at[is_loser] = [day_of_party[p] * DAY + 15 * 3600 for p in party[is_loser].tolist()]
    merged_into = np.where(is_loser, row_of_party[party], NONE)

    count = len(party)
    left_day = size.left_day
    owner = rng.integers(0, OWNERS_PER_CRM, count)
    stays = (owner + 1 + rng.integers(0, LEFT_OWNER, count)) % OWNERS_PER_CRM
    stays[stays == LEFT_OWNER] = LEFT_OWNER + 1
    late = created >= left_day * DAY
    owner = np.where(late & (owner == LEFT_OWNER), stays, owner)
    handed = np.where(
        rng.random(count) < HANDED_OVER_SHARE,
        (created // DAY + rng.integers(1, max(size.days, 2), count)) * DAY + 10 * 3600,
        NEVER,
    )
    tonight = (rng.random(count) < NIGHTLY_HANDED_OVER_SHARE * (size.nights - 1)) & (
        size.nights > 1
    )
    on = first_night + rng.integers(1, max(size.nights, 2), count)
    handed = np.where(tonight & (created < on * DAY), on * DAY + 11 * 3600, handed)
    handed = np.where(owner == LEFT_OWNER, left_day * DAY + 10 * 3600, handed)
    edited = created + (rng.uniform(1, 170, count) * DAY).astype(np.int64)
    names = parties.names.take(party)
    others = company_names(party + 2 * len(parties), parties.city[party], parties.english[party])
    return (
        Customers(
            party=party,
            created=created,
            edited=edited,
            merged_at=merged_at,
            merged_into=merged_into,
            owner=owner,
            owner_next=stays,
            owner_changed=handed,
            # A second record has another name, or it would not have been made.
            names=where(is_loser, others, names),
        ),
        row_of_party,
        loser_of_party,
    )


def _draw_contacts(
    name: CrmName, size: WorldSize, parties: Parties, customers: Customers
) -> tuple[Contacts, Ints]:
    rng = stream(size.seed, f"{name} contacts")
    company = parties.company[customers.party]
    extra = np.where(company, rng.integers(0, 2, len(company)), 0)
    has_one = company | (name == "zoho")
    rows = np.repeat(np.arange(len(company)), np.where(has_one, 1 + extra, 0))
    own = np.r_[True, rows[1:] != rows[:-1]] if len(rows) else np.zeros(0, dtype=np.bool_)
    created = customers.created[rows] + np.where(
        own, 60, (rng.uniform(1, 60, len(rows)) * DAY).astype(np.int64)
    )
    order = np.argsort(created, kind="stable")
    rows, own, created = rows[order], own[order], created[order]
    # People are numbered apart: parties first, then the contacts of each CRM, then its leads.
    # The main contact of a company known to both CRMs is one person, with one phone.
    party = customers.party[rows]
    others = len(parties) * (4 if name == "zoho" else 8) + np.arange(len(rows))
    is_loser = customers.merged_into[rows] >= 0
    person = np.where(own & ~is_loser, party, others)
    english = parties.english[party]
    main_contact = np.full(len(company), NONE)
    main_contact[rows[own]] = np.flatnonzero(own)
    return (
        Contacts(
            customer=rows,
            person=person,
            created=created,
            title=rng.integers(0, len(words.TITLES_ZH), len(rows)),
            birth_day=parties.birth_day[party],
            names=person_names(person, english),
        ),
        main_contact,
    )


def _draw_leads(
    name: CrmName, size: WorldSize, parties: Parties, customers: Customers
) -> tuple[Leads, Ints]:
    rng = stream(size.seed, f"{name} leads")
    count = len(customers.party)
    converted = np.flatnonzero((rng.random(count) < LEAD_SHARE) & (customers.merged_into < 0))
    dead = round(count * DEAD_LEADS_PER_CUSTOMER)
    first_day = size.last_day - size.days + 1
    customer = np.concatenate([converted, np.full(dead, NONE)])
    loose = customer < 0
    closed = np.concatenate([customers.created[converted], np.full(dead, NEVER)])
    created = np.concatenate(
        [
            closed[: len(converted)]
            - (rng.uniform(0.3, 20, len(converted)) * DAY).astype(np.int64),
            np.where(
                rng.random(dead) < RECENT_LEADS_SHARE,
                rng.integers(size.last_day - RECENT_DAYS, size.last_day + 1, dead),
                rng.integers(first_day, size.last_day + 1, dead),
            )
            * DAY
            + _office_time(rng, dead),
        ]
    )
    life = (rng.uniform(10, 45, len(created)) * DAY).astype(np.int64)
    closed = np.where(loose, created + life, closed)
    contacted = created + rng.integers(600, FIRST_TOUCH_SECONDS - 600, len(created))
    qualified = created + (rng.uniform(0.4, 0.8, len(created)) * (closed - created)).astype(
        np.int64
    )
    order = np.argsort(created, kind="stable")
    customer, created, closed = customer[order], created[order], closed[order]
    party = np.where(customer >= 0, customers.party[customer], NONE)
    numbers = len(parties) * (12 if name == "zoho" else 16) + np.arange(len(customer))
    weights = np.asarray(words.CITY_WEIGHTS, dtype=np.float64)
    city = rng.choice(len(words.CITIES), len(customer), p=weights / weights.sum())
    known = party >= 0
    is_company = parties.company[party] | ~known
    english = np.where(known, parties.english[party], rng.random(len(customer)) < ENGLISH_SHARE)
    # The same person as the customer it became; a stranger else.
    person = np.where(known, party, numbers)
    city = np.where(known, parties.city[party], city)
    lead_of_customer = np.full(count, NONE)
    lead_of_customer[customer[known]] = np.flatnonzero(known)
    left = LEFT_OWNER
    owner = rng.integers(0, OWNERS_PER_CRM, len(customer))
    owner = np.where(known, customers.owner[customer], np.where(owner == left, left + 1, owner))
    return (
        Leads(
            customer=customer,
            person=person,
            created=created,
            contacted=contacted[order],
            qualified=qualified[order],
            closed=closed,
            outcome=rng.integers(0, 3, len(customer)),
            product=rng.integers(0, len(words.PRODUCTS), len(customer)),
            owner=owner,
            city=city,
            source=np.where(
                known,
                parties.source[party],
                rng.integers(0, len(words.ZOHO_SOURCES), len(customer)),
            ),
            industry=np.where(
                known,
                parties.industry[party],
                rng.integers(0, len(words.INDUSTRIES), len(customer)),
            ),
            english=english,
            companies=where(is_company, company_names(person, city, english), None),
            names=person_names(person, english),
        ),
        lead_of_customer,
    )


def _draw_orders(
    name: CrmName,
    size: WorldSize,
    parties: Parties,
    purchases: Purchases,
    rows: tuple[Ints, Ints, Ints],
) -> tuple[Orders, Lines, Bools]:
    """Orders with their lines, and which of them is the customer's first purchase."""
    rng = stream(size.seed, f"{name} orders")
    party, at, amount, is_first = purchases
    row_of_party, loser_of_party, known_since = rows
    # Some purchases are two orders on one day; some documents never become valid.
    split = np.flatnonzero((rng.random(len(party)) < SPLIT_SHARE) & (amount >= SPLIT_FROM))
    part = amount[split] * rng.integers(20, 50, len(split)) // 100
    amount = amount.copy()
    amount[split] -= part
    never = np.flatnonzero(rng.random(len(party)) < UNCOUNTED_SHARE)
    source = np.concatenate([np.arange(len(party)), split, never])
    total = np.concatenate([amount, part, amount[never]])
    at = at[source]
    added = np.arange(len(source)) >= len(party)
    at[added] = at[added] // DAY * DAY + np.maximum(
        at[added] % DAY + 600, _office_time(rng, int(added.sum()))
    )
    counted = np.arange(len(source)) < len(party) + len(split)
    party, is_first = party[source], is_first[source] & ~added
    customer = row_of_party[party]
    # The record that is merged later holds some of the orders until then.
    loser = loser_of_party[party]
    moved = (loser >= 0) & ~is_first & (rng.random(len(party)) < MOVED_SHARE)
    moved &= known_since[np.maximum(loser, 0)] < at
    customer = np.where(moved, loser, customer)
    order = np.lexsort((customer, at))
    customer, at, total, counted = customer[order], at[order], total[order], counted[order]
    discount_pct = rng.choice(np.array([0, 0, 0, 2, 5, 10]), len(at))
    tax_pct = rng.choice(np.array([0, 6, 13]) if name == "zoho" else np.array([0]), len(at))
    dollars = pays_dollars(name, parties, party[order])
    rate = np.where(dollars, usd_rates(at // DAY), PAR)
    total = total * PAR // rate
    wanted = np.rint(total / ((1 - discount_pct / 100) * (1 + tax_pct / 100))).astype(np.int64)
    if size.lines_per_order > 0:
        first_line, lines = _draw_lines(name, (wanted, rate), size.lines_per_order, rng)
        line_totals = lines.quantity * lines.price - lines.discount
        sub_total = np.add.reduceat(line_totals, first_line[:-1]) if len(at) else line_totals
    else:
        first_line = np.zeros(len(at) + 1, dtype=np.int64)
        empty = np.zeros(0, dtype=np.int64)
        lines = Lines(product=empty.astype(np.int8), quantity=empty, price=empty, discount=empty)
        sub_total = wanted
    orders = Orders(
        customer=customer,
        at=at,
        counted=counted,
        deal=np.full(len(at), NONE),
        rate=rate,
        sub_total=sub_total,
        discount_pct=discount_pct.astype(np.int8),
        tax_pct=tax_pct.astype(np.int8),
        adjustment=np.zeros(len(at), dtype=np.int8),
        first_line=first_line,
    )
    if name == "zoho":
        # Some are rounded down to ten cents.
        rounded = rng.random(len(at)) < ROUNDED_SHARE
        odd_cents = orders.total(np.arange(len(at))) % 10
        orders = replace(orders, adjustment=np.where(rounded, -odd_cents, 0).astype(np.int8))
    return orders, lines, is_first[order]


def _draw_lines(
    name: CrmName, amounts: tuple[Ints, Ints], lines_per_order: float, rng: np.random.Generator
) -> tuple[Ints, Lines]:
    """Lines whose unit prices stay near the list and whose sum is about what is wanted."""
    wanted, rate = amounts
    count = 1 + rng.poisson(max(lines_per_order - 1, 0), len(wanted))
    count = np.minimum(count, np.maximum(wanted * rate // PAR // LINE_FROM, 1))
    first_line = np.concatenate([[0], np.cumsum(count)])
    order = np.repeat(np.arange(len(wanted)), count)
    share = rng.uniform(0.5, 1.5, len(order))
    sums = np.add.reduceat(share, first_line[:-1]) if len(wanted) else share
    target = wanted[order] * share / sums[order]
    listed = np.array([round(product.price * 100) for product in words.PRODUCTS])
    by_price = np.argsort(listed, kind="stable")
    in_base = target * (rate[order] / PAR)
    affordable = np.maximum(np.searchsorted(listed[by_price], in_base * 1.25, side="right"), 1)
    product = by_price[(rng.random(len(order)) * affordable).astype(np.int64)]
    quantity = np.maximum(np.rint(in_base / listed[product]).astype(np.int64), 1)
    price = np.maximum((target / quantity).astype(np.int64), 1)
    # Zoho shows the list price with the difference as a line discount.
    as_listed = (price < listed[product]) & (rng.random(len(order)) < LINE_DISCOUNT_SHARE)
    as_listed &= (name == "zoho") & (rate[order] == PAR)
    shown = np.where(as_listed, listed[product], price)
    return first_line, Lines(
        product=product.astype(np.int8),
        quantity=quantity,
        price=shown,
        discount=(shown - price) * quantity,
    )


def _draw_deals(
    name: CrmName,
    size: WorldSize,
    parties: Parties,
    known: tuple[Customers, Orders, Ints, Bools],
) -> tuple[Deals, Ints, Ints]:
    """Deals, the deal of each order and the first deal of each customer (NONE if none)."""
    customers, orders, lead_of_customer, is_first = known
    rng = stream(size.seed, f"{name} deals")
    count = len(customers.party)
    company = parties.company[customers.party]
    own = customers.merged_into < 0
    has_lead = lead_of_customer >= 0
    # Won deals end in an order; a converted lead always has a first deal.
    draw = rng.random(len(orders.at))
    buyer = orders.customer
    won = orders.counted & np.where(
        is_first,
        has_lead[buyer] | (company[buyer] & (draw < FIRST_ORDER_DEAL_SHARE)),
        company[buyer] & (draw < REPEAT_ORDER_DEAL_SHARE),
    )
    won &= own[buyer]
    in_base = orders.total(np.arange(len(orders.at))) * orders.rate // PAR
    won &= (in_base >= WON_AMOUNTS[0]) & (in_base <= WON_AMOUNTS[1])
    won_orders = np.flatnonzero(won)
    won_before = np.zeros(count, dtype=np.bool_)
    won_before[buyer[won & is_first]] = True
    others = np.repeat(np.arange(count), np.where(company & own, rng.poisson(0.6, count), 0))
    needs = np.flatnonzero(has_lead & ~won_before & own)
    horizon = (size.last_day + 1) * DAY
    settled = company & own & (customers.created < horizon - 7 * DAY)
    recent = np.flatnonzero(settled & (rng.random(count) < RECENT_DEAL_SHARE))
    others = np.concatenate([others, recent])
    customer = np.concatenate([buyer[won_orders], needs, others])
    order = np.concatenate([won_orders, np.full(len(needs) + len(others), NONE)])
    first = np.concatenate([is_first[won_orders], np.ones(len(needs)), np.zeros(len(others))]) > 0
    known_since = customers.created[customer]
    start = known_since + (rng.random(len(customer)) * (horizon - known_since)).astype(np.int64)
    lately = (horizon - rng.uniform(0.2, QUICK_DEAL_DAYS[1], len(recent)) * DAY).astype(np.int64)
    start[len(customer) - len(recent) :] = lately
    is_won = order >= 0
    ordered = orders.at[np.maximum(order, 0)]
    starts = np.where(first, known_since + 120, start)
    length = _deal_lengths(size, starts, np.where(is_won, ordered, NEVER), rng)
    closed = np.where(is_won, ordered - 1800, 0)
    created = np.where(is_won, np.maximum(closed - length, known_since + 120), start)
    created = np.where(first & ~is_won | first & has_lead[customer], known_since + 120, created)
    closed = np.where(is_won, np.maximum(closed, created + 600), created + length)
    sort = np.lexsort((order, customer, created))
    customer, order, created, closed = customer[sort], order[sort], created[sort], closed[sort]
    first, is_won = first[sort], is_won[sort]
    deals_count = len(customer)
    amount = np.where(
        is_won,
        orders.total(np.maximum(order, 0)),
        np.rint(np.clip(rng.gamma(4.0, 500.0, deals_count), 600, 4000)).astype(np.int64) * 100,
    )
    dollars = pays_dollars(name, parties, customers.party[customer])
    amount = np.where(dollars & ~is_won, amount // 7, amount)
    slip = np.where(is_won, 0, rng.integers(0, 12, deals_count))
    order_deal = np.full(len(orders.at), NONE)
    order_deal[order[is_won]] = np.flatnonzero(is_won)
    first_deal = np.full(count, NONE)
    first_deal[customer[first]] = np.flatnonzero(first)
    lead = np.where(first, lead_of_customer[customer], NONE)
    return (
        Deals(
            customer=customer,
            lead=lead,
            created=created,
            entered=_draw_stages(name, (created, closed), is_won, rng),
            closed=closed,
            expected_close_day=closed // DAY + slip,
            outcome=np.where(is_won, 0, rng.integers(1, 3, deals_count)),
            amount=amount,
            product=rng.integers(0, len(words.PRODUCTS), deals_count),
            reason=rng.integers(0, len(words.LOSS_REASONS_EN), deals_count),
        ),
        order_deal,
        first_deal,
    )


def _deal_lengths(size: WorldSize, starts: Ints, ends: Ints, rng: np.random.Generator) -> Ints:
    """Draw how long deals take; ends is NEVER where no order says when one is over.

    What is open on one of the nights is quick, so that none is in a stage for longer than most of
    those that left it.
    """
    first_night = (size.last_day - size.nights + 1) * DAY
    length = (rng.uniform(*DEAL_DAYS, len(starts)) * DAY).astype(np.int64)
    quick = (rng.uniform(*QUICK_DEAL_DAYS, len(starts)) * DAY).astype(np.int64)
    over = np.where(ends < NEVER, ends, starts + length)
    return np.where(over >= first_night, quick, length)


def _draw_stages(
    name: CrmName, span: tuple[Ints, Ints], is_won: Bools, rng: np.random.Generator
) -> Ints:
    """Draw when each stage is entered, by deal."""
    created, closed = span
    stages = len(words.ZOHO_STAGES if name == "zoho" else words.FXIAOKE_STAGES)
    cuts = np.cumsum(rng.uniform(0.5, 1.5, (len(created), stages)), axis=1)
    cuts = (cuts / cuts[:, -1:])[:, :-1]
    later = created[:, None] + ((closed - created)[:, None] * cuts).astype(np.int64)
    entered = np.concatenate([created[:, None], later], axis=1)
    # A lost deal leaves from any stage: later ones are never entered.
    reached = np.where(is_won, stages, rng.integers(1, stages + 1, len(created)))
    entered[np.arange(stages) >= reached[:, None]] = NEVER
    return entered


def _draw_returns(name: CrmName, size: WorldSize, orders: Orders) -> Returns:
    """Draw returned goods and refunds; Zoho has no module for them."""
    rng = stream(size.seed, f"{name} returns")
    share = RETURN_SHARE if name == "fxiaoke" else 0.0
    order = np.flatnonzero(orders.counted & (rng.random(len(orders.at)) < share))
    at = orders.at[order] + rng.integers(3, 25, len(order)) * DAY
    part = rng.choice(np.array([20, 50, 100]), len(order))
    amount = orders.total(order) * part // 100
    sort = np.lexsort((order, at))
    return Returns(
        order=order[sort],
        at=at[sort],
        amount=amount[sort],
        goods=rng.random(len(order)) < GOODS_SHARE,
        reason=rng.integers(0, len(words.RETURN_REASONS), len(order)),
    )


def _draw_activities(
    name: CrmName, size: WorldSize, customers: Customers, leads: Leads
) -> Activities:
    """Past contacts at random, and one every ten days lately so that no revisit is overdue."""
    rng = stream(size.seed, f"{name} activities")
    count = len(customers.party)
    if size.activities_per_customer <= 0:
        nobody = np.zeros(0, dtype=np.int64)
        return Activities(**dict.fromkeys(_ACTIVITY_FIELDS, nobody))
    past = np.repeat(np.arange(count), rng.poisson(size.activities_per_customer, count))
    horizon = size.last_day + 1
    since = customers.created[past] // DAY
    past_day = (
        since + 1 + (rng.random(len(past)) * np.maximum(horizon - since - 1, 0)).astype(np.int64)
    )
    recent_from = size.last_day - size.nights - CONTACT_PERIOD_DAYS
    rounds = -(-(size.nights + CONTACT_PERIOD_DAYS + 1) // CONTACT_PERIOD_DAYS)
    phase = rng.integers(0, CONTACT_PERIOD_DAYS, count)
    recent = np.tile(np.arange(count), rounds)
    step = np.repeat(np.arange(rounds), count)
    recent_day = recent_from + phase[recent] + step * CONTACT_PERIOD_DAYS
    customer = np.concatenate([past, recent])
    at = np.concatenate([past_day, recent_day]) * DAY + _office_time(rng, len(customer))
    is_recent = np.arange(len(customer)) >= len(past)
    kind = np.where(
        is_recent, CALL, rng.choice(np.array([CALL, CALL, CALL, MEETING, TASK]), len(customer))
    )
    seconds = rng.integers(30, 900, len(customer))
    missed = ~is_recent & (kind == CALL) & (rng.random(len(customer)) < MISSED_SHARE)
    seconds = np.where(missed, 0, seconds)
    keep = (at < horizon * DAY) & (at > customers.created[customer])
    keep &= at < customers.merged_at[customer]
    topic = rng.integers(0, 2**16, len(customer))
    heard = rng.choice(MANNERS_TWO_WAY, len(customer))
    topic = np.where(is_recent, topic // TOPIC_STEP * TOPIC_STEP + heard, topic)
    order = np.flatnonzero(keep)[np.lexsort((customer[keep], at[keep]))]
    held = Activities(
        customer=customer[order],
        lead=np.full(len(order), NONE),
        at=at[order],
        kind=kind[order],
        seconds=seconds[order],
        topic=topic[order],
    )
    return held.with_rows(_draw_touches(size, leads, rng))


TOPIC_STEP: Final = len(words.MANNERS)
_ACTIVITY_FIELDS: Final = ("customer", "lead", "at", "kind", "seconds", "topic")


def _draw_touches(size: WorldSize, leads: Leads, rng: np.random.Generator) -> Activities:
    """Draw calls to leads: hours after they come, and every ten days while they are open."""
    longest = (leads.closed - leads.contacted).max(initial=0)
    rounds = np.arange(min(int(longest // (TOUCH_DAYS * DAY)) + 1, 6))
    at = leads.contacted[:, None] + rounds * TOUCH_DAYS * DAY
    known = (at < leads.closed[:, None]) & (at < (size.last_day + 1) * DAY)
    lead = np.nonzero(known)[0]
    count = len(lead)
    return Activities(
        customer=np.full(count, NONE),
        lead=lead,
        at=at[known],
        kind=np.full(count, CALL),
        seconds=rng.integers(30, 900, count),
        topic=rng.integers(0, 2**16, count) // TOPIC_STEP * TOPIC_STEP
        + rng.choice(MANNERS_TWO_WAY, count),
    )


def _with_needs(notes: Activities, activities: Activities) -> Activities:
    """Write down what the customer needs after each talk with it."""
    talked = (activities.customer >= 0) & (activities.seconds > 0) & (activities.kind != TASK)
    held = activities.kept(talked)
    return notes.with_rows(replace(held, at=held.at + 600))


def _draw_sparse(
    name: CrmName, size: WorldSize, customers: Customers, *, topic: str, per_customer: float
) -> Activities:
    """Draw notes or cases: some per hundred customers, at any time after their creation."""
    rng = stream(size.seed, f"{name} {topic}")
    count = len(customers.party)
    scale = per_customer if size.activities_per_customer > 0 else 0.0
    own = customers.merged_into < 0
    customer = np.repeat(np.arange(count), np.where(own, rng.poisson(scale, count), 0))
    since = customers.created[customer]
    ahead = (size.last_day + 1) * DAY - since
    at = since + (rng.random(len(customer)) * ahead).astype(np.int64)
    order = np.lexsort((customer, at))
    return Activities(
        customer=customer[order],
        lead=np.full(len(order), NONE),
        at=at[order],
        kind=rng.integers(0, 5, len(order)),
        seconds=(rng.uniform(0.05, 1.9, len(order)) * DAY).astype(np.int64),
        topic=rng.integers(0, 2**16, len(order)),
    )
