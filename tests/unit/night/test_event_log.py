"""The event log that is kept open: the files of Dagster's own, whoever reads them."""

import sqlite3
from pathlib import Path

import pytest
from dagster import (  # noqa: TID251
    AssetCheckResult,
    AssetKey,
    DagsterInstance,
    asset,
    asset_check,
    materialize,
)
from dagster._core.storage.event_log import SqliteEventLogStorage  # noqa: TID251

from dagster_project.defs.event_log import OpenEventLog, open_instance


@asset
def numbers() -> None: ...


@asset_check(asset=numbers)
def are_right() -> AssetCheckResult:
    return AssetCheckResult(passed=False, metadata={"failed": 3})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_dagster_reads_what_was_logged(home: Path) -> None:
    with open_instance() as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        done = materialize([numbers, are_right], instance=instance, raise_on_error=False)
        logged = [entry.message for entry in instance.all_logs(done.run_id)]

    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert [entry.message for entry in instance.all_logs(done.run_id)] == logged
        assert instance.get_latest_materialization_event(AssetKey("numbers"))
        check = next(iter(are_right.check_keys))
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])
        assert found[check].status.value == "FAILED"
    runs = home / "history" / "runs"
    assert {path.name for path in runs.iterdir()} == {"index.db", f"{done.run_id}.db"}


def test_a_reader_sees_the_events_while_the_run_goes_on(home: Path) -> None:
    with open_instance() as instance:
        done = materialize([numbers, are_right], instance=instance, raise_on_error=False)
        with sqlite3.connect(home / "history" / "runs" / f"{done.run_id}.db") as reader:
            count = reader.execute("select count(*) from event_logs").fetchone()[0]
        assert count == len(instance.all_logs(done.run_id)) > 0


def test_an_instance_with_a_storage_of_its_own_is_left_as_it_is(home: Path) -> None:
    (home / "dagster.yaml").write_text(
        f"storage:\n  sqlite:\n    base_dir: {home / 'elsewhere'}\n", encoding="utf-8"
    )
    with open_instance() as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert (home / "elsewhere").exists()
