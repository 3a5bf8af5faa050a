"""The same nights on DuckDB and on Spark publish equal tables: two in a row, and the second again.

They take the short way; the way of the command line is in test_checks_on_spark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
from tests.spark.support import (
    one_session,
    run_light_spark_night,
    spark_settings,
    unequal_tables,
)
from tests.support import NOW, deliver, demo_settings, published, run_light_night

pytestmark = pytest.mark.spark

LAST = date(2026, 11, 20)
NAMES = ("first", "second", "again")


@dataclass(frozen=True)
class Nights:
    """Both homes after three nights, and the publications of each night."""

    embedded: Settings
    distributed: Settings
    pairs: dict[str, tuple[Path, Path]]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    world, kept = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("kept")
    write_demo_exports(world, customers=120, nights=2, dirt=0.02, last_date=LAST)
    embedded = demo_settings(tmp_path_factory.mktemp("duckdb"))
    distributed = spark_settings(tmp_path_factory.mktemp("spark"))
    pairs = {}

    def keep(name: str) -> None:
        copies = []
        for engine, settings in (("duckdb", embedded), ("spark", distributed)):
            copies.append(kept / f"{name}_{engine}.duckdb")
            copies[-1].write_bytes(published(settings.home).read_bytes())
        pairs[name] = (copies[0], copies[1])

    days = (LAST - timedelta(days=1), LAST, None)
    with one_session():
        for number, (name, day) in enumerate(zip(NAMES, days, strict=True)):
            for settings in (embedded, distributed):
                if day:
                    deliver(world, settings, day)
            now = NOW + timedelta(minutes=number)
            run_light_night(embedded, now=now)
            run_light_spark_night(distributed, now=now, seeds=number == 0)
            keep(name)
        yield Nights(embedded=embedded, distributed=distributed, pairs=pairs)


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_publish_equal_tables(nights: Nights, name: str) -> None:
    assert unequal_tables(*nights.pairs[name]) == []


def test_nothing_of_spark_lies_in_the_working_directory(nights: Nights) -> None:
    assert not {"metastore_db", "derby.log", "spark-warehouse"} & {
        path.name for path in Path.cwd().iterdir()
    }
    assert (nights.distributed.work_dir / "spark" / "metastore").is_dir()
