"""What somebody should look at after a night, in both languages, with the command to run."""

from collections.abc import Callable, Collection, Iterator
from datetime import date, timedelta

import duckdb
import pytest

from dagster_project.ingest.load import LateDrop, RepeatedDrop
from dagster_project.report.attention import find_attention
from dagster_project.report.run_notes import Attention, RunNotes
from dagster_project.transform.history import expired

NIGHTS = [date(2026, 11, day) for day in (10, 11, 12, 16)]


class Tables:
    """The published tables that are looked at."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        connection.execute(
            "create table customer_classification_history (as_of_date date, customer_key varchar);"
            "create table load_manifest (crm_source varchar, export_date date);"
            "create table source_freshness (crm_source varchar, entity varchar, "
            "newest_export_date date, age_days integer, expected_every_days integer, mode varchar, "
            "status varchar, rows bigint)"
        )

    def computed(self, *days: date) -> None:
        for day in days:
            self.connection.execute(
                "insert into customer_classification_history values (?, 'a'), (?, 'b')", (day, day)
            )

    def loaded(self, *days: date) -> None:
        self.connection.executemany(
            "insert into load_manifest values ('zoho', ?)", [(day,) for day in days]
        )

    def source(self, name: str, status: str, *, age: int, every: int) -> None:
        self.connection.execute(
            "insert into source_freshness values (?, 'orders', date '2026-11-16', ?, ?, 'full', "
            "?, 9)",
            (name, age, every, status),
        )

    def find(
        self,
        *,
        lookback_days: int = 0,
        expired: Callable[[Collection[date]], list[date]] = lambda _: [],
        **notes: object,
    ) -> list[Attention]:
        return find_attention(
            self.connection,
            RunNotes(run_id="r", **notes),  # type: ignore[arg-type]
            lookback_days=lookback_days,
            expired=expired,
        )


@pytest.fixture
def tables() -> Iterator[Tables]:
    with duckdb.connect() as connection:
        yield Tables(connection)


def texts(found: list[Attention]) -> str:
    return "\n".join(f"{a.topic}: {a.zh} {a.en}" for a in found)


def test_a_quiet_night_has_nothing(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.loaded(*NIGHTS)
    tables.source("zoho", "fresh", age=0, every=1)
    assert tables.find() == []


def test_days_that_were_down_are_named_with_the_backfill(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    # Drops before the first night are history nobody asked for.
    tables.loaded(date(2026, 11, 1), *NIGHTS, *(date(2026, 11, day) for day in (13, 14, 15)))
    (found,) = tables.find()
    assert found.topic == "missing_dates"
    for words in (found.zh, found.en):
        assert "2026-11-13, 2026-11-14, 2026-11-15" in words
        assert "make backfill FROM=2026-11-13 TO=2026-11-15" in words


def test_days_without_a_drop_are_not_missing(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.loaded(*NIGHTS, date(2026, 11, 14))
    (found,) = tables.find()
    assert "make backfill FROM=2026-11-14 TO=2026-11-14" in found.en


def test_dates_that_the_history_does_not_keep_are_not_missing(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.loaded(*(date(2026, 11, day) for day in range(10, 17)))
    kept = lambda dates: expired(dates, daily_days=3, backfills=[])  # noqa: E731
    (found,) = tables.find(expired=kept)
    assert "make backfill FROM=2026-11-14 TO=2026-11-15" in found.en


def test_dates_that_the_night_computed_again_know_the_late_drop(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.loaded(*NIGHTS)
    late = LateDrop("zoho", date(2026, 11, 11), date(2026, 11, 16), is_correction=False)
    (found,) = tables.find(late=(late,), lookback_days=4)
    assert "make backfill FROM=2026-11-11 TO=2026-11-11" in found.en
    (found,) = tables.find(late=(late,), lookback_days=5)
    assert "backfill" not in found.en


def test_many_gaps_are_one_range(tables: Tables) -> None:
    first = date(2026, 10, 1)
    days = [first + timedelta(days=n) for n in range(30)]
    tables.computed(*days[::2], days[-1])
    tables.loaded(*days)
    (found,) = tables.find()
    assert "… (+9)" in found.en
    assert "make backfill FROM=2026-10-02 TO=2026-10-28" in found.en


def test_a_late_drop_names_the_dates_computed_without_it(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.loaded(*NIGHTS)
    late = LateDrop("zoho", date(2026, 11, 11), date(2026, 11, 16), is_correction=False)
    (found,) = tables.find(late=(late,))
    assert "zoho 2026-11-11 came late after 2026-11-16 was loaded" in found.en
    assert "make backfill FROM=2026-11-11 TO=2026-11-12" in found.en
    assert "迟到" in found.zh
    corrected = LateDrop("zoho", date(2026, 11, 12), date(2026, 11, 16), is_correction=True)
    (found,) = tables.find(late=(corrected,))
    assert "was corrected" in found.en
    assert "make backfill FROM=2026-11-12 TO=2026-11-12" in found.en


def test_a_late_drop_that_no_history_rests_on_asks_for_nothing(tables: Tables) -> None:
    tables.computed(NIGHTS[-1])
    tables.loaded(*NIGHTS)
    late = LateDrop("zoho", NIGHTS[0], NIGHTS[-1], is_correction=False)
    (found,) = tables.find(late=(late,))
    assert "no history is to be computed again" in found.en
    assert "backfill" not in found.en


def test_what_is_stale_or_set_aside_is_named(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    tables.source("feeds", "stale", age=9, every=7)
    tables.source("zoho", "set_aside", age=0, every=1)
    said = texts(tables.find())
    assert "stale: feeds orders 已 9 天未更新（应每 7 天）" in said
    assert "feeds orders is 9 days old (expected every 7), newest 2026-11-16." in said
    assert "set_aside: zoho orders 最新导出被搁置" in said


def test_what_did_not_come_as_it_should_is_named(tables: Tables) -> None:
    tables.computed(*NIGHTS)
    said = texts(
        tables.find(
            waiting=("zoho 2026-11-16",),
            missing_sources=("shop",),
            undated=("exports/zoho/a.csv",),
            errors=("exports/x.zip is damaged",),
            copies=("zoho 2026-11-16 b.csv = a.csv",),
            repeated=(RepeatedDrop("zoho", NIGHTS[1], same_as=NIGHTS[0]),),
            overdue_since=date(2026, 11, 12),
        )
    )
    for words in (
        "partial: zoho 2026-11-16 仍在写入",
        "write _SUCCESS, run again",
        "Source shop has no drop at all",
        "exports/zoho/a.csv",
        "exports/x.zip is damaged",
        "loaded once: zoho 2026-11-16 b.csv = a.csv",
        "zoho 2026-11-11 holds the same as 2026-11-10",
        "Nothing newer than 2026-11-12 has arrived",
    ):
        assert words in said
