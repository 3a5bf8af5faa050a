"""A night that is run again publishes the tables of DuckDB, on a cluster that loses a worker too.

The first run is on one machine. The second finds its tables and its history, and has a master and
two workers, of which one dies while the models run.
"""

from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.transform.spark_session import warehouse_dir
from tests.spark.cluster import losing_a_worker, running_cluster
from tests.spark.support import (
    ON_CLUSTER,
    one_session,
    run_light_spark_night,
    spark_settings,
    unequal_tables,
)
from tests.support import NOW, deliver, demo_settings, published, run_light_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)


def test_a_night_again_on_a_cluster_that_loses_a_worker(tmp_path: Path) -> None:
    world = tmp_path / "world"
    write_demo_exports(world, customers=120, nights=1, dirt=0.02, last_date=LAST)
    embedded = demo_settings(tmp_path / "duckdb")
    distributed = spark_settings(tmp_path / "spark")
    for settings in (embedded, distributed):
        deliver(world, settings, LAST)
    with one_session():
        run_light_spark_night(distributed, now=NOW)
    with running_cluster(tmp_path, workers=2) as cluster:
        distributed = spark_settings(distributed.home, master=cluster.master_url, conf=ON_CLUSTER)
        with one_session(), losing_a_worker(cluster, warehouse_dir(distributed)):
            run_light_spark_night(distributed, now=NOW + timedelta(minutes=1), seeds=False)
    for number in range(2):
        run_light_night(embedded, now=NOW + timedelta(minutes=number))

    assert unequal_tables(published(embedded.home), published(distributed.home)) == []
