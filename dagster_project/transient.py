"""Another attempt for steps that met a locked file or a network fault, and for nothing else."""

import errno
import logging

from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

LOGGER = logging.getLogger(__name__)

# A file that another program holds, a network folder that hiccups, a connection that was lost.
ERRNOS = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EDEADLK,
    errno.EINTR,
    errno.EIO,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ETXTBSY,
}
# DuckDB, and dbt after it, say in words what the system said; 5 is EIO.
WORDS = (
    "could not set lock on file",
    "conflicting lock is held",
    "resource temporarily unavailable",
    "device or resource busy",
    "input/output error",
    "stale file handle",
    "connection reset",
    "connection timed out",
)


def is_transient(error: BaseException) -> bool:
    """Say whether the same step may pass in a moment: never for wrong data, SQL, rules or room."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in ERRNOS:
        return True
    # An OSError with another number is what it is: a missing file, a full disk.
    if isinstance(error, OSError) and error.errno is not None:
        return False
    words = str(error).lower()
    return any(sign in words for sign in WORDS)


def attempts() -> Retrying:
    """Repeat a step after a transient error: up to three times, after about 5, 10 and 20 s.

    Dagster's own retry policy repeats a step that was interrupted, too, and would ignore Ctrl-C,
    the time limit and `systemctl stop`.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(4),
        wait=wait_exponential_jitter(multiplier=5, jitter=3),
        before_sleep=before_sleep_log(LOGGER, logging.WARNING),
        reraise=True,
    )
