"""Twenty BI readers, each in a process of its own, while ten nights are published."""

import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.night import open_work_db, run_id_of
from dagster_project.publish.publication import Publication, publish
from dagster_project.settings import Settings
from tests.reader_process import ReaderProcess, State

FIRST = date(2026, 6, 1)
START = datetime(2026, 6, 1, 18, tzinfo=UTC)
NIGHTS = 10
MODES = ["held"] * 6 + ["again"] * 9 + ["parquet"] * 5
ROWS = 20_000


def fill(settings: Settings, night: int, *, rows: int) -> str:
    """Make the tables of a night: as many rows more than the night before, all of one date."""
    run_id = run_id_of(START + timedelta(days=night))
    with open_work_db(settings) as connection:
        for table, share in (("customer_classification", 1), ("customer_rfm", 2)):
            connection.execute(
                f"create or replace table {table} as select $day::date as as_of_date, "
                "'c' || n as customer_key, md5(n::varchar) as value from range($rows) as t (n)",
                {"day": FIRST + timedelta(days=night), "rows": (rows + night) // share},
            )
        connection.execute("create or replace table run_log as select $1 as run_id", [run_id])
    return run_id


def publish_nights(
    settings: Settings, nights: range, *, rows: int, floor: Path
) -> tuple[dict[str, Publication], float]:
    """Publish night after night; what was published, and the mean seconds of a publication."""
    done = {}
    seconds = 0.0
    for night in nights:
        run_id = fill(settings, night, rows=rows)
        started = time.perf_counter()
        done[run_id] = publish(settings, run_id=run_id)
        seconds += time.perf_counter() - started
        floor.write_text(run_id, encoding="utf-8")
    return done, seconds / len(nights)


def state_of(done: Publication, night: int) -> State:
    day = FIRST + timedelta(days=night)
    return State(done.run_id, len(done.tables), sum(done.tables.values()), (str(day),))


@pytest.mark.parametrize(
    "rows", [pytest.param(ROWS, id="small"), pytest.param(2_000_000, marks=pytest.mark.soak)]
)
def test_many_readers_and_nights_do_not_disturb_each_other(tmp_path: Path, rows: int) -> None:
    settings = Settings.model_validate(
        {
            "home": tmp_path,
            "sources": {"zoho": {"path": "exports/zoho"}},
            # A reader of Parquet has the time of so many nights to read a run's files.
            "publish": {"keep_runs": NIGHTS + 2},
            "duckdb": {"threads": 1},
        }
    )
    floor = tmp_path / "floor"
    alone, seconds_alone = publish_nights(settings, range(2), rows=rows, floor=floor)
    last = 1 + NIGHTS

    readers = [ReaderProcess(settings.published_dir, mode, floor) for mode in MODES]
    for reader in readers:
        reader.wait_until_ready()
    done, seconds_read = publish_nights(settings, range(2, last + 1), rows=rows, floor=floor)
    time.sleep(0.5)
    seen = [reader.finish() for reader in readers]

    published = [*list(alone.values())[-1:], *done.values()]
    expected = [state_of(one, night) for night, one in enumerate(published, start=1)]
    by_mode: Counter[str] = Counter()
    for mode, one in zip(MODES, seen, strict=True):
        assert one.faults == [], mode
        assert set(one.states) <= set(expected), mode
        # Who keeps its connection keeps its night; who connects again sees the last one.
        assert expected[0 if mode == "held" else -1] in one.states, mode
        by_mode[mode] += one.looks
    sys.stdout.write(
        f"\n{len(MODES)} readers, {NIGHTS} publications of {expected[-1].rows:,} rows: looks "
        f"{dict(by_mode)}; seconds a publication {seconds_alone:.3f} alone, "
        f"{seconds_read:.3f} with readers\n"
    )
    if rows > ROWS:
        # 20 readers and the publisher share the same cores; nobody waits for a lock.
        assert seconds_read < 20 * seconds_alone


def test_a_process_sees_the_new_night_once_all_its_connections_are_closed(tmp_path: Path) -> None:
    """What BI.md says of connection pools."""
    settings = Settings.model_validate(
        {"home": tmp_path, "sources": {"zoho": {"path": "exports/zoho"}}}
    )
    floor = tmp_path / "floor"
    publish_nights(settings, range(1), rows=10, floor=floor)
    database = str(settings.published_dir / "kefen.duckdb")

    def day() -> date:
        with duckdb.connect(database, read_only=True) as connection:
            row = connection.execute("select max(as_of_date) from customer_rfm").fetchone()
        assert row
        return row[0]

    pooled = duckdb.connect(database, read_only=True)
    publish_nights(settings, range(1, 2), rows=10, floor=floor)
    assert day() == FIRST
    pooled.close()
    assert day() == FIRST + timedelta(days=1)
