"""The writer's lock: one run at a time, and a killed run leaves none."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project.lock import NightIsRunningError, Owner, human_age, one_writer, owner_of
from dagster_project.settings import PROJECT_DIR

NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
HOLD = """
import sys, time
from datetime import datetime, UTC
from pathlib import Path
from dagster_project.lock import one_writer
with one_writer(Path(sys.argv[1]), now=datetime(2026, 6, 30, tzinfo=UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=PROJECT_DIR, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(
                NightIsRunningError,
                match=rf"process {holder.pid} on .*2026-06-30.*\(2 h 0 min ago\)",
            ),
            one_writer(tmp_path, now=NOW),
        ):
            pytest.fail("two runs hold the lock")

        # The lock dies with its process, even without a chance to clean up.
        holder.kill()
        holder.wait()
        with one_writer(tmp_path, now=NOW) as unfinished:
            assert unfinished == datetime(2026, 6, 30, tzinfo=UTC)
            owner = json.loads((tmp_path / "kefen.lock.owner.json").read_text(encoding="utf-8"))
            assert owner["pid"] == os.getpid()


def test_the_lock_is_free_after_a_failure(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), one_writer(tmp_path, now=NOW):
            raise ZeroDivisionError
    assert not (tmp_path / "kefen.lock.owner.json").exists()


def test_a_run_that_may_wait_gets_the_lock_when_the_other_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("60", "1"), str(tmp_path)],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with one_writer(tmp_path, now=NOW, wait_seconds=60) as unfinished:
            assert unfinished is None


@pytest.mark.parametrize("left", ["", "{", "{}", '{"since": "yesterday"}'])
def test_half_a_name_is_no_obstacle(tmp_path: Path, left: str) -> None:
    (tmp_path / "kefen.lock.owner.json").write_text(left, encoding="utf-8")
    with one_writer(tmp_path, now=NOW) as unfinished:
        assert unfinished is None


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
    ],
)
def test_ages_are_said_as_people_say_them(age: timedelta, words: str) -> None:
    assert human_age(age) == words


def held_by(folder: Path, owner: Owner) -> str:
    """Say what a run is told that meets the lock held under this name."""
    with one_writer(folder, now=NOW):
        (folder / "kefen.lock.owner.json").write_text(owner.model_dump_json(), "utf-8")
        with pytest.raises(NightIsRunningError) as caught, one_writer(folder, now=NOW):
            pytest.fail("two runs hold the lock")
    return str(caught.value)


def test_a_holder_that_has_ended_is_recognised(tmp_path: Path) -> None:
    with one_writer(tmp_path, now=NOW):
        mine = owner_of(tmp_path)
    assert mine
    assert mine.is_dead() is False
    assert held_by(tmp_path, mine).endswith("wait for it to end, or stop that process")

    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    gone = mine.model_copy(update={"pid": ended.pid})
    assert gone.is_dead() is True
    assert "that process has ended" in held_by(tmp_path, gone)

    # Another process has its number now: this one began at another time.
    reused = mine.model_copy(update={"process_started": 1_000.0})
    assert reused.is_dead() is True


def test_a_holder_on_another_machine_is_not_judged_from_here(tmp_path: Path) -> None:
    elsewhere = Owner(pid=os.getpid(), host="db2", since=NOW - timedelta(hours=30))
    assert elsewhere.is_dead() is None
    said = held_by(tmp_path, elsewhere)
    assert "on db2, run, since" in said
    assert "(1 d 6 h ago)" in said
    assert "it is another machine" in said


def test_a_name_left_by_another_machine_is_stale_once_its_lock_is_free(tmp_path: Path) -> None:
    left = Owner(pid=os.getpid(), host="db2", since=NOW - timedelta(hours=1), kind="backfill")
    (tmp_path / "kefen.lock.owner.json").write_text(left.model_dump_json(), "utf-8")
    with one_writer(tmp_path, now=NOW) as unfinished:
        assert unfinished == left.since
    assert owner_of(tmp_path) is None
