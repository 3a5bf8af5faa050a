"""How nights end: after days down, and without memory; what is logged and who is told."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project.defs.outcome import Outcome, notice_of
from dagster_project.defs.run import NightFailedError
from dagster_project.demo import write_demo_exports
from dagster_project.night import run_id_of
from dagster_project.report.run_log import run_records
from dagster_project.settings import Settings
from tests.receivers import Receiver, receiving
from tests.support import deliver, demo_settings, published, query, run_light_night, run_night

LAST = date(2026, 11, 20)
DAYS = [LAST - timedelta(days=back) for back in (3, 2, 1, 0)]
# Two in the morning in Shanghai, the day after.
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
CHANNEL = {"kind": "webhook", "url_env": "HOOK", "on": ["failure", "warning", "success"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_demo_exports(out, customers=60, days=400, nights=len(DAYS), dirt=0.0, last_date=LAST)
    return out


def settings_of(
    home: Path, monkeypatch: pytest.MonkeyPatch, told: Receiver, **more: object
) -> Settings:
    monkeypatch.setenv("HOOK", told.url)
    return demo_settings(home, notices=[CHANNEL], **more)


def test_after_three_days_down_all_drops_are_loaded_and_what_is_missing_is_named(
    world: Path, tmp_path: Path
) -> None:
    settings = demo_settings(tmp_path)
    deliver(world, settings, DAYS[0])
    run_light_night(settings, now=NOW - timedelta(days=3), data_tests=False)
    for day in DAYS[1:]:
        deliver(world, settings, day)

    summary = run_light_night(settings, now=NOW, data_tests=False).summary

    database = published(tmp_path)
    assert query(database, "select distinct export_date from load_manifest order by 1") == [
        (day,) for day in DAYS
    ]
    assert query(
        database, "select distinct as_of_date from customer_classification_history order by 1"
    ) == [(DAYS[0],), (DAYS[3],)]
    command = f"make backfill FROM={DAYS[1]} TO={DAYS[2]}"
    assert "## Attention 注意" in summary
    assert command in summary

    notice = notice_of(settings, Outcome(), run_id=run_id_of(NOW), kind="night")
    assert (notice.level, notice.status, notice.as_of_date) == ("warning", "published", LAST)
    # The demo has feeds that do not come every day.
    assert {found.topic for found in notice.attention} == {"stale", "missing_dates"}
    assert command in notice.text
    assert notice.report.name == f"{notice.run_id}.md"


def test_a_night_without_memory_publishes_nothing_says_why_and_is_told_of(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as told:
        settings = settings_of(tmp_path, monkeypatch, told, duckdb={"memory_limit": "1MiB"})
        deliver(world, settings, DAYS[0])
        settings.published_dir.mkdir()
        published(tmp_path).write_bytes(b"of yesterday")

        with pytest.raises(NightFailedError) as caught:
            run_night(settings, now=NOW)

    for words in ("内存不足", "limit 1MiB (duckdb.memory_limit)", "what readers see is untouched"):
        assert words in str(caught.value)
    assert [path.name for path in settings.published_dir.iterdir()] == ["kefen.duckdb"]
    assert published(tmp_path).read_bytes() == b"of yesterday"
    (record,) = run_records(settings)
    assert (record.status, record.kind) == ("failed", "night")
    (notice,) = told.bodies
    assert (notice["level"], notice["status"]) == ("failure", "failed")
    assert notice["failed_steps"][0]["step"] == "raw_zone"
    assert "内存不足" in notice["text"]


def test_a_notice_that_cannot_be_sent_does_not_hide_the_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    settings = demo_settings(tmp_path, notices=[CHANNEL])
    caplog.set_level("WARNING")
    with pytest.raises(NightFailedError, match="no export found"):
        run_night(settings, now=NOW)
    assert "the environment variable HOOK is not set" in caplog.text
    assert [record.status for record in run_records(settings)] == ["failed"]
