"""The run context: which dates a run computes, handed to the models as two small tables.

Models never read a clock and take no variables: `raw.run_context` has one row per as-of date and
`raw.run_settings` a single row (definitions §0). `raw.run_days` has every date of the run, of which
the context holds a chunk at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import duckdb

from dagster_project.settings import Settings

NO_WINDOW_START = date(1900, 1, 1)


class RunContextError(Exception):
    """The dates asked for cannot be computed."""


class NoRunContextError(Exception):
    """A step was asked for before the run was prepared."""


@dataclass(frozen=True)
class AsOf:
    """One date to compute: what had happened by as_of, as known by the exports up to knowledge."""

    as_of_date: date
    knowledge_date: date
    attribute_date: date
    window_start: date
    is_newest: bool
    # False: computed only because the ABC tier of a later date looks back at it.
    is_requested: bool = True
    # True: computed only because the classes of a date beside it are compared with its own.
    is_compared: bool = False


@dataclass(frozen=True, kw_only=True)
class Exports:
    """The first and the newest export date that are loaded."""

    first: date
    newest: date


@dataclass(frozen=True)
class RunDay:
    """One date of a run, and what it is there for.

    published: the newest date, of which every table is made. asked: history that was asked for.
    lookback: history that a night replaces because late facts may have come (lookback_days).
    known: a knowledge date that replaces K(D).
    """

    as_of_date: date
    role: Literal["published", "asked", "lookback"]
    known: date | None = None


def knowledge_date(as_of: date, *, exports: Exports, lookback_days: int) -> date:
    """K(D) = max(E0, min(D + L, newest export loaded)), definitions §0."""
    return max(exports.first, min(as_of + timedelta(days=lookback_days), exports.newest))


def run_dates(
    as_of_dates: list[date],
    *,
    exports: Exports,
    settings: Settings,
    known: date | None = None,
    compared: Sequence[date] = (),
) -> list[AsOf]:
    """Give each as-of date its knowledge date, attribute date and window; the last is published.

    known: a knowledge date that replaces K(D) for all that are asked for; the days that their tiers
    look back at keep their own, as far as it is known by then.
    compared: dates that are computed too, as they are known, only to be compared with.
    """
    if not as_of_dates:
        raise RunContextError("no as-of date was given; expected at least one")
    if known is not None and known < exports.first:
        raise RunContextError(
            f"KNOWN={known} is before the first export loaded, {exports.first}; "
            f"choose a date from {exports.first} to {exports.newest}"
        )
    requested = set(as_of_dates)
    newest = max(requested)
    looked_at = {
        day - timedelta(days=back)
        for day in requested.union(compared)
        for back in range(settings.abc.hysteresis_days)
    }
    ordered = sorted(looked_at)

    def knowledge(day: date) -> date:
        own = knowledge_date(day, exports=exports, lookback_days=settings.lookback_days)
        if known is None or day in compared:
            return own
        return known if day in requested else min(own, known)

    return [
        AsOf(
            as_of_date=day,
            knowledge_date=knowledge(day),
            attribute_date=max(day, exports.first),
            window_start=NO_WINDOW_START
            if settings.window_days is None
            else day - timedelta(days=settings.window_days - 1),
            is_newest=day == newest,
            is_requested=day in requested,
            is_compared=day in compared,
        )
        for day in ordered
    ]


def write_run_context(
    connection: duckdb.DuckDBPyConnection, dates: list[AsOf], *, settings: Settings
) -> None:
    """Replace raw.run_context and raw.run_settings."""
    connection.execute("create schema if not exists raw")
    write_dates(connection, dates)
    connection.execute(
        "create or replace table raw.run_settings (base_currency varchar, bins integer, "
        "frequency_measure varchar, count_zero_value boolean, monetary_measure varchar, "
        "rfm_scoring varchar, rfm_split varchar, abc_preset varchar, "
        "abc_hysteresis_days integer)"
    )
    connection.execute(
        "insert into raw.run_settings values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            settings.base_currency,
            settings.rfm.bins,
            settings.rfm.frequency,
            settings.count_zero_value,
            settings.rfm.monetary,
            settings.rfm.scoring,
            settings.rfm.split,
            settings.abc.preset,
            settings.abc.hysteresis_days,
        ),
    )


def write_dates(connection: duckdb.DuckDBPyConnection, dates: Sequence[AsOf]) -> None:
    """Replace raw.run_context."""
    connection.execute(
        "create or replace table raw.run_context (as_of_date date, knowledge_date date, "
        "attribute_date date, window_start date, is_newest boolean, is_requested boolean, "
        "is_compared boolean)"
    )
    connection.executemany(
        "insert into raw.run_context values (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                d.as_of_date,
                d.knowledge_date,
                d.attribute_date,
                d.window_start,
                d.is_newest,
                d.is_requested,
                d.is_compared,
            )
            for d in dates
        ],
    )


def write_run_days(connection: duckdb.DuckDBPyConnection, days: Iterable[RunDay]) -> None:
    """Replace raw.run_days."""
    connection.execute(
        "create or replace table raw.run_days (as_of_date date, role varchar, known date)"
    )
    connection.executemany(
        "insert into raw.run_days values (?, ?, ?)",
        [(day.as_of_date, day.role, day.known) for day in days],
    )
