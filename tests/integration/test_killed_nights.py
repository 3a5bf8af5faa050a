"""Nights that are killed, and two at once: readers always see a whole publication.

One home is run four times: killed while landing, while dbt builds the classes and while
publishing, then left alone. All the time somebody reads what is published.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psutil
import pytest

from dagster_project.settings import Settings
from dagster_project.transform.history import HISTORY
from tests.integration.conftest import SECOND
from tests.support import (
    deliver,
    demo_settings,
    differences,
    published,
    query,
    run_command,
    start_command,
)

PATIENCE_SECONDS = 240


def files_of(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and ".publishing-" not in str(path)
    }


class Reader(threading.Thread):
    """Opens the publication again and again, and notes what is not as it should be."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._is_over = threading.Event()
        self._tables = self._look()[1]
        self.seen: dict[str, int] = {}
        self.faults: list[str] = []

    def _look(self) -> tuple[str, set[str], int]:
        with duckdb.connect(str(self._folder / "kefen.duckdb"), read_only=True) as connection:
            tables = {
                name
                for (name,) in connection.execute(
                    "select table_name from duckdb_tables() where schema_name = 'main'"
                ).fetchall()
            }
            row = connection.execute(
                "select (select max(run_id) from run_log), "
                "(select count(*) from customer_classification), "
                "(select count(*) from customer_rfm)"
            ).fetchone()
            parquet = connection.execute(
                "select count(*) from read_parquet($1)",
                [str(self._folder / "current" / "customer_classification.parquet")],
            ).fetchone()
        assert row
        assert parquet
        return row[0], tables, min(row[1], row[2], parquet[0])

    def run(self) -> None:
        while not self._is_over.wait(0.1):
            try:
                run_id, tables, rows = self._look()
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is a fault
                self.faults.append(repr(error))
                continue
            self.seen[run_id] = self.seen.get(run_id, 0) + 1
            if tables != self._tables or not rows:
                self.faults.append(f"{run_id}: {rows} rows, tables {tables ^ self._tables}")

    def finish(self) -> None:
        self._is_over.set()
        self.join()


@dataclass
class Story:
    """What happened to the home, in order."""

    settings: Settings
    before: dict[str, bytes | str]
    undisturbed: Path
    after_kill: dict[str, dict[str, bytes | str]] = field(default_factory=dict)
    leftovers: dict[str, list[str]] = field(default_factory=dict)
    second_run: tuple[int, str] = (0, "")
    first_run_pid: int = 0
    last_run: tuple[int, str] = (0, "")
    faults: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)


def kill_when(settings: Settings, sign: Callable[[subprocess.Popen[str]], list[str]]) -> list[str]:
    """Start a night and kill its process group at a sign, which must outlive the stop."""
    with start_command(settings, "run") as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.fail(f"the night ended before the sign: {process.communicate()[0]}")
            if sign(process):
                os.killpg(process.pid, signal.SIGSTOP)
                if left := sign(process):
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                    return left
                os.killpg(process.pid, signal.SIGCONT)
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("no sign was given")


def names(folder: Path, pattern: str) -> list[str]:
    return [path.name for path in folder.glob(pattern)]


def building_classes(settings: Settings, process: subprocess.Popen[str]) -> list[str]:
    """Name the dbt child once it has begun to write the tables that get published."""
    log = settings.work_dir / "kefen_work.duckdb.wal"
    try:
        is_written = log.stat().st_size > 0
    except FileNotFoundError:
        is_written = False  # or written no more: a checkpoint takes it away
    if not is_written:
        return []
    time.sleep(0.05)
    commands = [child.cmdline() for child in psutil.Process(process.pid).children()]
    return [" ".join(c) for c in commands if any("tag:classes" in word for word in c)]


@pytest.fixture(scope="module")
def story(
    two_nights: Path,
    first_home: Path,
    second_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    settings = demo_settings(tmp_path_factory.mktemp("killed") / "home")
    shutil.copytree(first_home, settings.home, symlinks=True)
    deliver(two_nights, settings, SECOND)
    folder = settings.published_dir
    told = Story(settings, files_of(folder), published(second_home))
    reader = Reader(folder)
    reader.start()
    try:
        _kill_thrice(told)
        _run_twice_at_once(told)
        time.sleep(0.2)
    finally:
        reader.finish()
    told.faults, told.seen = reader.faults, reader.seen
    return told


def _kill_thrice(told: Story) -> None:
    settings, folder = told.settings, told.settings.published_dir
    signs: dict[str, Callable[[subprocess.Popen[str]], list[str]]] = {
        "landing": lambda _: names(settings.raw_dir / "_tmp", "*"),
        "dbt": lambda process: building_classes(settings, process),
        "publishing": lambda _: names(folder / "runs", ".publishing-*"),
    }
    for step, sign in signs.items():
        told.leftovers[step] = kill_when(settings, sign)
        told.after_kill[step] = files_of(folder)


def _run_twice_at_once(told: Story) -> None:
    settings = told.settings
    owner = settings.work_dir / "kefen.lock.owner.json"
    with start_command(settings, "run") as first:
        told.first_run_pid = first.pid
        deadline = time.monotonic() + PATIENCE_SECONDS
        while str(first.pid) not in (owner.read_text("utf-8") if owner.exists() else ""):
            assert time.monotonic() < deadline, "the first run takes no lock"
            time.sleep(0.05)
        told.second_run = run_command(settings, "run")
        assert first.poll() is None, "the first run was over before the second"
        said, _ = first.communicate(timeout=PATIENCE_SECONDS)
        told.last_run = (first.returncode, said)


@pytest.mark.parametrize("step", ["landing", "dbt", "publishing"])
def test_a_killed_night_leaves_the_publication_of_the_night_before(story: Story, step: str) -> None:
    assert story.leftovers[step], "it was killed in the middle of the step"
    assert story.after_kill[step] == story.before


def test_the_next_run_publishes_what_an_undisturbed_one_would(story: Story) -> None:
    code, said = story.last_run
    assert code == 0, said
    assert differences(story.undisturbed, published(story.settings.home)) == []
    assert not list(story.settings.published_dir.rglob(".publishing-*"))
    assert not list((story.settings.raw_dir / "_tmp").glob("*"))


def test_a_run_says_which_step_it_is_at(story: Story) -> None:
    _, said = story.last_run
    steps = re.findall(
        r"INFO (raw_zone|records|marts|published): (started|\d+\.\d s)$", said, re.MULTILINE
    )
    assert [step for step, _ in steps] == [
        name for name in ("raw_zone", "records", "marts", "published") for _ in range(2)
    ]
    assert [told == "started" for _, told in steps] == [True, False] * 4


def test_the_current_run_is_complete(story: Story) -> None:
    current = story.settings.published_dir / "current"
    tables = query(
        published(story.settings.home),
        "select table_name, estimated_size from duckdb_tables() where schema_name = 'main'",
    )
    found = {
        (path.stem, *duckdb.sql("select count(*) from read_parquet($1)", params=[str(path)])
         .fetchall()[0])
        for path in current.glob("*.parquet")
    }  # fmt: skip
    (history,) = duckdb.sql(
        "select count(*) from read_parquet($1)", params=[str(current / HISTORY / "*" / "*.parquet")]
    ).fetchall()
    assert found | {(HISTORY, *history)} == set(tables)
    logged = query(
        published(story.settings.home),
        "select tables, rows from run_log where status = 'published' order by run_id",
    )
    assert logged[-1] == (len(tables), sum(rows for _, rows in tables))


def test_the_run_log_has_the_killed_runs_and_the_refused_one(story: Story) -> None:
    found = query(
        published(story.settings.home), "select status from run_log order by started_at, run_id"
    )
    # The first night, three that were killed, the last one and the one that was refused, which
    # began after it.
    assert [status for (status,) in found] == ["published", *["failed"] * 3, "published", "failed"]


def test_a_second_run_is_refused_and_told_who_runs(story: Story) -> None:
    code, said = story.second_run
    assert code == 1
    assert "NightIsRunningError: another run holds" in said
    assert f"process {story.first_run_pid} on" in said
    assert "Traceback" not in said


def test_a_reader_never_met_anything_but_a_whole_publication(story: Story) -> None:
    assert story.faults == []
    # The night before, then the one that was left alone; nothing between.
    assert len(story.seen) == 2
    assert min(story.seen.values()) >= 3
