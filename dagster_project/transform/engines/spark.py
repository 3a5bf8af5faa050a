"""Apache Spark: the raw zone as external tables, the models as Parquet tables of its warehouse.

What is small and already known without Spark (manifest, audits, the dates of a run) is made by
DuckDB exactly as on the embedded engine and handed over as Parquet; so is what comes out.
"""

import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import completion, views
from dagster_project.ingest.audit import Audit
from dagster_project.ingest.contract import Entity, load_contract
from dagster_project.ingest.sql import literal, quoted
from dagster_project.settings import Settings
from dagster_project.transform.context import (
    AsOf,
    NoRunContextError,
    RunDay,
    write_dates,
    write_run_context,
    write_run_days,
)
from dagster_project.transform.engines import HISTORY_TABLES, as_published
from dagster_project.transform.engines.duckdb import open_work_db
from dagster_project.transform.history import (
    CURRENT_LINK,
    HISTORY,
    note_computed,
    note_published,
    table_files,
)
from dagster_project.transform.python_tables import PYTHON_TABLES, create_empty_tables
from dagster_project.transform.spark_session import (
    close_spark_session,
    spark_dir,
    spark_session,
    warehouse_dir,
)
from expectations.rules import Rule, Stage
from expectations.runner import CheckResult, run_checks_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOGGER = logging.getLogger(__name__)

PARTITION = "as_of_date"
# What the summary reads beside the published tables.
SUMMARY_TABLES = ("int_crm__account_names", "int_config__thresholds")
SPARK_TYPES = {"VARCHAR": "string", "INTEGER": "int"}
# What the completion of the manifest reads of a staged row.
FATE_COLUMNS = (
    "_source, _kind, _export_date, _record_id, _content_hash, _quarantine_reason, _is_deleted"
)


class SparkEngine:
    """The models run on Spark; DuckDB reads and writes what is small."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._raw = spark_dir(settings) / "raw"

    @property
    def _spark(self) -> "SparkSession":
        return spark_session(self._settings)

    def history_dates(self) -> list[date]:
        """Give the dates of the class history, restored from the publication if lost."""
        self._restore_history()
        table = f"main.{HISTORY}"
        if not self._spark.catalog.tableExists(table):
            return []
        return [
            date.fromisoformat(row["partition"].removeprefix(f"{PARTITION}="))
            for row in self._spark.sql(f"show partitions {table}").collect()
        ]

    def register(
        self, dates: Sequence[AsOf], *, known: date | None, days: Sequence[RunDay] = ()
    ) -> None:
        """Make schema raw: partitions over the change log, and small tables."""
        note_computed(self._settings, [day.as_of_date for day in dates if day.is_requested])
        with duckdb.connect() as connection:
            views.register(connection, self._settings, known)
            write_run_context(connection, list(dates), settings=self._settings)
            write_run_days(connection, days or as_published(dates))
            create_empty_tables(connection)
            self._write_small_tables(connection)
        self._spark.sql("drop database if exists raw cascade")
        self._spark.sql("create database raw")
        for folder in sorted(self._raw.iterdir()):
            self._spark.sql(
                f"create table raw.`{folder.name}` using parquet location {_text(folder)}"
            )
        folders: dict[str, list[tuple[Audit, Path]]] = defaultdict(list)
        audits = views.read_audits(self._settings, known)
        for audit, folder in views.accepted_folders(self._settings, audits):
            folders[audit.entity].append((audit, folder))
        for entity in load_contract().values():
            self._register_entity(entity, folders[entity.name])

    def set_dates(self, dates: Sequence[AsOf]) -> None:
        """Replace the dates that the models compute."""
        note_computed(self._settings, [day.as_of_date for day in dates if day.is_requested])
        with duckdb.connect() as connection:
            connection.execute("create schema raw")
            write_dates(connection, dates)
            self._write_small_tables(connection, only="run_context")
        self._spark.sql("refresh table raw.run_context")

    def days_done(self, mark: str) -> set[date]:
        """Give the dates of history that are done under a mark, those of other marks forgotten."""
        if not self._done_file.exists():
            return set()
        noted = json.loads(self._done_file.read_text(encoding="utf-8"))
        if noted["mark"] != mark:
            self.forget_done()
            return set()
        return {date.fromisoformat(day) for day in noted["days"]}

    def note_done(self, mark: str, days: Iterable[date]) -> None:
        """Note dates of history that are whole; the file is replaced in one step."""
        done = sorted({*self.days_done(mark), *days})
        part = self._done_file.with_suffix(".part")
        part.write_text(
            json.dumps({"mark": mark, "days": [day.isoformat() for day in done]}), encoding="utf-8"
        )
        part.replace(self._done_file)

    def forget_done(self) -> None:
        """Forget which dates are done."""
        self._done_file.unlink(missing_ok=True)

    def judge(self, *, stage: Stage, rules: Sequence[Rule]) -> list[CheckResult]:
        """Judge the rules of a stage on the newest date of the run."""
        if not self._spark.catalog.tableExists("raw.run_context"):
            raise NoRunContextError("Spark has no raw.run_context; prepare the run first")
        newest = self._spark.sql("select max(as_of_date) from raw.run_context where is_newest")
        # Importing it imports Great Expectations, which takes 4 s.
        from expectations.spark_engine import open_session  # noqa: PLC0415

        return run_checks_in(
            lambda: open_session(self._spark),
            stage=stage,
            as_of=newest.first()[0],
            rules=rules,
            keep_in=self._settings.validations_dir,
        )

    def complete_manifest(self) -> int:
        """Complete the counts of raw.load_manifest from staging."""
        fates = spark_dir(self._settings) / "fates"
        with duckdb.connect() as connection:
            views.register(connection, self._settings, self._known())
            connection.execute("create schema staging")
            for entity in load_contract().values():
                folder = fates / entity.name
                staged = f"stg_crm__{entity.name}"
                self._spark.sql(f"select {FATE_COLUMNS} from staging.{staged}").write.parquet(
                    str(folder), mode="overwrite"
                )
                connection.execute(
                    f"create view staging.{quoted(staged)} as "
                    f"from read_parquet({literal(folder / '*.parquet')})"
                )
            done = completion.complete_manifest(connection, self._settings)
            self._write_small_tables(connection, only="load_manifest")
        self._spark.sql("refresh table raw.load_manifest")
        shutil.rmtree(fates)
        return done

    def fetch(self, sql: str) -> pa.Table:
        """Run a query on Spark, by way of files: its rows never are in the driver's memory."""
        folder = spark_dir(self._settings) / "fetched"
        self._spark.sql(sql).write.parquet(str(folder), mode="overwrite")
        rows = pq.read_table(folder)
        shutil.rmtree(folder)
        return rows

    def store(self, table: str, parts: Iterable[pa.Table]) -> int:
        """Replace a table of schema raw, a file per part; give the number of rows."""
        folder = self._raw / table
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = 0
        for number, part in enumerate(chain([PYTHON_TABLES[table].empty_table()], parts)):
            pq.write_table(part, folder / f"rows_{number}.parquet")
            rows += part.num_rows
        self._spark.sql(f"refresh table raw.{table}")
        return rows

    def row_counts(self) -> dict[str, int]:
        """Count the rows of every model that is a table, from the ends of its files."""
        counts = {}
        with duckdb.connect() as connection:
            for schema in ("main", "intermediate", "seeds"):
                for table in _tables(self._schema_dir(schema)):
                    if not _has_rows(self._schema_dir(schema) / table):
                        counts[table] = 0
                        continue
                    row = connection.execute(
                        f"select count(*) from {_parquet(self._schema_dir(schema) / table)}"
                    ).fetchone()
                    counts[table] = int(row[0]) if row else 0
        return counts

    def attach_tables(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """Attach views on the files of the warehouse; what is small comes from Spark as it is."""
        connection.execute(f"attach ':memory:' as {name}")
        for schema in ("main", "intermediate", "seeds"):
            connection.execute(f"create schema if not exists {name}.{schema}")
            for table in _tables(self._schema_dir(schema)):
                folder = self._schema_dir(schema) / table
                if _has_rows(folder):
                    columns = "*"
                    if any(folder.glob(f"{PARTITION}=*")):
                        columns = f"* replace (cast({PARTITION} as date) as {PARTITION})"
                    connection.execute(
                        f"create view {name}.{schema}.{quoted(table)} as "
                        f"select {columns} from {_parquet(folder)}"
                    )
                else:
                    self._create_empty(
                        connection, f"{schema}.{table}", f"{name}.{schema}.{quoted(table)}"
                    )
        connection.execute(f"create schema {name}.raw")
        for folder in sorted(self._raw.iterdir()):
            connection.execute(
                f"create view {name}.raw.{quoted(folder.name)} as "
                f"from read_parquet({literal(folder / '*.parquet')})"
            )

    def forget(self, dates: Collection[date]) -> None:
        """Drop the partitions of dates from the class history."""
        listed = ", ".join(f"partition ({PARTITION} = '{day}')" for day in sorted(dates))
        self._spark.sql(f"alter table main.{HISTORY} drop if exists {listed}")

    def gather(self) -> None:
        """Copy what is published, and what the summary reads, into the working DuckDB file."""
        # Nothing in it is kept from night to night: the warehouse holds the history.
        self._settings.work_db.unlink(missing_ok=True)
        with open_work_db(self._settings) as connection:
            connection.execute("create schema intermediate; create schema raw")
            for table in _tables(self._schema_dir("main")):
                self._copy(connection, "main", table, self._schema_dir("main") / table)
            for table in SUMMARY_TABLES:
                folder = self._schema_dir("intermediate") / table
                self._copy(connection, "intermediate", table, folder)
            for table in ("run_context", "run_days"):
                self._copy(connection, "raw", table, self._raw / table)

    def share(self) -> None:
        """Open the session that dbt joins; a Thrift server needs the metastore for itself."""
        if self._settings.spark.method == "session":
            spark_session(self._settings)
        else:
            close_spark_session()

    def release(self) -> None:
        """Close the session with its Java process."""
        close_spark_session()

    @property
    def _done_file(self) -> Path:
        """Beside the metastore: without it the tables are lost too."""
        return spark_dir(self._settings) / "days_done.json"

    def _schema_dir(self, schema: str) -> Path:
        return warehouse_dir(self._settings) / f"{schema}.db"

    def _known(self) -> date | None:
        """Give the knowledge date that bounded the registration, as the manifest shows it."""
        newest = self._spark.sql("select max(export_date) from raw.load_manifest").first()
        return newest[0] if newest else None

    def _write_small_tables(
        self, connection: duckdb.DuckDBPyConnection, only: str | None = None
    ) -> None:
        rows = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'raw'"
        ).fetchall()
        for (table,) in rows:
            if only in {None, table}:
                folder = self._raw / table
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                connection.execute(
                    f"copy raw.{quoted(table)} to {literal(folder / 'rows.parquet')} "
                    "(format parquet)"
                )

    def _register_entity(self, entity: Entity, folders: list[tuple[Audit, Path]]) -> None:
        """Register a view like DuckDB's over one partition per accepted drop."""
        columns = ", ".join(
            f"`{name}` {SPARK_TYPES.get(kind, kind)}" for name, kind in entity.columns.items()
        )
        landed = f"raw.landed_{entity.name}"
        self._spark.sql(
            f"create table {landed} ({columns}, drop_source string, drop_kind string, "
            "drop_date string) using parquet "
            "partitioned by (drop_source, drop_kind, drop_date) "
            f"location {_text(spark_dir(self._settings) / 'landed' / entity.name)}"
        )
        if folders:
            parts = " ".join(
                f"partition (drop_source = {_text(audit.crm_source)}, "
                f"drop_kind = {_text(audit.kind)}, "
                f"drop_date = '{audit.export_date}') location {_text(folder)}"
                for audit, folder in folders
            )
            self._spark.sql(f"alter table {landed} add {parts}")
        names = ", ".join(f"landed.`{name}`" for name in entity.columns)
        self._spark.sql(
            f"create view raw.`{entity.name}` as select {names}, "
            "coalesce(landed._kind = sources.money_entity, false) as _is_money_entity "
            f"from {landed} as landed left join raw.sources as sources "
            "on landed._source = sources.crm_source"
        )

    def _restore_history(self) -> None:
        """Take the history from the newest publication if the warehouse was deleted."""
        current = self._settings.published_dir / CURRENT_LINK
        for table in HISTORY_TABLES:
            files = table_files(current, table)
            if self._spark.catalog.tableExists(f"main.{table}") or not files:
                continue
            LOGGER.warning("taking %s from %s: the warehouse has none", table, current)
            self._spark.sql("create database if not exists main")
            # By file: the date is read from the rows, not from the name of the folder.
            rows = self._spark.read.parquet(*map(str, files), mergeSchema=True)
            rows.write.partitionBy(PARTITION).saveAsTable(f"main.{table}", format="parquet")
            if table == HISTORY:
                note_published(self._settings)

    def _copy(
        self, connection: duckdb.DuckDBPyConnection, schema: str, table: str, folder: Path
    ) -> None:
        """Copy a table; its partition column comes first again, and as a date."""
        if not _has_rows(folder):
            self._create_empty(connection, f"{schema}.{table}", f"{schema}.{quoted(table)}")
            return
        columns = "*"
        if any(folder.glob(f"{PARTITION}=*")):
            columns = f"cast({PARTITION} as date) as {PARTITION}, * exclude ({PARTITION})"
        connection.execute(
            f"create table {schema}.{quoted(table)} as select {columns} from {_parquet(folder)}"
        )

    def _create_empty(
        self, connection: duckdb.DuckDBPyConnection, table: str, relation: str
    ) -> None:
        """Make a table that has no file yet, of the columns that Spark knows."""
        fields = self._spark.table(table).schema.fields
        types = {field.name: field.dataType.simpleString() for field in fields}
        order = sorted(types, key=lambda name: name != PARTITION)
        columns = ", ".join(f"{quoted(name)} {types[name]}" for name in order)
        connection.execute(f"create table {relation} ({columns})")


def _tables(folder: Path) -> list[str]:
    """Name the tables of a schema of the warehouse."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _has_rows(folder: Path) -> bool:
    """Say whether Spark wrote any file: a table without rows may have none."""
    return any(folder.rglob("*.parquet"))


def _parquet(folder: Path) -> str:
    return (
        f"read_parquet({literal(folder / '**' / '*.parquet')}, "
        "hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
    )


def _text(value: str | Path) -> str:
    """Write a text as Spark reads it: a backslash escapes."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
