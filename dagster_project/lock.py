"""One night at a time: a lock file that dies with its process and says who holds it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

RUN = "run"


class NightIsRunningError(Exception):
    """Another run writes to the same home."""


@contextmanager
def one_writer(
    work_dir: Path, *, now: datetime, wait_seconds: float = 0, purpose: str = RUN
) -> Iterator[datetime | None]:
    """Hold the writer's lock of a home folder.

    purpose: what the lock is held for; only a run can be left unfinished.
    Gives the start of the run before if it died with the lock in its hands, else None.
    Raises NightIsRunningError naming the holder's process, machine and start.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    path = work_dir / "kefen.lock"
    owner = work_dir / "kefen.lock.owner.json"
    lock = FileLock(path, timeout=wait_seconds)
    try:
        lock.acquire()
    except Timeout as error:
        holder = owner.read_text(encoding="utf-8") if owner.exists() else "(unknown)"
        raise NightIsRunningError(
            f"another run holds {path}: {holder}; wait for it to end, or stop that process"
        ) from error
    left_by_run = None
    try:
        unfinished = _start_of(owner)
        left_by_run = owner.read_text(encoding="utf-8") if unfinished and purpose != RUN else None
        owner.write_text(
            json.dumps(
                {
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "since": now.isoformat(),
                    "purpose": purpose,
                }
            ),
            encoding="utf-8",
        )
        yield unfinished
    finally:
        if left_by_run:
            # For the next run, which records that this one never ended.
            owner.write_text(left_by_run, encoding="utf-8")
        else:
            owner.unlink(missing_ok=True)
        lock.release()


def _start_of(owner: Path) -> datetime | None:
    """Read when the run began that left its name behind; None if none did, or half of it."""
    try:
        left = json.loads(owner.read_text(encoding="utf-8"))
        if left.get("purpose", RUN) != RUN:
            return None
        return datetime.fromisoformat(left["since"])
    except (OSError, ValueError, KeyError):
        return None
