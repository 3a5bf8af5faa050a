"""The sensor: one run for a drop that is whole and not landed, none for any other."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import RunRequest, SkipReason, build_sensor_context  # noqa: TID251

from dagster_project.defs import sensors
from dagster_project.ingest.arrivals import read_sightings
from dagster_project.ingest.load import load_exports
from dagster_project.settings import load_settings

NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
ACCOUNTS = "Record Id,Account Name\nzcrm_1,甲公司\nzcrm_2,乙公司\n"


class Folder:
    """An exports folder and the sensor that watches it; time passes when told."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drop = home / "exports" / "zoho" / "2026-06-29"
        self.drop.mkdir(parents=True)
        self.now = NOW
        self.cursor: str | None = None
        config = home / "kefen.yml"
        config.write_text("sources: {zoho: {format: zoho, path: exports/zoho}}\n", encoding="utf-8")
        monkeypatch.setenv("KEFEN_CONFIG", str(config))
        monkeypatch.setenv("KEFEN_HOME", str(home))
        folder = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                del tz
                return folder.now

        monkeypatch.setattr(sensors, "datetime", Clock)

    def write(self, text: str = ACCOUNTS, name: str = "Accounts_001.csv") -> None:
        path = self.drop / name
        path.write_text(text, encoding="utf-8")
        seconds = self.now.timestamp()
        os.utime(path, (seconds, seconds))

    def mark(self) -> None:
        (self.drop / "_SUCCESS").touch()

    def land(self) -> None:
        load_exports(load_settings(), now=self.now)

    def tick(self, after: int = 0) -> RunRequest | SkipReason:
        self.now += timedelta(seconds=after)
        context = build_sensor_context(cursor=self.cursor)
        answers = list(sensors.build_drop_sensor()(context))
        self.cursor = context.cursor
        assert len(answers) == 1
        return answers[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)


def asks(answer: RunRequest | SkipReason) -> bool:
    return isinstance(answer, RunRequest)


def test_a_marked_drop_asks_for_one_run_and_is_named(folder: Folder) -> None:
    folder.write()
    folder.mark()

    first, second = folder.tick(), folder.tick(after=60)

    assert isinstance(first, RunRequest)
    assert isinstance(second, RunRequest)
    # Dagster starts one run per key, however often it is asked.
    assert first.run_key == second.run_key
    assert first.tags["kefen/drops"] == "zoho 2026-06-29"


def test_without_a_marker_two_looks_a_minute_apart_must_agree(folder: Folder) -> None:
    folder.write()
    assert not asks(folder.tick())
    assert not asks(folder.tick(after=59))
    assert asks(folder.tick(after=1))


def test_old_files_that_were_just_copied_wait_as_well(folder: Folder) -> None:
    # Copied with their times: an old time does not say that the copying is over.
    folder.write()
    assert not asks(folder.tick(after=86_400))
    assert asks(folder.tick(after=60))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.write(ACCOUNTS + "zcrm_3,丙公司\n"), id="grows"),
        pytest.param(lambda f: f.write(), id="touched"),
        pytest.param(lambda f: f.write(name="Contacts_001.csv"), id="another file"),
    ],
)
def test_a_change_between_two_looks_starts_the_wait_anew(
    folder: Folder, change: Callable[[Folder], None]
) -> None:
    folder.write()
    folder.tick()
    folder.now += timedelta(seconds=50)
    change(folder)
    assert not asks(folder.tick(after=10))
    assert not asks(folder.tick(after=59))
    assert asks(folder.tick(after=1))


def test_a_landed_drop_asks_for_nothing(folder: Folder) -> None:
    folder.write()
    folder.mark()
    folder.land()
    assert not asks(folder.tick())
    assert read_sightings(folder.cursor) == {}


def test_a_corrected_file_asks_again_under_another_key(folder: Folder) -> None:
    folder.write()
    folder.mark()
    first = folder.tick()
    folder.land()
    folder.now += timedelta(hours=1)
    folder.write(ACCOUNTS.replace("乙公司", "乙有限公司"))

    second = folder.tick()

    assert isinstance(first, RunRequest)
    assert isinstance(second, RunRequest)
    assert first.run_key != second.run_key


def test_an_empty_folder_asks_for_nothing(folder: Folder) -> None:
    folder.mark()
    assert not asks(folder.tick())


def test_a_cursor_of_another_version_is_forgotten(folder: Folder) -> None:
    folder.cursor = "zoho 2026-06-28 something else"
    folder.write()
    assert not asks(folder.tick())
    assert asks(folder.tick(after=60))
