"""Notices by mail."""

import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from tenacity import retry_if_exception

from dagster_project.notices.notice import Notice
from dagster_project.notices.patience import NotSentError, Patience, again, needed
from dagster_project.settings import Email


def message_of(channel: Email, notice: Notice, *, now: datetime) -> EmailMessage:
    """Write the mail: the title as its subject, the text as its body."""
    message = EmailMessage()
    message["Subject"] = notice.title
    message["From"] = channel.sender
    message["To"] = ", ".join(channel.to)
    message["Date"] = format_datetime(now)
    # Mail programs show a night's notices of one home as one conversation.
    message["X-Kefen-Run"] = notice.run_id
    message.set_content(notice.text + "\n")
    return message


def mail(
    channel: Email,
    notice: Notice,
    *,
    environment: Mapping[str, str],
    now: datetime,
    patience: Patience,
) -> None:
    """Send a notice by mail; again after time-outs and SMTP's 4xx, not after 5xx.

    Raises NotSentError naming the host, or the variable that is not set.
    """
    password = needed(environment, channel.password_env) if channel.password_env else None
    message = message_of(channel, notice, now=now)
    repeated = again(patience, on=retry_if_exception(is_worth_another_try))
    try:
        repeated(_send, channel, message, password, patience.timeout_seconds)
    except (smtplib.SMTPException, OSError) as error:
        raise NotSentError(f"mail by {channel.host}:{channel.port}: {_words(error)}") from None


def is_worth_another_try(error: BaseException) -> bool:
    """Say whether the same mail may go through later: 4xx, a lost connection, a time-out.

    Wrong names, certificates and passwords, and SMTP's 5xx stay wrong.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code < 500 for code, _ in error.recipients.values())  # noqa: PLR2004
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500  # noqa: PLR2004
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return True
    return isinstance(error, (ConnectionError, TimeoutError))


def _send(
    channel: Email, message: EmailMessage, password: str | None, timeout_seconds: float
) -> None:
    context = ssl.create_default_context()
    if channel.tls == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            channel.host, channel.port, timeout=timeout_seconds, context=context
        )
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=timeout_seconds)
    with server:
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user and password:
            server.login(channel.user, password)
        server.send_message(message)


def _words(error: Exception) -> str:
    """Give the server's own words where they are words; they hold no password of ours."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        return f"{error.smtp_code} {text}"
    return f"{type(error).__name__}: {error}"
