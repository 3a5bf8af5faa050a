"""What the predictions read: who had bought what by a date, as far as it was known.

What belongs here: the one query of the models' purchase days, written for every engine, and its
result as arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.clv.likelihood import Floats, Ints
from dagster_project.clv.scoring import Purchasers

# Rows of one query: a date at a time for a million customers, a year for a few thousand.
MAX_ROWS = 1_500_000


class Reader(Protocol):
    """Runs a query and gives its rows."""

    def fetch(self, sql: str) -> pa.Table:
        """Run a query that means the same on every engine."""


@dataclass(frozen=True, order=True)
class Moment:
    """Facts dated up to `on`, as known by the exports up to `known`; those after `since` apart."""

    on: date
    known: date
    since: date


@dataclass(frozen=True)
class Customers:
    """The customers who had bought by a moment; `recent` = their purchase days after `since`."""

    keys: pa.Array
    purchasers: Purchasers
    recent: Ints


def customers_at(reader: Reader, moments: Sequence[Moment]) -> Iterator[tuple[Moment, Customers]]:
    """Read the customers of each moment."""
    return chain.from_iterable(batches_at(reader, moments))


def batches_at(
    reader: Reader, moments: Sequence[Moment]
) -> Iterator[list[tuple[Moment, Customers]]]:
    """Read the customers of each moment, several moments at once as long as they are few."""
    ordered = sorted(set(moments))
    if not ordered:
        return
    counted = reader.fetch(
        "select count(distinct customer_key) as customers "
        "from intermediate.int_purchases__customer_days"
    )
    at_once = max(1, MAX_ROWS // max(1, int(counted["customers"][0].as_py())))
    for first in range(0, len(ordered), at_once):
        batch = ordered[first : first + at_once]
        rows = reader.fetch(_query(batch))
        found = []
        for position, moment in enumerate(batch):
            chosen = rows if len(batch) == 1 else rows.filter(pc.equal(rows["position"], position))
            found.append((moment, _customers(chosen, moment)))
        yield found


def _query(moments: Sequence[Moment]) -> str:
    """Write the query of several moments.

    Days that all of them see alike, most of them, are summed up once per customer; only the others
    are met with each moment.
    """
    dates = " union all ".join(
        f"select {position} as position, date '{moment.on}' as on_date, "
        f"date '{moment.known}' as known_date, date '{moment.since}' as since_date"
        for position, moment in enumerate(moments)
    )
    seen_by_all = min(min(moment.on, moment.since) for moment in moments)
    first_known = min(moment.known for moment in moments)
    last_known = max(moment.known for moment in moments)
    return f"""
        with moments as ({dates}),
        days as (
            select
                customer_key, event_date, net_base, known_from, known_to,
                event_date <= date '{seen_by_all}'
                and known_from <= date '{first_known}'
                and (known_to is null or known_to > date '{last_known}') as is_settled
            from intermediate.int_purchases__customer_days
            where orders > 0 and customer_key <> 'unknown'
        ),
        settled as (
            select
                customer_key,
                min(event_date) as first_date,
                max(event_date) as last_date,
                count(*) as purchase_days,
                sum(net_base) as total_base,
                min_by(net_base, event_date) as first_base
            from days
            where is_settled
            group by customer_key
        ),
        parts as (
            select
                moments.position, settled.customer_key, settled.first_date, settled.last_date,
                settled.purchase_days, 0 as recent_days, settled.total_base, settled.first_base
            from settled
            cross join moments
            union all
            select
                moments.position, days.customer_key, days.event_date, days.event_date,
                1, case when days.event_date > moments.since_date then 1 else 0 end,
                days.net_base, days.net_base
            from days
            inner join moments
                on
                    days.event_date <= moments.on_date
                    and days.known_from <= moments.known_date
                    and (days.known_to is null or days.known_to > moments.known_date)
            where not days.is_settled
        )
        select
            position,
            customer_key,
            min(first_date) as first_date,
            max(last_date) as last_date,
            sum(purchase_days) as purchase_days,
            sum(recent_days) as recent_days,
            cast(sum(total_base) as double) as total_base,
            cast(min_by(first_base, first_date) as double) as first_base
        from parts
        group by position, customer_key
    """


def _customers(rows: pa.Table, moment: Moment) -> Customers:
    first, last = (_days(rows[name]) for name in ("first_date", "last_date"))
    total, start = (_cents(rows[name]) for name in ("total_base", "first_base"))
    today = (moment.on - date(1970, 1, 1)).days
    return Customers(
        keys=rows["customer_key"].combine_chunks().cast(pa.string()),
        purchasers=Purchasers(
            repeats=_numbers(rows["purchase_days"]) - 1,
            last=_floats(last - first),
            age=_floats(today - first),
            repeat_spend=_floats(total - start) / 100,
            total_spend=_floats(total) / 100,
        ),
        recent=_numbers(rows["recent_days"]),
    )


def _days(column: pa.ChunkedArray) -> Ints:
    return _numbers(column.cast(pa.date32()).cast(pa.int32()))


def _numbers(column: pa.ChunkedArray) -> Ints:
    # DuckDB sums integers to decimals without a scale.
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _cents(column: pa.ChunkedArray) -> Ints:
    return np.asarray(np.rint(column.to_numpy() * 100), dtype=np.int64)


def _floats(values: Ints) -> Floats:
    return values.astype(np.float64)
