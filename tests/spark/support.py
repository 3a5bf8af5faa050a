"""What the tests on Spark share: a small Spark, a night on it, and tables that must be equal."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

from dagster_project.backfill import compute_history
from dagster_project.night import (
    Finished,
    complete_manifest,
    explain_changes,
    finish,
    predict,
    prepare,
    run_id_of,
)
from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.dbt import dbt_environment
from dagster_project.transform.spark_session import close_spark_session
from tests.support import RUN_COLUMNS, RUN_TABLES, DbtFailedError, demo_settings, tables_of

SMALL_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m"
# Tables of a few hundred rows: compiling a query costs more than running it.
SMALL = {
    "spark.driver.memory": "2g",
    # The metastore of a test need not survive a power cut.
    "spark.driver.extraJavaOptions": f"{SMALL_JVM} -Dderby.system.durability=test",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Infers filters from filters: dear in plans of many columns, and of no use to small tables.
    "spark.sql.constraintPropagation.enabled": "false",
}
ON_CLUSTER = SMALL | {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.executor.extraJavaOptions": SMALL_JVM,
    "spark.sql.shuffle.partitions": "2",
}
DOUBLE_TOLERANCE = 1e-9


def spark_settings(home: Path, **spark: object) -> Settings:
    return demo_settings(home, engine="spark", spark={"master": "local[2]", "conf": SMALL, **spark})


@contextmanager
def one_session() -> Iterator[None]:
    """Keep the session from step to step: dbt runs in this process and shares it."""
    with mock.patch("dagster_project.transform.engines.spark.close_spark_session"):
        yield
    close_spark_session()


def run_light_spark_night(settings: Settings, *, now: datetime, seeds: bool = True) -> Finished:
    """Run the steps of a night in the session that is open: no Dagster, no rules, no data tests.

    seeds: False leaves those of the night before, which takes half a minute less.
    """
    prepare(settings, now=now)
    _build(settings, "tag:records", *(() if seeds else ("seed",)))
    complete_manifest(settings)
    compute_history(settings, dbt=_run_dbt)
    predict(settings)
    _build(settings, "tag:classes")
    explain_changes(settings)
    return finish(settings, run_id=run_id_of(now), started_at=now)


def _build(settings: Settings, selection: str, *left_out: str) -> None:
    """Run dbt in this process, so that it shares the session."""
    with mock.patch.dict(os.environ, dbt_environment(settings)):
        _invoke(
            *("build", "--select", selection),
            *("--exclude-resource-type", "unit_test", "test", *left_out),
            manifest=_parsed(),
        )


def _run_dbt(settings: Settings, arguments: Sequence[str]) -> None:
    with mock.patch.dict(os.environ, dbt_environment(settings)):
        _invoke(*arguments, manifest=_parsed())


@cache
def _parsed() -> Any:
    """Parse the project once per test process, for Spark: the caller has set the environment."""
    return _invoke("parse")


def _invoke(command: str, *arguments: str, manifest: Any = None) -> Any:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    quiet = ("--quiet", "--no-partial-parse", "--log-level-file", "none")
    places = ("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR / "dbt"))
    done = dbtRunner(manifest=manifest).invoke([*quiet, command, *places, *arguments])
    if not done.success:
        failed = [
            f"{result.node.name}: {result.message}"
            for result in getattr(done.result, "results", [])
            if result.status in {"error", "fail"}
        ]
        raise DbtFailedError("\n".join(failed) or str(done.exception))
    return done.result


def unequal_tables(first: Path, second: Path) -> list[str]:
    """Name what differs between two published databases: tables, columns, types, rows.

    Rows are paired in the order of their values; doubles may differ by DOUBLE_TOLERANCE.
    """
    found = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{first}' as a (read_only)")
        connection.execute(f"attach '{second}' as b (read_only)")
        for table in sorted(set(tables_of(first)) | set(tables_of(second))):
            if table in RUN_TABLES:
                continue
            left, right = (_columns(connection, name, table) for name in ("a", "b"))
            if list(left.items()) != list(right.items()):
                found.append(
                    f"{table}: columns {set(left.items()) ^ set(right.items()) or 'moved'}"
                )
                continue
            rows = _unequal_rows(connection, table, left)
            if rows:
                found.append(f"{table}: {rows}")
    return found


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = ? "
            "and schema_name = 'main' and table_name = ? order by column_index",
            (database, table),
        ).fetchall()
    )


def _unequal_rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]
) -> list[dict[str, Any]]:
    names = [name for name in columns if name not in RUN_COLUMNS]
    # Doubles last: what differs by less than the tolerance must not change the order.
    order = ", ".join(
        f'"{name}"' for name in sorted(names, key=lambda name: columns[name] == "DOUBLE")
    )
    unequal = " or ".join(
        [
            f'coalesce(abs(left_row."{name}" - right_row."{name}") > {DOUBLE_TOLERANCE}, '
            f'left_row."{name}" is distinct from right_row."{name}")'
            if columns[name] == "DOUBLE"
            else f'left_row."{name}" is distinct from right_row."{name}"'
            for name in names
        ]
    )
    numbered = (
        "(select *, row_number() over (order by {order}) as _position from {name}.main.{table})"
    )
    left, right = (numbered.format(order=order, name=name, table=table) for name in ("a", "b"))
    rows = connection.execute(
        f"select left_row, right_row from {left} as left_row "
        f"full join {right} as right_row on left_row._position = right_row._position "
        f"where left_row._position is null or right_row._position is null or {unequal} limit 3"
    ).fetchall()
    return [
        {
            name: (a and a[name], b and b[name])
            for name in names
            if (a and a[name]) != (b and b[name])
        }
        for a, b in rows
    ]
