"""Sixty nights: one by one, in another order with the working database lost, and as one backfill.

The backfill is that of the command line, and is killed again and again on its way.
"""

import os
import random
import re
import signal
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.settings import Settings
from tests.integration.test_nights import HISTORY, SETTINGS
from tests.support import (
    NOW,
    deliver,
    demo_settings,
    differences,
    published,
    query,
    run_command,
    run_light_night,
    start_command,
)

pytestmark = pytest.mark.soak

NIGHTS = 60
# Long past: the command line looks at the real clock.
LAST = date(2025, 3, 20)
FIRST = LAST - timedelta(days=NIGHTS - 1)
KILLS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_demo_exports(out, customers=60, days=500, nights=NIGHTS, dirt=0.02, last_date=LAST)
    return out


@pytest.fixture(scope="module")
def nightly(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published after sixty nights in order, each with its own drop."""
    settings = demo_settings(tmp_path_factory.mktemp("nightly"), **SETTINGS)
    started = time.monotonic()
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
        run_light_night(settings, now=NOW + timedelta(seconds=number), data_tests=False)
    say(f"\n{NIGHTS} nights one by one: {time.monotonic() - started:.0f} s")
    return published(settings.home)


def home_with_all_drops(world: Path, home: Path, **changes: object) -> Settings:
    settings = demo_settings(home, **SETTINGS, **changes)
    for number in range(NIGHTS):
        deliver(world, settings, FIRST + timedelta(days=number))
    return settings


def test_nights_in_any_order(world: Path, nightly: Path, tmp_path: Path) -> None:
    settings = home_with_all_drops(world, tmp_path)
    numbers = list(range(NIGHTS))
    random.Random(7).shuffle(numbers)
    started, newest = time.monotonic(), -1
    # The newest once more at the end, which publishes what was computed after it.
    for step, number in enumerate([*numbers, NIGHTS - 1]):
        day = FIRST + timedelta(days=number)
        run_light_night(
            settings, as_of=day, known=day, now=NOW + timedelta(seconds=step), data_tests=False
        )
        # All that was computed is published: nothing is lost with the working database.
        if number > newest and step < NIGHTS // 2:
            settings.work_db.unlink()
        newest = max(newest, number)
    say(f"\n{NIGHTS + 1} nights in another order: {time.monotonic() - started:.0f} s")
    assert_equal(nightly, published(tmp_path))


def test_a_backfill_that_is_killed_on_its_way(world: Path, nightly: Path, tmp_path: Path) -> None:
    settings = home_with_all_drops(world, tmp_path, backfill={"max_rows": 2_000})
    command = ("backfill", "--from", str(FIRST), "--to", str(LAST))
    started = time.monotonic()
    for kill in range(KILLS):
        said = killed_after_a_chunk(settings, command, inside_the_next=kill % 2 == 1)
        assert ("are skipped" in said) is (kill > 0)
    code, said = run_command(settings, *command)

    assert code == 0, said
    skipped = re.search(r"(\d+) of \d+ dates .* are skipped", said)
    assert skipped
    say(
        f"\nbackfill of {NIGHTS} dates, killed {KILLS} times: {time.monotonic() - started:.0f} s; "
        f"the last run skipped {skipped.group(1)} dates"
    )
    assert_equal(nightly, published(tmp_path))


def killed_after_a_chunk(
    settings: Settings, command: tuple[str, ...], *, inside_the_next: bool
) -> str:
    """Kill the process group of a backfill once a chunk is done; give what it said."""
    said = ""
    with start_command(settings, *command) as process:
        assert process.stdout
        for line in process.stdout:
            said += line
            if re.search(r"history: chunk \d+ of", line):
                time.sleep(4 if inside_the_next else 0)
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    return said


def assert_equal(first: Path, second: Path) -> None:
    for table in sorted(HISTORY):
        [(rows,)] = query(second, f"select count(*) from {table}")
        say(f"  {table}: {rows:,} rows")
    assert differences(first, second, tables=HISTORY) == []
    found = query(second, "select count(distinct as_of_date) from rfm_thresholds")
    assert found == [(NIGHTS,)]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
