"""The history of the warehouse: dates are forgotten, and taken back from the publication."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import PROJECT_DIR, Settings
from dagster_project.transform.engines.spark import SparkEngine
from dagster_project.transform.history import HISTORY, partition_file, read_note
from dagster_project.transform.spark_session import GATEWAY, close_spark_session
from tests.spark.support import spark_settings

pytestmark = pytest.mark.spark

DAYS = [date(2026, 6, 28), date(2026, 6, 29), date(2026, 6, 30)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A publication without a warehouse; its newest partition has a class more."""
    made = spark_settings(tmp_path_factory.mktemp("spark"))
    run = made.published_dir / "runs" / "r1"
    for day in DAYS:
        path = partition_file(run, day)
        path.parent.mkdir(parents=True)
        later = ", '30s' as age_band" if day == DAYS[-1] else ""
        duckdb.sql(
            f"select date '{day}' as as_of_date, 'c1' as customer_key, 'A' as abc_tier{later}"
        ).write_parquet(str(path))
    (made.published_dir / "current").symlink_to(Path("runs") / "r1")
    yield made
    close_spark_session()


# What dbt's process does before it starts dbt.
CHILD = """
from dagster_project.transform.spark_session import join_session
join_session()
from pyspark.sql import SparkSession
SparkSession.builder.enableHiveSupport().getOrCreate().sql(
    "create table main.of_a_child using parquet as select 'as it is' as found"
)
"""


def rows(engine: SparkEngine) -> list[tuple[object, ...]]:
    found = engine.fetch(
        f"select as_of_date, customer_key, abc_tier, age_band from main.{HISTORY} order by 1"
    )
    return [tuple(row.values()) for row in found.to_pylist()]


def test_the_partitions_are_taken_back_and_dates_forgotten(settings: Settings) -> None:
    engine = SparkEngine(settings)

    assert max(engine.history_dates()) == DAYS[-1]
    assert rows(engine) == [
        (DAYS[0], "c1", "A", None), (DAYS[1], "c1", "A", None), (DAYS[2], "c1", "A", "30s"),
    ]  # fmt: skip
    # Known to be what is published: only what is computed from now on is written.
    assert read_note(settings).computed == ()

    engine.forget([DAYS[1], DAYS[0]])

    assert rows(engine) == [(DAYS[2], "c1", "A", "30s")]
    assert max(engine.history_dates()) == DAYS[-1]


def test_a_child_joins_the_session(settings: Settings) -> None:
    engine = SparkEngine(settings)
    engine.share()

    # A Java process of its own would be refused the metastore.
    subprocess.run([sys.executable, "-c", CHILD], cwd=PROJECT_DIR, check=True)

    assert engine.fetch("select found from main.of_a_child").to_pylist() == [{"found": "as it is"}]
    engine.release()
    assert GATEWAY not in os.environ
