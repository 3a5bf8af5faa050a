"""How long sending a notice goes on, and what it needs from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_exponential
from tenacity.retry import retry_base


class NotSentError(Exception):
    """A notice did not reach its receiver; the message names it without its secrets."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds per attempt, further attempts, the first pause and the longest."""

    timeout_seconds: float = 10
    retries: int = 3
    pause_seconds: float = 1
    longest_pause_seconds: float = 30


def again(
    patience: Patience,
    *,
    on: retry_base,
    at_least: Callable[[RetryCallState], float] = lambda _: 0,
) -> Retrying:
    """Repeat what fails as `on` says, with pauses that double; the last error is raised.

    at_least: what a service asks to wait, in seconds; never more than the longest pause.
    """
    doubling = wait_exponential(
        multiplier=patience.pause_seconds, max=patience.longest_pause_seconds
    )
    return Retrying(
        retry=on,
        stop=stop_after_attempt(patience.retries + 1),
        wait=lambda state: min(
            max(doubling(state), at_least(state)), patience.longest_pause_seconds
        ),
        reraise=True,
    )


def needed(environment: Mapping[str, str], name: str) -> str:
    """Give the value of an environment variable. Raises NotSentError naming it if there is none."""
    value = environment.get(name)
    if not value:
        raise NotSentError(f"the environment variable {name} is not set; kefen.yml names it")
    return value
