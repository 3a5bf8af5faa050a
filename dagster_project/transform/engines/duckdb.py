"""The embedded engine: everything is in the working DuckDB file."""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from dagster_project.ingest import completion, views
from dagster_project.ingest.sql import literal, path_list, rows_by_table
from dagster_project.settings import Settings
from dagster_project.transform.context import (
    AsOf,
    NoRunContextError,
    RunDay,
    write_dates,
    write_run_context,
    write_run_days,
)
from dagster_project.transform.dbt import duckdb_limits
from dagster_project.transform.engines import HISTORY_TABLES, as_published
from dagster_project.transform.history import (
    CURRENT_LINK,
    HISTORY,
    note_computed,
    note_published,
    table_files,
)
from dagster_project.transform.python_tables import PYTHON_TABLES, create_empty_tables
from expectations.rules import Rule, Stage
from expectations.runner import CheckResult, run_checks

LOGGER = logging.getLogger(__name__)

# The newest storage format, read by no one else: it writes keys and texts in less time.
STORAGE_VERSION = "v1.4.0"


def open_work_db(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the working database for writing, within the configured limits."""
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    return duckdb.connect(
        str(settings.work_db),
        config=duckdb_limits(settings) | {"storage_compatibility_version": STORAGE_VERSION},
    )


class DuckDBEngine:
    """The models run in the working database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def history_dates(self) -> list[date]:
        """Give the dates of the class history, restored from the publication if lost."""
        with open_work_db(self._settings) as connection:
            restore_history(connection, self._settings)
            if not _has_table(connection, HISTORY):
                return []
            rows = connection.execute(
                f"select distinct as_of_date from main.{HISTORY} order by all"
            ).fetchall()
        return [row[0] for row in rows]

    def register(
        self, dates: Sequence[AsOf], *, known: date | None, days: Sequence[RunDay] = ()
    ) -> None:
        """Make schema raw: views over the change log, and tables."""
        note_computed(self._settings, [day.as_of_date for day in dates if day.is_requested])
        with open_work_db(self._settings) as connection:
            views.register(connection, self._settings, known)
            write_run_context(connection, list(dates), settings=self._settings)
            write_run_days(connection, days or as_published(dates))
            create_empty_tables(connection)

    def set_dates(self, dates: Sequence[AsOf]) -> None:
        """Replace the dates that the models compute."""
        note_computed(self._settings, [day.as_of_date for day in dates if day.is_requested])
        with open_work_db(self._settings) as connection:
            write_dates(connection, dates)

    def days_done(self, mark: str) -> set[date]:
        """Give the dates of history that are done under a mark, those of other marks forgotten."""
        with open_work_db(self._settings) as connection:
            connection.execute(
                "create schema if not exists progress; create table if not exists "
                "progress.days_done (mark varchar, as_of_date date)"
            )
            connection.execute("delete from progress.days_done where mark <> ?", (mark,))
            rows = connection.execute("select as_of_date from progress.days_done").fetchall()
        return {row[0] for row in rows}

    def note_done(self, mark: str, days: Iterable[date]) -> None:
        """Note dates of history that are whole."""
        with open_work_db(self._settings) as connection:
            connection.executemany(
                "insert into progress.days_done values (?, ?)", [(mark, day) for day in days]
            )

    def forget_done(self) -> None:
        """Forget which dates are done."""
        with open_work_db(self._settings) as connection:
            connection.execute("drop schema if exists progress cascade")

    def judge(self, *, stage: Stage, rules: Sequence[Rule]) -> list[CheckResult]:
        """Judge the rules of a stage on the newest date of the run."""
        database = self._settings.work_db
        if not database.is_file():
            raise NoRunContextError(f"there is no {database}; prepare the run first")
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute(
                "select max(as_of_date) from raw.run_context where is_newest"
            ).fetchone()
        if row is None or row[0] is None:
            raise NoRunContextError(f"{database} has no run context; prepare the run first")
        return run_checks(
            database,
            stage=stage,
            as_of=row[0],
            rules=rules,
            keep_in=self._settings.validations_dir,
        )

    def complete_manifest(self) -> int:
        """Complete the counts of raw.load_manifest from staging."""
        with open_work_db(self._settings) as connection:
            return completion.complete_manifest(connection, self._settings)

    def fetch(self, sql: str) -> pa.Table:
        """Run a query in the working database; give its rows."""
        with open_work_db(self._settings) as connection:
            return connection.execute(sql).to_arrow_table()

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        """Replace a table of schema raw, part by part; give the number of rows."""
        rows = 0
        with open_work_db(self._settings) as connection:
            connection.register("_incoming", PYTHON_TABLES[table].empty_table())
            connection.execute(f"create or replace table raw.{table} as select * from _incoming")
            for part in parts:
                connection.register("_incoming", part)
                connection.execute(f"insert into raw.{table} select * from _incoming")
                rows += part.num_rows
        return rows

    def row_counts(self) -> dict[str, int]:
        """Count the rows of every model that is a table."""
        with duckdb.connect(config=duckdb_limits(self._settings)) as connection:
            self.attach_tables(connection, "work")
            return rows_by_table(connection, "work", "main", "intermediate", "seeds")

    def attach_tables(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """Attach the working database, to be read."""
        connection.execute(f"attach {literal(self._settings.work_db)} as {name} (read_only)")

    def forget(self, dates: Collection[date]) -> None:
        """Delete dates from the class history."""
        listed = ", ".join(f"date '{day}'" for day in sorted(dates))
        with open_work_db(self._settings) as connection:
            connection.execute(f"delete from main.{HISTORY} where as_of_date in ({listed})")

    def gather(self) -> None:
        """Nothing to do: all tables are in the working database."""

    def share(self) -> None:
        """Nothing to do: no connection outlives a step."""

    def release(self) -> None:
        """Nothing to do: no connection outlives a step."""


def restore_history(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Take the history from the newest publication if the working database was deleted."""
    current = settings.published_dir / CURRENT_LINK
    for table in HISTORY_TABLES:
        files = table_files(current, table)
        if _has_table(connection, table) or not files:
            continue
        LOGGER.warning("taking %s from %s: the working database has none", table, current)
        connection.execute(
            f"create table main.{table} as from read_parquet({path_list(files)}, "
            "union_by_name = true, hive_partitioning = false)"
        )
        if table == HISTORY:
            note_published(settings)


def _has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    row = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'main' and table_name = ?",
        (table,),
    ).fetchone()
    return bool(row and row[0])
