"""Which dates are compared: each date of the history with the one before it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.changes.kept import KEPT, NIGHT, dates_kept
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
    which the run has to compute too.
    """

    previous: dict[date, date]
    missing: list[date]


def kept_file(settings: Settings) -> Path:
    """Give the database of what is kept beside the history."""
    return settings.work_dir / "history.duckdb"


def neighbours(settings: Settings, history: Sequence[date], days: Sequence[date]) -> Neighbours:
    """Find the dates before and after those of a run: what follows a new date has to be redone."""
    every = sorted({*history, *days})
    before = dict(zip(every[1:], every, strict=False))
    previous = {day: earlier for day, earlier in before.items() if {day, earlier} & set(days)}
    needed = {*previous, *previous.values()} - set(days)
    kept: set[date] = set()
    if needed and kept_file(settings).exists():
        with duckdb.connect(str(kept_file(settings))) as connection:
            kept = set(dates_kept(connection))
    return Neighbours(previous=previous, missing=sorted(needed - kept))


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
    compared: Sequence[AsOf],
    rules_changed: Sequence[date],
) -> None:
    """Write whatif.moments (a date and its exports) and whatif.pairs (a date and the one before).

    A pair is made anew if the run computed either of its dates.
    """
    connection.execute(
        "create table whatif.moments (as_of_date date, knowledge_date date, attribute_date date, "
        "window_start date, is_new boolean, has_new_rules boolean)"
    )
    fresh = {one.as_of_date for one in dates if one.is_requested}
    connection.executemany(
        "insert into whatif.moments values (?, ?, ?, ?, ?, ?)",
        [
            (
                day,
                one.knowledge_date,
                one.attribute_date,
                one.window_start,
                day in fresh,
                day in rules_changed,
            )
            for day, one in {one.as_of_date: one for one in (*compared, *dates)}.items()
        ],
    )
    connection.execute(f"""
        create table whatif.pairs as
        select
            today.*,
            before.knowledge_date as previous_known,
            before.attribute_date as previous_attribute,
            before.window_start as previous_window
        from (
            select *, lag(as_of_date) over (order by as_of_date) as previous
            from whatif.moments semi join {HISTORY} as history using (as_of_date)
        ) as today
        inner join whatif.moments as before on today.previous = before.as_of_date
        where today.is_new or before.is_new
    """)
