"""A night on a real cluster, of whose two workers one dies while the models run."""

import threading
from datetime import date
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.transform.spark_session import warehouse_dir
from tests.spark.cluster import Cluster, kill_group, running_cluster
from tests.spark.support import (
    SMALL,
    one_session,
    run_light_spark_night,
    spark_settings,
    unequal_tables,
)
from tests.support import NOW, deliver, demo_settings, published, run_light_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)
ON_CLUSTER = SMALL | {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.sql.shuffle.partitions": "2",
}
# With so many tables there, the classes are being built.
TABLES_BEFORE_THE_KILL = 60


def kill_mid_run(
    cluster: Cluster, tables: Path, *, killed: threading.Event, is_over: threading.Event
) -> None:
    """Kill the first worker once that many tables are in the warehouse's intermediate schema."""
    while not is_over.wait(0.2):
        if tables.exists() and len(list(tables.iterdir())) >= TABLES_BEFORE_THE_KILL:
            kill_group(cluster.workers[0])
            killed.set()
            return


def test_a_night_survives_the_death_of_a_worker(tmp_path: Path) -> None:
    world = tmp_path / "world"
    write_demo_exports(world, customers=60, nights=1, dirt=0.02, last_date=LAST)
    embedded = demo_settings(tmp_path / "duckdb")
    deliver(world, embedded, LAST)
    run_light_night(embedded, now=NOW)

    killed = threading.Event()
    with running_cluster(tmp_path, workers=2) as cluster:
        settings = spark_settings(tmp_path / "spark", master=cluster.master_url, conf=ON_CLUSTER)
        deliver(world, settings, LAST)
        tables = warehouse_dir(settings) / "intermediate.db"
        is_over = threading.Event()
        killer = threading.Thread(
            target=kill_mid_run,
            args=(cluster, tables),
            kwargs={"killed": killed, "is_over": is_over},
            daemon=True,
        )
        killer.start()

        try:
            with one_session():
                run_light_spark_night(settings, now=NOW)
        finally:
            is_over.set()

        assert killed.is_set()
        assert [worker.poll() is None for worker in cluster.workers] == [False, True]
    assert unequal_tables(published(embedded.home), published(settings.home)) == []
