"""A night on a real cluster of which a worker dies, again and again.

One such night is the last one of test_parity; these are for the long runs.
"""

from datetime import date
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
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

pytestmark = [pytest.mark.spark, pytest.mark.soak]

LAST = date(2026, 11, 20)
TIMES = 3


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same night on DuckDB; its drop lies in the home's parent."""
    folder = tmp_path_factory.mktemp("duckdb")
    write_demo_exports(folder / "world", customers=60, nights=1, dirt=0.02, last_date=LAST)
    settings = demo_settings(folder / "home")
    deliver(folder / "world", settings, LAST)
    run_light_night(settings, now=NOW)
    return settings


@pytest.mark.parametrize("time", range(TIMES))
def test_a_night_survives_the_death_of_a_worker(
    embedded: Settings, tmp_path: Path, time: int
) -> None:
    del time
    with running_cluster(tmp_path, workers=2) as cluster:
        settings = spark_settings(tmp_path / "spark", master=cluster.master_url, conf=ON_CLUSTER)
        deliver(embedded.home.parent / "world", settings, LAST)
        with one_session(), losing_a_worker(cluster, warehouse_dir(settings)):
            run_light_spark_night(settings, now=NOW)

    assert unequal_tables(published(embedded.home), published(settings.home)) == []
