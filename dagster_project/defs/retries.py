"""Another attempt for steps that met a locked file or a network fault, and for nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Backoff, Failure, Jitter, RetryPolicy

from dagster_project.transient import is_transient

RETRIES = RetryPolicy(max_retries=3, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)


@contextmanager
def only_transient_errors_again() -> Iterator[None]:
    """Let Dagster repeat a step after a transient error; after any other, fail at once.

    A second attempt would meet the same files, dates, rules, SQL and room.
    """
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        if is_transient(error):
            raise
        raise Failure(description=str(error), allow_retries=False) from error
