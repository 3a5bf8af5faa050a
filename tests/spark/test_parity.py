"""The same nights on DuckDB and on Spark publish equal tables: two in a row.

The first one runs on Spark as the command line runs it: Dagster, dbt as a child, Great
Expectations, whose verdicts are those on DuckDB. The second takes the short way. A night that is
run again is in test_rerun, which runs beside this.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.night import judge
from dagster_project.settings import Settings
from expectations.rules import Stage, load_rules
from expectations.runner import CheckResult
from tests.spark.support import (
    one_session,
    run_light_spark_night,
    spark_settings,
    unequal_tables,
)
from tests.support import NOW, deliver, demo_settings, published, run_light_night, run_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)
NAMES = ("first", "second")


@dataclass(frozen=True)
class Nights:
    """Both homes after two nights, the publications of each, and the verdicts of the first."""

    embedded: Settings
    distributed: Settings
    pairs: dict[str, tuple[Path, Path]]
    verdicts: dict[str, tuple[list[CheckResult], list[CheckResult]]]


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
        now = NOW + timedelta(minutes=number)
        run_light_night(embedded, now=now)
        return now

    run_night(distributed, now=start(0, LAST - timedelta(days=1)))
    keep(NAMES[0])
    with one_session():
        rules = load_rules()
        for stage in get_args(Stage):
            on_duckdb, on_spark = (
                judge(settings, stage=stage, rules=rules) for settings in (embedded, distributed)
            )
            verdicts[stage] = (on_duckdb, on_spark)
        run_light_spark_night(distributed, now=start(1, LAST), seeds=False)
    keep(NAMES[1])
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
