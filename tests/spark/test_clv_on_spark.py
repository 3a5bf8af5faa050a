"""The predictions read and write the same on both engines."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.clv.predictions import Asked, predict
from dagster_project.clv.tables import TABLES
from dagster_project.settings import Settings
from dagster_project.transform.context import Exports, run_dates
from dagster_project.transform.engines.duckdb import DuckDBEngine, open_work_db
from dagster_project.transform.engines.spark import SparkEngine
from dagster_project.transform.spark_session import close_spark_session, spark_session
from tests.spark.support import spark_settings
from tests.support import demo_settings

pytestmark = pytest.mark.spark

DAY = date(2026, 6, 20)
CUSTOMERS = 80


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[DuckDBEngine, SparkEngine, Settings]]:
    """Both engines with the same purchase days."""
    embedded, distributed = demo_settings(tmp_path / "d"), spark_settings(tmp_path / "s")
    dates = run_dates([DAY], exports=Exports(first=DAY, newest=DAY), settings=embedded)
    on_duckdb, on_spark = DuckDBEngine(embedded), SparkEngine(distributed)
    for engine in (on_duckdb, on_spark):
        engine.register(dates, known=None)
    days = tmp_path / "days.parquet"
    with open_work_db(embedded) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_purchases__customer_days as select "
            f"'c' || (n % {CUSTOMERS}) as customer_key, "
            f"date '{DAY}' - cast((n * 37 + n * n) % 500 as integer) as event_date, "
            "cast(n % 9 > 0 as bigint) as orders, "
            "cast(100 + n * 7919 % 900 + n % 100 / 100 as decimal(18, 2)) as net_base, "
            "date '2025-01-01' + cast(n % 200 as integer) as known_from, "
            "case when n % 11 = 0 then date '2026-06-10' end as known_to "
            "from range(400) as t(n)"
        )
        connection.execute(
            "create or replace table intermediate.int_purchases__customer_days as "
            "select * from intermediate.int_purchases__customer_days "
            "qualify row_number() over (partition by customer_key, event_date "
            "order by known_from, net_base) = 1"
        )
        connection.execute(
            f"copy intermediate.int_purchases__customer_days to '{days}' (format parquet)"
        )
    spark = spark_session(distributed)
    spark.sql("create database if not exists intermediate")
    spark.read.parquet(str(days)).write.saveAsTable("intermediate.int_purchases__customer_days")
    yield on_duckdb, on_spark, distributed
    close_spark_session()


def test_both_engines_predict_the_same(
    engines: tuple[DuckDBEngine, SparkEngine, Settings],
) -> None:
    on_duckdb, on_spark, _ = engines
    asked = [
        Asked(
            as_of=DAY - timedelta(days=30 * n),
            known=DAY,
            monthly_rate=0.01,
            min_repeat_customers=10,
        )
        for n in range(3)
    ]
    done = [predict(engine, asked, knowledge=lambda day: day) for engine in (on_duckdb, on_spark)]

    assert done[0] == done[1]
    assert done[0].scores > CUSTOMERS
    assert "segment_mean" not in done[0].dates
    for table in TABLES:
        rows = [_rows(engine, table) for engine in (on_duckdb, on_spark)]
        assert rows[0] == rows[1], table


def _rows(engine: DuckDBEngine | SparkEngine, table: str) -> list[tuple[Any, ...]]:
    names = ", ".join(TABLES[table].names)
    rows = engine.fetch(f"select {names} from raw.{table}")
    assert rows.schema.types == TABLES[table].types
    return duckdb.sql("select * from rows order by all").fetchall()
