"""One CRM as it stood at the end of a night: what exists, who owns it, what stage it is in.

What belongs here: facts up to a moment, derived from the world. What does not: their spelling.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dagster_project.demo.columns import DAY, NEVER, NONE, Bools, Ints
from dagster_project.demo.world import LEFT_OWNER, Crm, World

DELIVERY_DAYS: Final = 5


@dataclass(frozen=True)
class Snapshot:
    """A CRM at the last second of a day."""

    world: World
    crm: Crm
    day: int

    @property
    def until(self) -> np.int64:
        """The first second that is no longer known."""
        return np.int64((self.day + 1) * DAY)

    def before(self, at: Ints) -> Bools:
        """Tell what has happened."""
        happened: Bools = np.less(at, self.until)
        return happened

    def known(self, at: Ints) -> Ints:
        """Keep times that have come; NONE for the others."""
        return np.where(self.before(at), at, NONE)

    def has_left(self, owners: Ints) -> Bools:
        """Owners that no longer work here."""
        left: Bools = np.logical_and(owners == LEFT_OWNER, self.day >= self.world.left_day)
        return left

    @cached_property
    def customers(self) -> Ints:
        """Customer records that exist: created and not merged away."""
        table = self.crm.customers
        return np.flatnonzero(self.before(table.created) & ~self.before(table.merged_at))

    @cached_property
    def winner(self) -> Ints:
        """The record that stands for a customer record, itself or what it was merged into."""
        table = self.crm.customers
        own = np.arange(len(table.party))
        return np.where(self.before(table.merged_at), table.merged_into, own)

    @cached_property
    def owner(self) -> Ints:
        """The owner of each customer record."""
        table = self.crm.customers
        return np.where(self.before(table.owner_changed), table.owner_next, table.owner)

    @cached_property
    def contacts(self) -> Ints:
        """Contacts that exist; those of a merged record are gone with it."""
        table = self.crm.contacts
        gone = self.before(self.crm.customers.merged_at)[table.customer]
        return np.flatnonzero(self.before(table.created) & ~gone)

    @cached_property
    def leads(self) -> Ints:
        """Leads that exist."""
        return np.flatnonzero(self.before(self.crm.leads.created))

    @cached_property
    def deals(self) -> Ints:
        """Deals that exist."""
        return np.flatnonzero(self.before(self.crm.deals.created))

    @cached_property
    def orders(self) -> Ints:
        """Orders that exist; they are sorted by time."""
        return np.arange(np.searchsorted(self.crm.orders.at, self.until))

    @cached_property
    def activities(self) -> Ints:
        """Activities that have happened; they are sorted by time."""
        return np.arange(np.searchsorted(self.crm.activities.at, self.until))

    @cached_property
    def order_count(self) -> Ints:
        """Counted orders of each customer record."""
        orders = self.crm.orders
        rows = self.orders[orders.counted[self.orders]]
        return np.bincount(self.winner[orders.customer[rows]], minlength=len(self.winner))

    @cached_property
    def last_order(self) -> Ints:
        """Time of each customer record's last counted order, or NONE."""
        orders = self.crm.orders
        rows = self.orders[orders.counted[self.orders]]
        return _last(self.winner[orders.customer[rows]], orders.at[rows], len(self.winner))

    @cached_property
    def last_contact(self) -> Ints:
        """Time of each customer record's last activity, or NONE."""
        table = self.crm.activities
        rows = self.activities[table.customer[self.activities] >= 0]
        return _last(self.winner[table.customer[rows]], table.at[rows], len(self.winner))

    @cached_property
    def last_touch(self) -> Ints:
        """Time of each lead's last activity, or NONE."""
        table = self.crm.activities
        rows = self.activities[table.lead[self.activities] >= 0]
        return _last(table.lead[rows], table.at[rows], len(self.crm.leads.created))

    def lead_owner(self, rows: Ints) -> Ints:
        """Find the owner of each lead: that of the customer it becomes, or its own."""
        table = self.crm.leads
        customer = table.customer[rows]
        return np.where(customer >= 0, self.owner[np.maximum(customer, 0)], table.owner[rows])

    def activity_owner(self, rows: Ints) -> Ints:
        """Find who made each activity."""
        table = self.crm.activities
        customer, lead = table.customer[rows], table.lead[rows]
        theirs = self.crm.customers.owner_at(table.at[rows], np.maximum(customer, 0))
        return np.where(lead >= 0, self.lead_owner(np.maximum(lead, 0)), theirs)

    def deal_stage(self, rows: Ints) -> tuple[Ints, Bools]:
        """Find the stage each deal is in (or was last in), and whether it is closed."""
        deals = self.crm.deals
        stage = (deals.entered[rows] < self.until).sum(axis=1) - 1
        return stage, self.before(deals.closed[rows])

    def deal_modified(self, rows: Ints) -> Ints:
        """When each deal last changed."""
        deals = self.crm.deals
        stage, closed = self.deal_stage(rows)
        return np.where(closed, deals.closed[rows], deals.entered[rows, stage])

    def customer_modified(self, rows: Ints) -> Ints:
        """When each customer record last changed."""
        table = self.crm.customers
        changes = (table.created, table.owner_changed, table.edited)
        times = [self.known(change[rows]) for change in changes]
        latest: Ints = np.maximum.reduce([*times, self.last_order[rows], self.last_contact[rows]])
        return latest

    def follow_up_day(self, rows: Ints) -> Ints:
        """Plan the next follow-up: one day of the week by record, always after the export."""
        day: Ints = np.add(self.day + 1, (rows * 5 - self.day) % 7)
        return day


def _last(groups: Ints, times: Ints, count: int) -> Ints:
    """Find the last time by group; times ascend, and later assignments win."""
    last = np.full(count, NONE)
    last[groups] = times
    return last


def order_status_since(crm: Crm, rows: Ints) -> tuple[Ints, Ints]:
    """When an order is delivered (counted ones) and when it is cancelled (the others)."""
    orders = crm.orders
    later = orders.at[rows] + (2 + rows % 5) * DAY
    counted = orders.counted[rows]
    return np.where(counted, later, NEVER), np.where(counted, NEVER, later)


def delivery_days(crm: Crm, rows: Ints) -> Ints:
    """When an order is to be delivered; none for drafts, and for a record that is merged later."""
    orders = crm.orders
    known = orders.counted[rows] & (crm.customers.merged_into[orders.customer[rows]] < 0)
    return np.where(known, orders.at[rows] // DAY + DELIVERY_DAYS, NONE)
