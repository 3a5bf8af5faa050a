"""Where the models run: what a night asks of an engine, and the engine of a settings file."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Protocol

import duckdb
import pyarrow as pa

from dagster_project.settings import Settings
from dagster_project.transform.context import AsOf, RunDay
from expectations.rules import Rule, Stage
from expectations.runner import CheckResult

# Tables that a night adds to; all others are made anew.
HISTORY_TABLES = (
    "customer_classification_history",
    "rfm_thresholds",
    "dq_results",
    "dq_scorecard",
    "dq_violation_changes",
    "clv_parameters",
    "segment_kpis",
)


class Engine(Protocol):
    """What a night needs besides dbt; its state is on disk, so that a step may build it anew."""

    def history_dates(self) -> list[date]:
        """Give the dates of the class history, restored from the publication if lost."""

    def register(
        self, dates: Sequence[AsOf], *, known: date | None, days: Sequence[RunDay] = ()
    ) -> None:
        """Make schema raw: what is landed up to `known`, the dates of the models, all of the run.

        days: every date of the run; empty = those of `dates` that are requested, as published.
        """

    def set_dates(self, dates: Sequence[AsOf]) -> None:
        """Replace the dates that the models compute."""

    def days_done(self, mark: str) -> set[date]:
        """Give the dates of history that are done under a mark, those of other marks forgotten.

        What is done is kept where the history is kept, and lost with it.
        """

    def note_done(self, mark: str, days: Iterable[date]) -> None:
        """Note dates of history that are whole."""

    def forget_done(self) -> None:
        """Forget which dates are done: the run that noted them came to its end."""

    def judge(self, *, stage: Stage, rules: Sequence[Rule]) -> list[CheckResult]:
        """Judge the rules of a stage on the newest date of the run."""

    def complete_manifest(self) -> int:
        """Complete the counts of raw.load_manifest from staging; give the number of files."""

    def fetch(self, sql: str) -> pa.Table:
        """Run a query that means the same on every engine; give its rows."""

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        """Replace a table of schema raw, part by part; give the number of rows."""

    def row_counts(self) -> dict[str, int]:
        """Count the rows of every model that is a table."""

    def attach_tables(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """Attach the tables of the models to a DuckDB connection, to be read under that name."""

    def forget(self, dates: Collection[date]) -> None:
        """Delete dates, at least one, from the class history."""

    def gather(self) -> None:
        """Bring what is published, and what the summary reads, into the working DuckDB file."""

    def share(self) -> None:
        """Make ready for dbt's process: open what it joins, let go of what it needs for itself."""

    def release(self) -> None:
        """Let go of all that is open."""


def as_published(dates: Iterable[AsOf]) -> list[RunDay]:
    """Give the days of a run that has no other dates than those its models compute."""
    return [RunDay(day.as_of_date, "published") for day in dates if day.is_requested]


def engine_of(settings: Settings) -> Engine:
    """Give the engine that the settings name."""
    if settings.engine == "spark":
        # An extra that need not be installed.
        from dagster_project.transform.engines.spark import SparkEngine  # noqa: PLC0415

        return SparkEngine(settings)
    from dagster_project.transform.engines.duckdb import DuckDBEngine  # noqa: PLC0415

    return DuckDBEngine(settings)
