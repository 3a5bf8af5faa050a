"""The writer's lock: one run at a time, and a killed run leaves none."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_project.lock import NightIsRunningError, one_writer
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
