"""Which dates of the history stay: the last days, month ends, and what a backfill asked for."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project import night
from dagster_project.night import forget_expired
from dagster_project.report.run_log import (
    RunRecord,
    kept_ranges,
    restore_run_log,
    run_records,
    write_run_record,
)
from dagster_project.settings import Settings
from dagster_project.transform.engines.duckdb import DuckDBEngine, open_work_db
from dagster_project.transform.history import (
    HISTORY,
    dates_for_database,
    expired,
    month_ends,
    note_backfill,
    note_backfills_logged,
    note_computed,
    read_note,
)

NEWEST = date(2026, 6, 3)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.mark.parametrize(
    ("dates", "ends"),
    [
        ([], set()),
        (days(date(2026, 1, 30), date(2026, 2, 2)), {date(2026, 1, 31), date(2026, 2, 2)}),
        # Exports of every Friday: the last of a month stands for its end.
        ([date(2026, 5, 22), date(2026, 5, 29), date(2026, 6, 5)],
         {date(2026, 5, 29), date(2026, 6, 5)}),
        ([date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 28)],
         {date(2024, 2, 29), date(2025, 2, 28)}),
    ],
)  # fmt: skip
def test_the_last_date_of_a_month_is_its_end(dates: list[date], ends: set[date]) -> None:
    assert month_ends(dates) == ends


def test_the_last_days_stay_counted_from_the_newest_date() -> None:
    dates = days(date(2026, 1, 1), NEWEST)

    gone = expired(dates, daily_days=90, backfills=[])

    # 90 days: 6 March to 3 June. Before them only the ends of January and February.
    assert set(dates) - set(gone) == {
        date(2026, 1, 31), date(2026, 2, 28), *days(date(2026, 3, 6), NEWEST),
    }  # fmt: skip
    assert gone == sorted(gone)


@pytest.mark.parametrize(
    ("daily_days", "backfills", "gone"),
    [
        (None, [], []),
        (5, [], []),
        (4, [], [date(2026, 5, 30)]),
        (1, [], [date(2026, 5, 30), date(2026, 6, 1), date(2026, 6, 2)]),
        (1, [(date(2026, 5, 1), date(2026, 5, 30))], [date(2026, 6, 1), date(2026, 6, 2)]),
        (1, [(date(2026, 6, 1), date(2026, 6, 1)), (date(2026, 6, 2), date(2026, 6, 9))],
         [date(2026, 5, 30)]),
    ],
)  # fmt: skip
def test_month_ends_and_dates_of_backfills_stay(
    daily_days: int | None, backfills: list[tuple[date, date]], gone: list[date]
) -> None:
    dates = days(date(2026, 5, 30), NEWEST)
    assert expired(dates, daily_days=daily_days, backfills=backfills) == gone


def test_no_history_expires_nothing() -> None:
    assert expired([], daily_days=1, backfills=[]) == []


def test_the_database_holds_all_or_the_last_week_and_month_ends() -> None:
    rows = dict.fromkeys(days(date(2026, 4, 1), NEWEST), 10)

    assert dates_for_database(rows, limit=640) == list(rows)
    assert dates_for_database(rows, limit=639) == [
        date(2026, 4, 30), *days(date(2026, 5, 28), NEWEST),
    ]  # fmt: skip
    assert dates_for_database({}, limit=1) == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path, daily_days=2)


def settings_of(home: Path, **history: object) -> Settings:
    return Settings.model_validate(
        {"home": home, "sources": {"zoho": {"path": "exports/zoho"}}, "history": history}
    )


def fill(settings: Settings, *dates: date, run_date: date = NEWEST) -> None:
    with open_work_db(settings) as connection:
        connection.execute(f"create or replace table {HISTORY} (as_of_date date, customer_key int)")
        connection.executemany(f"insert into {HISTORY} values (?, 1)", [(day,) for day in dates])
        connection.execute("create schema if not exists raw")
        connection.execute(
            f"create or replace table raw.run_context as select date '{run_date}' as as_of_date"
        )


def dates_of(settings: Settings) -> list[date]:
    with open_work_db(settings) as connection:
        rows = connection.execute(f"select as_of_date from {HISTORY} order by 1").fetchall()
    return [row[0] for row in rows]


def record(kind: str = "backfill", **values: object) -> RunRecord:
    started = datetime(2026, 6, 3, tzinfo=UTC)
    return RunRecord.model_validate(
        {"run_id": "r1", "kind": kind, "base_currency": "CNY", "started_at": started,
         "finished_at": started, "status": "published", "as_of_date": NEWEST, **values}
    )  # fmt: skip


def test_a_night_deletes_what_expired(settings: Settings) -> None:
    fill(settings, date(2026, 5, 30), date(2026, 5, 31), date(2026, 6, 1), NEWEST)

    assert forget_expired(DuckDBEngine(settings), settings) == [date(2026, 5, 30), date(2026, 6, 1)]
    assert dates_of(settings) == [date(2026, 5, 31), NEWEST]


def test_all_dates_stay_if_the_settings_say_so(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, daily_days=None)
    fill(settings, date(2020, 1, 1), date(2020, 1, 2), NEWEST)

    assert forget_expired(DuckDBEngine(settings), settings) == []
    assert len(dates_of(settings)) == 3


def test_a_run_of_an_older_date_deletes_nothing(settings: Settings) -> None:
    fill(settings, date(2026, 5, 1), NEWEST, run_date=date(2026, 5, 1))

    assert forget_expired(DuckDBEngine(settings), settings) == []
    assert dates_of(settings) == [date(2026, 5, 1), NEWEST]


def test_dates_of_a_backfill_stay_before_and_after_it_is_logged(settings: Settings) -> None:
    asked = (date(2026, 5, 1), date(2026, 5, 3))
    dates = [*days(*asked), date(2026, 5, 4), date(2026, 5, 31), NEWEST]
    # It was killed: nothing is logged, and a night publishes what it computed.
    note_backfill(settings, asked)
    fill(settings, *dates)
    assert forget_expired(DuckDBEngine(settings), settings) == [date(2026, 5, 4)]

    write_run_record(settings, record(backfills=read_note(settings).backfills))
    note_backfills_logged(settings)
    assert read_note(settings).backfills == ()
    # The log outlives the working database.
    shutil.rmtree(settings.work_dir)
    fill(settings, *dates)
    assert forget_expired(DuckDBEngine(settings), settings) == [date(2026, 5, 4)]
    assert dates_of(settings) == [day for day in dates if day != date(2026, 5, 4)]


def test_a_backfill_that_did_not_log_its_range_keeps_all_before_it(settings: Settings) -> None:
    text = write_run_record(settings, record(as_of_date=date(2026, 5, 2))).read_text("utf-8")
    assert '"backfills"' in text
    (settings.report_dir / "r1.json").write_text(
        text.replace(',\n "backfills": []', ""), encoding="utf-8"
    )
    fill(settings, date(2026, 4, 1), date(2026, 5, 2), date(2026, 5, 3), date(2026, 5, 9), NEWEST)

    assert forget_expired(DuckDBEngine(settings), settings) == [date(2026, 5, 3)]


def publish_log(settings: Settings, *records: RunRecord, but: str = "") -> None:
    current = settings.published_dir / "current"
    current.mkdir(parents=True)
    with duckdb.connect() as connection:
        night._write_run_log(connection, records)
        connection.sql(f"select * {but} from run_log").write_parquet(
            str(current / "run_log.parquet")
        )


def test_a_deleted_run_log_is_taken_from_the_publication(settings: Settings) -> None:
    asked = (date(2026, 5, 1), date(2026, 5, 3))
    first = record(run_id="r1", backfills=(asked, (NEWEST, NEWEST)), rule_version=2, rows=9)
    publish_log(settings, first, record("night", run_id="r2"))
    # Written after it was deleted: what is there stays.
    again = record("night", run_id="r2", rows=5)
    write_run_record(settings, again)

    restore_run_log(settings)

    assert run_records(settings) == [first, again]
    fill(settings, *days(*asked), date(2026, 5, 4), date(2026, 5, 31), NEWEST)
    assert forget_expired(DuckDBEngine(settings), settings) == [date(2026, 5, 4)]


def test_a_published_run_log_of_before_the_ranges_is_read_too(settings: Settings) -> None:
    publish_log(settings, record(), but="exclude (backfills)")

    restore_run_log(settings)

    assert run_records(settings) == [record()]


def test_without_a_publication_no_run_is_taken(settings: Settings) -> None:
    restore_run_log(settings)
    assert run_records(settings) == []


def test_nights_keep_no_range() -> None:
    assert kept_ranges([record(kind="night"), record(kind="backfill", as_of_date=None)]) == []


def test_ranges_of_chunks_are_one_range(settings: Settings) -> None:
    for first, last in ((10, 12), (1, 3), (4, 6), (2, 2)):
        note_backfill(settings, (date(2026, 5, first), date(2026, 5, last)))

    ranges = read_note(settings).backfills
    assert ranges == (
        (date(2026, 5, 1), date(2026, 5, 6)),
        (date(2026, 5, 10), date(2026, 5, 12)),
    )
    logged = record(backfills=ranges)
    assert logged.as_row()[-1] == "2026-05-01..2026-05-06; 2026-05-10..2026-05-12"
    write_run_record(settings, logged)
    assert run_records(settings) == [logged]


def test_the_note_of_a_home_without_a_publication_knows_nothing(settings: Settings) -> None:
    note_computed(settings, [NEWEST])
    assert read_note(settings).computed is None
