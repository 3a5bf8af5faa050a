"""The longest time a run may take.

What belongs here: interrupting a run that takes longer, and ending its process if it does not obey.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from dagster_project.settings import Settings

LOGGER = logging.getLogger(__name__)

# How long a run may take to give up: dbt closes its database, Dagster writes its last events.
GRACE_SECONDS = 120
# An interrupt can be lost: a library that catches everything takes it for an error of its own.
AGAIN_SECONDS = 10
# The exit code of GNU timeout.
TIMED_OUT = 124


@dataclass
class TimeLimit:
    """Whether a run was interrupted for taking too long."""

    minutes: float | None
    is_over: bool = False

    @property
    def reason(self) -> str:
        """Say why the run was interrupted."""
        if self.is_over:
            return (
                f"the run took longer than limits.max_runtime_minutes {self.minutes:g} and was "
                "stopped 超过最长运行时间，已停止; look in the log for the last step, then run "
                "again or raise the limit"
            )
        return "the run was interrupted 运行被中断 (Ctrl-C, stopped by the system or in the UI)"


@contextmanager
def time_limit(
    settings: Settings,
    *,
    on_stuck: Callable[[str], None],
    interrupt: Callable[[], None] | None = None,
    end: Callable[[], None] | None = None,
    grace_seconds: float = GRACE_SECONDS,
) -> Iterator[TimeLimit]:
    """Interrupt what runs within after limits.max_runtime_minutes, as Ctrl-C would.

    on_stuck: called with the reason if it still runs after the grace; then its process and the
    processes it started are killed, and the writer's lock is free.
    """
    limit = TimeLimit(settings.limits.max_runtime_minutes)
    if limit.minutes is None:
        yield limit
        return
    is_done = threading.Event()

    def watch(seconds: float) -> None:
        if is_done.wait(seconds):
            return
        limit.is_over = True
        LOGGER.error("%s", limit.reason)
        given = 0.0
        while given < grace_seconds:
            (interrupt or _interrupt)()
            pause = min(AGAIN_SECONDS, grace_seconds)
            if is_done.wait(pause):
                return
            given += pause
        on_stuck(limit.reason)
        (end or _end)()

    watcher = threading.Thread(
        target=watch, args=(limit.minutes * 60,), name="time limit", daemon=True
    )
    watcher.start()
    try:
        yield limit
    finally:
        is_done.set()


def _interrupt() -> None:
    """Send this process what Ctrl-C sends: Dagster stops the step, and dbt with it."""
    os.kill(os.getpid(), signal.SIGINT)


def _end() -> None:
    """Kill what this process started, and itself; the lock dies with it."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(TIMED_OUT)
