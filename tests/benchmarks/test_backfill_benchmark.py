"""Backfills of 30 and 365 dates against one night, and against the night repeated for each date.

Sizes by environment: KEFEN_BENCH_BACKFILL_CUSTOMERS (default 100,000), KEFEN_BENCH_BACKFILL_ORDERS
(orders per customer, default 20), KEFEN_BENCH_BACKFILL_DAYS (default 30,365). The folder
KEFEN_BENCH_DIR is kept, so that the exports are made once. Repeating the night for 30 dates is
extrapolated from three.
"""

import os
import shutil
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import (  # noqa: TID251
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    asset,
    materialize,
)
from dagster._core.storage.tags import (  # noqa: TID251
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from dagster_project.defs.history.assets import DATES
from tests.benchmarks.test_night_benchmark import FOLDER, _exports, _instance, _measured, _say
from tests.support import published, query

pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

CUSTOMERS = int(os.environ.get("KEFEN_BENCH_BACKFILL_CUSTOMERS", "100000"))
ORDERS_PER_CUSTOMER = os.environ.get("KEFEN_BENCH_BACKFILL_ORDERS", "20")
DAYS = [int(n) for n in os.environ.get("KEFEN_BENCH_BACKFILL_DAYS", "30,365").split(",")]
NEWEST = date(2026, 11, 20)
REPEATED = 3
# Nights that a backfill of so many dates may cost.
MAX_NIGHTS = {30: 3.0, 365: 12.0}
LEAST_GAIN = {30: 10.0}
MAX_MEMORY = 8 * 2**30


def test_backfills_against_one_night(capfd: pytest.CaptureFixture[str]) -> None:
    home = _exports(FOLDER / f"backfill_{CUSTOMERS}", CUSTOMERS, ORDERS_PER_CUSTOMER)
    for folder in ("raw", "work", "published", "report", "dagster"):
        shutil.rmtree(home / folder, ignore_errors=True)
    # The first run of a home also parses the models.
    run(home, "run")
    shutil.rmtree(home / "raw")
    night, night_memory = run(home, "run")
    again, _ = run(home, "run")
    repeated = sum(
        run(home, "run", "--as-of", str(NEWEST - timedelta(days=back)))[0]
        for back in range(1, REPEATED + 1)
    )
    with capfd.disabled():
        _say(f"\ncustomers {CUSTOMERS:,}, orders per customer {ORDERS_PER_CUSTOMER}")
        _say(f"a night with its drop {night:.1f} s, peak memory {night_memory / 2**30:.1f} GiB")
        _say(f"the night again, nothing to load {again:.1f} s")
        _say(f"the night of an older date {repeated / REPEATED:.1f} s, mean of {REPEATED}")
    costs = {days: backfill(home, days, capfd) for days in DAYS}
    with capfd.disabled():
        for days, (seconds, memory) in costs.items():
            gain = repeated / REPEATED * days / seconds
            _say(
                f"backfill of {days} dates {seconds:.1f} s = {seconds / night:.2f} nights, "
                f"{seconds / days:.2f} s a date, {gain:.1f} times as fast as {days} nights "
                f"(extrapolated from {REPEATED}), peak memory {memory / 2**30:.1f} GiB"
            )
    for days, (seconds, memory) in costs.items():
        assert seconds <= MAX_NIGHTS.get(days, days) * night
        assert repeated / REPEATED * days >= LEAST_GAIN.get(days, 1.0) * seconds
        assert memory < MAX_MEMORY


def backfill(home: Path, days: int, capfd: pytest.CaptureFixture[str]) -> tuple[float, int]:
    """Compute the last dates; give seconds and peak memory."""
    first = NEWEST - timedelta(days=days - 1)
    seconds, memory = run(home, "backfill", "--from", str(first), "--to", str(NEWEST))
    found = query(
        published(home),
        "select count(distinct as_of_date) from rfm_thresholds where as_of_date >= ?",
        first,
    )
    assert found == [(days,)]
    events, writing = events_of_newest_run(home)
    size = (home / "work" / "kefen_work.duckdb").stat().st_size
    with capfd.disabled():
        _say(f"{days} dates: {events:,} events of Dagster, written again in {writing:.1f} s")
        _say(f"{days} dates: working database {size / 2**30:.2f} GiB")
    return seconds, memory


def run(home: Path, *command: str) -> tuple[float, int]:
    environment = {"KEFEN_CONFIG": str(home / "kefen.yml"), "KEFEN_HOME": str(home)}
    return _measured([sys.executable, "-m", "dagster_project", *command], environment)


def events_of_newest_run(home: Path) -> tuple[int, float]:
    """Count the events of the newest run, and write them again to see what they cost."""
    with _instance(home) as instance:
        entries = instance.all_logs(instance.get_runs(limit=1)[0].run_id)
    with DagsterInstance.local_temp() as other:
        started = time.monotonic()
        for entry in entries:
            other.event_log_storage.store_event(entry)
        return len(entries), time.monotonic() - started


@pytest.mark.parametrize("days", DAYS)
def test_what_a_range_of_partitions_costs_dagster(
    days: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with DagsterInstance.local_temp() as instance:
        started = time.monotonic()
        done = materialize(
            [empty_history()],
            instance=instance,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: str(NEWEST - timedelta(days=days - 1)),
                ASSET_PARTITION_RANGE_END_TAG: str(NEWEST),
            },
        )
        seconds = time.monotonic() - started
        events = len(instance.all_logs(done.run_id))
    with capfd.disabled():
        _say(f"\n{days} partitions in one run that does nothing: {events} events, {seconds:.1f} s")
    assert len(done.asset_materializations_for_node("empty_history")) == days


def empty_history() -> AssetsDefinition:
    @asset(partitions_def=DATES, backfill_policy=BackfillPolicy.single_run())
    def empty_history(context: AssetExecutionContext) -> None:
        del context

    return empty_history
