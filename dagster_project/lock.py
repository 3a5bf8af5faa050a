"""One night at a time: a lock file that dies with its process and says who holds it."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

LOGGER = logging.getLogger(__name__)

RUN = "run"
# Two clocks of one machine: when a process started, and when it took the lock.
CLOCK_SECONDS = 5


class NightIsRunningError(Exception):
    """Another run writes to the same home."""


class Owner(BaseModel):
    """Who holds the lock, or held it when it died.

    kind: of a run, night or backfill. process_started: seconds since 1970, which tells a process
    from a later one of the same number.
    """

    model_config = ConfigDict(frozen=True)

    pid: int = 0
    host: str = ""
    since: datetime
    purpose: str = RUN
    kind: str = "night"
    process_started: float | None = None

    def says(self, now: datetime) -> str:
        """Name the holder, and since when, for people."""
        return (
            f"process {self.pid} on {self.host}, {self.purpose}, since {self.since.isoformat()} "
            f"({human_age(now - self.since)} ago)"
        )

    def is_dead(self) -> bool | None:
        """Say whether the process has ended; None if that cannot be seen from this machine."""
        if self.host != socket.gethostname():
            return None
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return True
        known = self.process_started
        return known is not None and abs(started - known) > CLOCK_SECONDS


@contextmanager
def one_writer(
    work_dir: Path,
    *,
    now: datetime,
    wait_seconds: float = 0,
    purpose: str = RUN,
    kind: str = "night",
) -> Iterator[datetime | None]:
    """Hold the writer's lock of a home folder.

    purpose: what the lock is held for; only a run can be left unfinished. kind: of a run.
    Gives the start of the run before if it died with the lock in its hands, else None.
    Raises NightIsRunningError naming the holder's process, machine, start and age.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    path = work_dir / "kefen.lock"
    owner = _owner_file(work_dir)
    lock = FileLock(path, timeout=wait_seconds)
    try:
        lock.acquire()
    except Timeout as error:
        waited = now + timedelta(seconds=wait_seconds)
        raise NightIsRunningError(_refusal(path, owner_of(work_dir), now=waited)) from error
    left_by_run = None
    try:
        # Whoever wrote it does not hold the lock any more, on whatever machine it ran.
        left = owner_of(work_dir)
        unfinished = left if left and left.purpose == RUN else None
        if unfinished:
            LOGGER.warning("a run did not finish: %s", unfinished.says(now))
            left_by_run = owner.read_text(encoding="utf-8") if purpose != RUN else None
        mine = Owner(
            pid=os.getpid(),
            host=socket.gethostname(),
            since=now,
            purpose=purpose,
            kind=kind,
            process_started=psutil.Process().create_time(),
        )
        owner.write_text(mine.model_dump_json(), encoding="utf-8")
        yield unfinished.since if unfinished else None
    finally:
        if left_by_run:
            # For the next run, which records that this one never ended.
            owner.write_text(left_by_run, encoding="utf-8")
        else:
            owner.unlink(missing_ok=True)
        lock.release()


def owner_of(work_dir: Path) -> Owner | None:
    """Read who wrote its name last; None if nobody did, or half of it."""
    try:
        return Owner.model_validate_json(_owner_file(work_dir).read_bytes())
    except (OSError, ValidationError):
        return None


def human_age(age: timedelta) -> str:
    """Write an age as people say it: 3 h 12 min, 2 d 4 h."""
    minutes = max(int(age.total_seconds() // 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _refusal(path: Path, holder: Owner | None, *, now: datetime) -> str:
    if holder is None:
        return f"another run holds {path}: (unknown); wait for it to end, or stop that process"
    said = f"another run holds {path}: {holder.says(now)}"
    dead = holder.is_dead()
    if dead is None:
        return f"{said}; it is another machine: look there, wait for it to end, or stop it"
    if dead:
        # A child that outlived it, or a network file system that has not noticed yet.
        return (
            f"{said}; that process has ended, yet something still holds the lock: a child of it "
            f"(`fuser {path}` names it), or another machine on the same folder; stop that and run "
            "again"
        )
    return f"{said}; wait for it to end, or stop that process"


def _owner_file(work_dir: Path) -> Path:
    return work_dir / "kefen.lock.owner.json"
