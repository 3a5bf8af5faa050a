"""Nights with random faults end with the tables of undisturbed nights, and no reader saw less.

Each night one fault is drawn from a seed: the process is killed at a random moment, the disk runs
full, a drop is cut off and arrives whole later, readers hold every file, the clock is moved, two
runs start at once. A night that did not publish is run again, as an operator would. Processes look
at the publication all the time. KEFEN_CHAOS_NIGHTS and KEFEN_CHAOS_SEED change the long run.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import psutil
import pytest

from dagster_project.demo import write_demo_exports
from dagster_project.night import judge, prepare
from dagster_project.settings import Settings
from expectations.rules import load_rules
from expectations.runner import gate
from tests.integration.conftest import SECOND
from tests.reader_process import ReaderProcess, Seen, State, look_at_database
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
    tables_of,
)

PATIENCE_SECONDS = 600
DISK = "2g"


@dataclass
class Chaos:
    """A home in which things go wrong, and what came of it."""

    world: Path
    settings: Settings
    random: Random
    # A second disk of its own that can be filled; without it writes are forbidden instead.
    has_own_disk: bool
    # How long a night of the command line takes; measured when one ends by itself.
    night_seconds: float
    # What good nights published: all that a reader may see.
    good: set[State] = field(default_factory=set)
    nights: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    @property
    def run_id(self) -> str:
        return (self.settings.published_dir / "current").readlink().name

    def look(self, day: date) -> bool:
        """Note what is published now, which is complete; say whether it is the night of a day."""
        state = look_at_database(self.settings.published_dir)
        assert len(state.dates) == 1, state
        summary = self.settings.report_dir / f"{self.run_id}.md"
        if summary.exists():
            size = f"tables 表: {state.tables}, rows 行: {state.rows:,}\n"
            assert size in summary.read_text("utf-8")
        else:
            # It was killed after it had published, before it could say so.
            assert state.dates == (str(day),)
        self.good.add(state)
        return state.dates == (str(day),)

    def light_night(self, day: date, *, now: datetime | None = None) -> None:
        self.runs["in this process"] += 1
        # Names of runs are made of their start.
        now = now or NOW + timedelta(seconds=self.runs.total())
        run_light_night(self.settings, now=now, data_tests=False)
        assert self.look(day)


Fault = Callable[[Chaos, date], None]


# What can go wrong --------------------------------------------------------------------------


def killed(chaos: Chaos, day: date) -> None:
    """Kill a night, and its children, somewhere between its start and its end."""
    with start_command(chaos.settings, "run") as process:
        if wait(process, chaos.random.uniform(0.02, 1) * chaos.night_seconds):
            os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    chaos.runs["killed" if process.returncode else "over before it was killed"] += 1
    assert process.returncode in {0, -signal.SIGKILL}, said
    chaos.look(day)


def disk_full(chaos: Chaos, day: date) -> None:
    """Let the disk run full at some moment of a night."""
    hog = chaos.settings.home / "hog"
    with start_command(chaos.settings, "run") as process:
        wait(process, chaos.random.uniform(0.02, 0.8) * chaos.night_seconds)
        if chaos.has_own_disk:
            fill_up(hog)
        else:
            forbid_writing(process)
        process.communicate(timeout=PATIENCE_SECONDS)
    hog.unlink(missing_ok=True)
    is_published = chaos.look(day)
    chaos.runs[
        "failed on a full disk" if process.returncode else "over before the disk was full"
    ] += 1
    assert process.returncode != 0 or is_published


def truncated(chaos: Chaos, day: date) -> None:
    """Cut an archive or workbook off; the night stops at the gate until it arrives whole."""
    drops = chaos.settings.home / "exports"
    files = sorted(p for p in drops.glob(f"*/{day}/*") if p.suffix in {".zip", ".xlsx"})
    broken = chaos.random.choice(files)
    whole = broken.read_bytes()
    broken.write_bytes(whole[: int(len(whole) * chaos.random.uniform(0.05, 0.95))])
    chaos.runs["stopped at the gate"] += 1
    now = NOW + timedelta(seconds=chaos.runs.total())
    prepare(chaos.settings, now=now)
    assert gate(judge(chaos.settings, stage="raw", rules=load_rules())).is_blocked
    assert not chaos.look(day)
    broken.write_bytes(whole)


def held_by_readers(chaos: Chaos, day: date) -> None:
    """Hold every published file open, and a connection, all through a night."""
    folder = chaos.settings.published_dir
    reader = ReaderProcess(folder, "held", chaos.settings.home / "no_floor")
    reader.wait_until_ready()
    with ExitStack() as stack:
        files = [stack.enter_context(p.open("rb")) for p in folder.rglob("*") if p.is_file()]
        before = [file.read() for file in files]
        chaos.light_night(day)
        for file, content in zip(files, before, strict=True):
            file.seek(0)
            assert file.read() == content, file.name
    assert reader.finish().faults == []


def clock_moved(chaos: Chaos, day: date) -> None:
    """Start a night when the clock is a year behind the last run, or ahead of it."""
    days = chaos.random.uniform(1, (NOW.date() - day).days - 1)
    now = NOW + timedelta(days=days * chaos.random.choice((-1, 1)))
    chaos.light_night(day, now=now)


def two_at_once(chaos: Chaos, day: date) -> None:
    """Start a second run while the first one works: it is refused and told who runs."""
    chaos.runs["refused a second one"] += 1
    owner = chaos.settings.work_dir / "kefen.lock.owner.json"
    started = time.monotonic()
    with start_command(chaos.settings, "run") as first:
        while str(first.pid) not in (owner.read_text("utf-8") if owner.exists() else ""):
            assert first.poll() is None, first.communicate()[0]
            assert time.monotonic() < started + PATIENCE_SECONDS
            time.sleep(0.05)
        code, said = run_command(chaos.settings, "run")
        assert first.poll() is None, "the first run was over before the second"
        said_first, _ = first.communicate(timeout=PATIENCE_SECONDS)
    chaos.night_seconds = time.monotonic() - started
    assert code == 1
    assert f"process {first.pid} on" in said, said
    assert first.returncode == 0, said_first
    assert chaos.look(day)


FAULTS: tuple[Fault, ...] = (
    killed, killed, disk_full, truncated, held_by_readers, clock_moved, two_at_once,
)  # fmt: skip


def shuffled(random: Random) -> list[Fault]:
    """Every fault once, in a random order."""
    return random.sample(FAULTS, len(FAULTS))


def wait(process: subprocess.Popen[str], seconds: float) -> bool:
    """Wait so long at most; say whether the process still works."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def fill_up(hog: Path) -> None:
    """Write until nothing fits any more."""
    with hog.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017 - most often it is raised


def forbid_writing(process: subprocess.Popen[str]) -> None:
    """Let every write to a file fail from now on, in the process and what it starts."""
    try:
        parent = psutil.Process(process.pid)
        for each in [parent, *parent.children(recursive=True)]:
            each.rlimit(psutil.RLIMIT_FSIZE, (0, 0))
    except psutil.NoSuchProcess:
        return


# The nights ---------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, bool]]:
    """A folder on a disk of its own, if one can be mounted; and whether it is."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    is_mounted = (
        bool(shutil.which("mount"))
        and not subprocess.run(mount, check=False, capture_output=True).returncode
    )
    yield folder, is_mounted
    if is_mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def live_through(chaos: Chaos, days: Sequence[date], faults: Sequence[Fault]) -> dict[str, Seen]:
    """Deliver and run night after night, each with a fault; what readers saw meanwhile."""
    folder = chaos.settings.published_dir
    no_floor = chaos.settings.home / "no_floor"
    readers = {
        mode: ReaderProcess(folder, mode, no_floor, seconds=0.5) for mode in ("again", "parquet")
    }
    for reader in readers.values():
        reader.wait_until_ready()
    for number, (day, fault) in enumerate(zip(days, faults, strict=False)):
        if not (chaos.settings.home / "exports" / "zoho" / day.isoformat()).exists():
            deliver(chaos.world, chaos.settings, day)
        chaos.nights[fault.__name__] += 1
        fault(chaos, day)
        is_last_of_day = number + 1 == len(days) or days[number + 1] != day
        if is_last_of_day and not chaos.look(day):
            chaos.light_night(day)
    return {mode: reader.finish() for mode, reader in readers.items()}


def assert_nothing_was_lost(
    chaos: Chaos, seen: dict[str, Seen], undisturbed: Path, *, label: str, started: float
) -> None:
    for mode, one in seen.items():
        assert one.faults == [], mode
        assert set(one.states) <= chaos.good, mode
    first, second = published(undisturbed), published(chaos.settings.home)
    assert tables_of(first) == tables_of(second)
    others = set(tables_of(first)) - {"load_manifest"}
    assert differences(first, second, tables=others) == []
    # A file that was cut off stands in the manifest as an earlier revision of itself.
    newest = (
        "select * exclude (revision, loaded_at) from load_manifest where is_newest_revision "
        "order by all"
    )
    assert query(first, newest) == query(second, newest)
    assert not list(chaos.settings.published_dir.rglob(".publishing-*"))
    looks = {mode: one.looks for mode, one in seen.items()}
    sys.stdout.write(
        f"\n{label}: {chaos.nights.total()} nights {dict(chaos.nights)}, runs {dict(chaos.runs)}, "
        f"{len(chaos.good)} publications, looks {looks}, "
        f"disk {'of its own' if chaos.has_own_disk else 'with a limit'}, "
        f"{time.monotonic() - started:.0f} s\n"
    )


def test_five_faults_in_one_evening(
    two_nights: Path, first_home: Path, second_home: Path, disk: tuple[Path, bool]
) -> None:
    started = time.monotonic()
    settings = demo_settings(disk[0] / "home")
    shutil.copytree(first_home, settings.home, symlinks=True)
    chaos = Chaos(two_nights, settings, Random(5), has_own_disk=disk[1], night_seconds=20)
    chaos.look(SECOND)
    evening = (truncated, killed, disk_full, clock_moved, held_by_readers)

    seen = live_through(chaos, [SECOND] * len(evening), evening)

    assert_nothing_was_lost(chaos, seen, second_home, label="one evening", started=started)


@pytest.mark.soak
def test_random_nights(tmp_path: Path, disk: tuple[Path, bool]) -> None:
    nights = int(os.environ.get("KEFEN_CHAOS_NIGHTS", "50"))
    seed = int(os.environ.get("KEFEN_CHAOS_SEED", "1"))
    started = time.monotonic()
    world = tmp_path / "world"
    write_demo_exports(
        world, customers=150, days=500, nights=nights + 1, dirt=0.01, seed=seed, last_date=SECOND
    )
    first, *days = [SECOND - timedelta(days=n) for n in range(nights, -1, -1)]
    undisturbed = demo_settings(tmp_path / "undisturbed")
    deliver(world, undisturbed, first)
    run_light_night(undisturbed, data_tests=False)
    settings = demo_settings(disk[0] / "home")
    shutil.copytree(undisturbed.home, settings.home, symlinks=True)
    for number, day in enumerate(days, start=1):
        deliver(world, undisturbed, day)
        run_light_night(undisturbed, now=NOW + timedelta(seconds=number), data_tests=False)
    random = Random(seed)
    chaos = Chaos(world, settings, random, has_own_disk=disk[1], night_seconds=40)
    chaos.look(first)

    faults = [fault for _ in range(0, nights, len(FAULTS)) for fault in shuffled(random)]
    seen = live_through(chaos, days, faults)

    assert_nothing_was_lost(chaos, seen, undisturbed.home, label=f"seed {seed}", started=started)
