"""Which errors may be gone in a moment: only those are worth another attempt."""

import errno

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
