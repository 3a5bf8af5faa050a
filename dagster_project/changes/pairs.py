"""Which dates are compared: each date of the history with the one before it."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb

from dagster_project.changes.kept import (
    KEPT,
    NIGHT,
    dates_noted,
    dates_waiting,
    forget_knowledge,
    knowledge_kept,
    note_waiting,
)
from dagster_project.ingest.sql import literal
from dagster_project.settings import Settings
from dagster_project.transform.context import AsOf
from dagster_project.transform.dbt import duckdb_limits
from dagster_project.transform.engines import Engine

HISTORY = f"{NIGHT}.main.customer_classification_history"


@dataclass(frozen=True)
class Neighbours:
    """What a run's dates are compared with.

    previous: by date, the date before it in the history. missing: dates whose lines are not kept,
    which the run has to compute too. known: the knowledge dates of those that are kept. waiting:
    dates that a run has to compare which knows more exports.
    """

    previous: dict[date, date]
    missing: list[date] = field(default_factory=list)
    known: dict[date, date] = field(default_factory=dict)
    waiting: list[date] = field(default_factory=list)


def kept_file(settings: Settings) -> Path:
    """Give the database of what is kept beside the history."""
    return settings.work_dir / "history.duckdb"


def neighbours(
    settings: Settings, history: Sequence[date], days: Sequence[date], *, newest: date
) -> Neighbours:
    """Find the dates before and after those of a run: what follows a new date has to be redone.

    newest: the last export that the run sees. What happened on a date that was computed with later
    ones cannot be told by it: such a date waits, and the next run that sees them takes it up.

    Dates with the history gone between them are no pair: what changed in between is noted date by
    date and would be counted again.
    """
    known: dict[date, date] = {}
    waiting: set[date] = set()
    noted: list[date] = []
    if kept_file(settings).exists():
        with duckdb.connect(str(kept_file(settings))) as connection:
            known, waiting = knowledge_kept(connection), dates_waiting(connection)
            noted = dates_noted(connection)
    every = sorted({*history, *days})
    pairs = {
        day: earlier
        for earlier, day in pairwise(every)
        if {day, earlier} & waiting.union(days)
        and bisect_right(noted, earlier) == bisect_left(noted, day)
    }
    previous = {
        day: earlier
        for day, earlier in pairs.items()
        if all(one in days or known.get(one, one) <= newest for one in (day, earlier))
    }
    needed = {*previous, *previous.values()} - set(days)
    return Neighbours(
        previous=previous,
        missing=sorted(needed - set(known)),
        known={day: known[day] for day in needed & set(known)},
        waiting=sorted(set(pairs) - set(previous)),
    )


def note_started(settings: Settings, days: Collection[date]) -> None:
    """Note dates before their classes are written: they wait until they are compared.

    A run that ends in between leaves a history whose changes nobody has found, and lines of before;
    the next run finds both.
    """
    with duckdb.connect(str(kept_file(settings))) as connection:
        note_waiting(connection, compared=(), waiting=days)
        forget_knowledge(connection, days)


@contextmanager
def both_databases(settings: Settings, engine: Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database with the night's tables and what is kept attached."""
    with duckdb.connect(
        ":memory:",
        config=duckdb_limits(settings),
    ) as connection:
        engine.attach_tables(connection, NIGHT)
        connection.execute(f"attach {literal(kept_file(settings))} as {KEPT}")
        connection.execute("create schema whatif")
        yield connection


def store_pairs(
    connection: duckdb.DuckDBPyConnection,
    dates: Sequence[AsOf],
    *,
    previous: Mapping[date, date],
    rules_changed: Sequence[date],
) -> None:
    """Write whatif.pairs: a date and the one before, each with the exports that it was known by."""
    connection.execute(
        "create table whatif.moments (as_of_date date, knowledge_date date, attribute_date date, "
        "window_start date, previous date, has_new_rules boolean)"
    )
    connection.executemany(
        "insert into whatif.moments values (?, ?, ?, ?, ?, ?)",
        [
            (
                one.as_of_date,
                one.knowledge_date,
                one.attribute_date,
                one.window_start,
                previous.get(one.as_of_date),
                one.as_of_date in rules_changed,
            )
            for one in dates
        ],
    )
    connection.execute("""
        create table whatif.pairs as
        select
            today.*,
            before.knowledge_date as previous_known,
            before.attribute_date as previous_attribute,
            before.window_start as previous_window
        from whatif.moments as today
        inner join whatif.moments as before on today.previous = before.as_of_date
    """)


def both_dates() -> str:
    """Write the relation of today's and the date before's classes of each pair, per customer.

    today, before: rows of the history, with pair_date and previous; one of them may be missing.
    """
    today, before = (
        "(select pairs.as_of_date as pair_date, pairs.previous, history.* "
        f"from {HISTORY} as history "
        f"inner join whatif.pairs as pairs on history.as_of_date = pairs.{day}) as {name}"
        for day, name in (("as_of_date", "today"), ("previous", "before"))
    )
    return (
        f"{today} full outer join {before} "
        "on today.pair_date = before.pair_date and today.customer_key = before.customer_key"
    )
