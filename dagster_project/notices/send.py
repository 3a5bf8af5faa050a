"""Sending a notice to every channel that asks for its level."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from dagster_project.notices.mail import mail
from dagster_project.notices.notice import Notice
from dagster_project.notices.patience import NotSentError, Patience
from dagster_project.notices.webhooks import post
from dagster_project.settings import Email, Settings

LOGGER = logging.getLogger(__name__)


def send(
    settings: Settings,
    notice: Notice,
    *,
    environment: Mapping[str, str] | None = None,
    now: datetime | None = None,
    patience: Patience | None = None,
) -> int:
    """Send a notice; give the number of channels it reached.

    A channel that cannot be reached is a warning in the log: the night has ended as it has.
    """
    reached = 0
    for channel in settings.notices:
        if notice.level not in channel.on:
            continue
        deliver = mail if isinstance(channel, Email) else post
        try:
            deliver(
                channel,  # type: ignore[arg-type]
                notice,
                environment=os.environ if environment is None else environment,
                now=now or datetime.now(UTC),
                patience=patience or Patience(),
            )
        except NotSentError as error:
            LOGGER.warning("the notice of run %s was not sent: %s", notice.run_id, error)
            continue
        reached += 1
    return reached


def unset_variables(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Name the environment variables that the notices need and that are not set."""
    named = []
    for channel in settings.notices:
        if isinstance(channel, Email):
            named += [channel.password_env]
        else:
            named += [channel.url_env, channel.secret_env]
    return sorted({name for name in named if name and not environment.get(name)})
