"""Nights over clock changes and leap days, and the publication expected every morning."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import pytest
from dagster import AssetKey  # noqa: TID251
from dagster._utils.schedules import schedule_execution_time_iterator  # noqa: TID251

from dagster_project.defs.publish.assets import build_publish_assets
from dagster_project.defs.schedules import build_nightly_schedule
from dagster_project.ingest.arrivals import look
from dagster_project.ingest.drops import date_in_name, find_drops
from dagster_project.ingest.load import load_exports
from dagster_project.settings import Settings
from dagster_project.transform.context import Exports, knowledge_date, run_dates


def make(tmp_path, zone, **options) -> Settings:
    return Settings.model_validate(
        {
            "home": tmp_path,
            "business_time_zone": zone,
            "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}},
            **options,
        }
    )


def starts(settings, first: datetime, last: datetime) -> list[datetime]:
    schedule = build_nightly_schedule(settings)
    ticks = schedule_execution_time_iterator(
        first.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone
    )
    return list(takewhile(lambda tick: tick < last, ticks))


@pytest.mark.parametrize(
    ("zone", "first", "days"),
    [
        # New York puts its clocks forward at 2:00 on 8 March 2026: that night has no 2:00.
        ("America/New_York", date(2026, 3, 6), 5),
        # And back at 2:00 on 1 November: 1:30 comes twice, 2:00 once.
        ("America/New_York", date(2026, 10, 30), 5),
        # Berlin puts them back at 3:00 on 25 October: 2:00 comes twice.
        ("Europe/Berlin", date(2026, 10, 23), 5),
        # Lord Howe Island by half an hour, at 2:00 on 4 October.
        ("Australia/Lord_Howe", date(2026, 10, 2), 5),
        ("Asia/Shanghai", date(2028, 2, 27), 4),
    ],
)
def test_each_day_has_one_night(tmp_path, zone, first, days):
    settings = make(tmp_path, zone)
    begin = datetime(first.year, first.month, first.day, 12, tzinfo=UTC)
    ticks = starts(settings, begin, begin + timedelta(days=days))
    assert len(ticks) == days
    local = [tick.astimezone(ticks[0].tzinfo).date() for tick in ticks]
    assert local == [local[0] + timedelta(days=n) for n in range(days)]


def test_the_night_without_two_o_clock_starts_at_three(tmp_path):
    settings = make(tmp_path, "America/New_York")
    (tick,) = starts(
        settings, datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 5, tzinfo=UTC)
    )
    assert tick.astimezone(UTC) == datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert tick.hour == 3


def test_the_schedule_is_a_setting(tmp_path):
    settings = make(tmp_path, "America/New_York", schedule={"nightly": "30 4 * * 1-5"})
    schedule = build_nightly_schedule(settings)
    assert schedule.cron_schedule == "30 4 * * 1-5"
    assert schedule.execution_timezone == "America/New_York"


def test_the_publication_is_expected_every_morning_in_the_business_time_zone(tmp_path):
    settings = make(tmp_path, "America/New_York", schedule={"ready_by": "0 7 * * *"})
    (published,) = build_publish_assets(upstream=[AssetKey("a")], settings=settings)
    (policy,) = {spec.freshness_policy for spec in published.specs}
    assert (policy.deadline_cron, policy.timezone) == ("0 7 * * *", "America/New_York")
    assert policy.lower_bound_delta == timedelta(hours=12)


def put(settings, name: str) -> None:
    folder = settings.source_dir("zoho") / name
    folder.mkdir(parents=True)
    (folder / "Accounts.csv").write_text("Record Id,Account Name\n1,a\n", encoding="utf-8")
    (folder / "_SUCCESS").touch()


def test_a_leap_day_is_a_day_like_any_other(tmp_path):
    settings = make(tmp_path, "America/New_York")
    source = settings.sources["zoho"].model_copy(update={"export_date_shift_days": -1})
    for name in ("2028-03-01", "2028-02-29", "2027-03-01"):
        put(settings, name)
    assert date_in_name("Accounts_20280229.csv") == date(2028, 2, 29)
    assert date_in_name("Accounts_20270229.csv") is None
    found = find_drops("zoho", source, settings.source_dir("zoho"))
    assert [drop.export_date for drop in found.drops] == [
        date(2027, 2, 28),
        date(2028, 2, 28),
        date(2028, 2, 29),
    ]


def test_windows_and_knowledge_dates_cross_a_leap_day(tmp_path):
    settings = make(tmp_path, "America/New_York", lookback_days=1)
    exports = Exports(first=date(2028, 2, 1), newest=date(2028, 3, 1))
    (day,) = run_dates([date(2028, 2, 29)], exports=exports, settings=settings)
    # 365 days, of which 29 February is one.
    assert day.window_start == date(2027, 3, 2)
    assert day.knowledge_date == date(2028, 3, 1)
    (day,) = run_dates([date(2028, 2, 28)], exports=exports, settings=settings)
    assert day.window_start == date(2027, 3, 1)
    assert knowledge_date(date(2028, 2, 28), exports=exports, lookback_days=1) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("now", "is_future"),
    [
        # 23:30 on 8 March in New York, after the clocks were put forward: 3:30 on the 9th in UTC.
        (datetime(2026, 3, 9, 3, 30, tzinfo=UTC), True),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), False),
        # 23:30 on 8 March 2025, the day before the change there, was 4:30 UTC.
        (datetime(2026, 11, 1, 3, 30, tzinfo=UTC), False),
    ],
)
def test_what_today_is_follows_the_clocks_of_the_business(tmp_path, now, is_future):
    settings = make(tmp_path, "America/New_York")
    put(settings, "2026-03-09")
    (audit,) = load_exports(settings, now=now).audits
    assert audit.str_006 is is_future


def test_a_drop_at_rest_is_seen_over_a_clock_change(tmp_path):
    """The minute of rest is a minute of real time, also when clocks are put back."""
    settings = make(tmp_path, "America/New_York")
    put(settings, "2026-10-31")
    (settings.source_dir("zoho") / "2026-10-31" / "_SUCCESS").unlink()
    before = datetime(2026, 11, 1, 5, 59, 30, tzinfo=UTC)
    first = look(settings, now=before, before={})
    assert first.complete == {}
    again = look(settings, now=before + timedelta(seconds=60), before=first.sightings)
    assert list(again.complete) == ["zoho 2026-10-31"]
