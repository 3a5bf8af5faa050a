"""The same nights on DuckDB and on Spark publish equal tables: two in a row, the second one again.

The first one runs on Spark as the command line runs it: Dagster, dbt as a child, Great
Expectations, whose verdicts are those on DuckDB. The others take the short way. The second is run
again, as after a fault, on a cluster with a master and two workers, of which one dies while the
models run.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import get_args
from unittest import mock

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.night import judge
from dagster_project.settings import Settings
from dagster_project.transform.engines.spark import SparkEngine
from dagster_project.transform.spark_session import warehouse_dir
from expectations.rules import Rule, Stage, load_rules
from expectations.runner import CheckResult
from tests.spark.cluster import losing_a_worker, running_cluster
from tests.spark.support import (
    ON_CLUSTER,
    one_session,
    run_light_spark_night,
    spark_settings,
    unequal_tables,
)
from tests.support import NOW, deliver, demo_settings, published, run_light_night, run_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)
NAMES = ("first", "second", "second again")


@dataclass(frozen=True)
class Nights:
    """Both homes after three runs, the publications of each, and the verdicts of the first."""

    embedded: Settings
    distributed: Settings
    pairs: dict[str, tuple[Path, Path]]
    verdicts: dict[str, tuple[list[CheckResult], list[CheckResult]]]


@contextmanager
def noting_verdicts() -> Iterator[dict[str, list[CheckResult]]]:
    """Note what the rules say on Spark during a night, by stage."""
    noted: dict[str, list[CheckResult]] = {}
    judge_on_spark = SparkEngine.judge

    def judge_and_note(
        engine: SparkEngine, *, stage: Stage, rules: Sequence[Rule]
    ) -> list[CheckResult]:
        noted[stage] = judge_on_spark(engine, stage=stage, rules=rules)
        return noted[stage]

    with mock.patch.object(SparkEngine, "judge", judge_and_note):
        yield noted


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    world, kept = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("kept")
    write_demo_exports(world, customers=120, nights=2, dirt=0.02, last_date=LAST)
    embedded = demo_settings(tmp_path_factory.mktemp("duckdb"))
    distributed = spark_settings(tmp_path_factory.mktemp("spark"))
    pairs = {}
    verdicts = {}

    def keep(name: str) -> None:
        copies = []
        for engine, settings in (("duckdb", embedded), ("spark", distributed)):
            copies.append(kept / f"{name}_{engine}.duckdb")
            copies[-1].write_bytes(published(settings.home).read_bytes())
        pairs[name] = (copies[0], copies[1])

    def start(number: int, day: date) -> datetime:
        for settings in (embedded, distributed):
            deliver(world, settings, day)
        return NOW + timedelta(minutes=number)

    # A process of its own: this one mostly waits for Spark.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
        now = start(0, LAST - timedelta(days=1))
        done = beside.submit(run_light_night, embedded, now=now)
        with noting_verdicts() as on_spark:
            run_night(distributed, now=now)
        done.result()
        keep(NAMES[0])
        rules = load_rules()
        for stage in get_args(Stage):
            verdicts[stage] = (judge(embedded, stage=stage, rules=rules), on_spark[stage])
        now = start(1, LAST)
        done = beside.submit(run_light_night, embedded, now=now)
        with one_session():
            run_light_spark_night(distributed, now=now, seeds=False)
        done.result()
        keep(NAMES[1])
        now += timedelta(minutes=1)
        done = beside.submit(run_light_night, embedded, now=now)
        with running_cluster(kept, workers=2) as cluster:
            clustered = spark_settings(distributed.home, master=cluster.master_url, conf=ON_CLUSTER)
            with one_session(), losing_a_worker(cluster, warehouse_dir(clustered)):
                run_light_spark_night(clustered, now=now, seeds=False)
        done.result()
        keep(NAMES[2])
    return Nights(embedded, distributed, pairs, verdicts)


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_publish_equal_tables(nights: Nights, name: str) -> None:
    assert unequal_tables(*nights.pairs[name]) == []


@pytest.mark.parametrize("stage", get_args(Stage))
def test_the_rules_judge_both_engines_equally(nights: Nights, stage: str) -> None:
    on_duckdb, on_spark = nights.verdicts[stage]

    assert on_duckdb
    assert on_spark == on_duckdb


def test_nothing_of_spark_lies_in_the_working_directory(nights: Nights) -> None:
    assert not {"metastore_db", "derby.log", "spark-warehouse"} & {
        path.name for path in Path.cwd().iterdir()
    }
    assert (nights.distributed.work_dir / "spark" / "metastore").is_dir()
