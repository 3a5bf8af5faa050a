"""Notices to group robots and to receivers of JSON, in the form that each service asks for.

企业微信: text of at most 2,048 bytes; errcode 0 = sent. 飞书: text, at most 20 kB; code 0 = sent;
signed in the body, seconds. 钉钉: text, at most 20 kB; errcode 0 = sent; signed in the address,
milliseconds. Slack: text, with & < > escaped; the answer is the word ok. Robots answer 200 to what
they refuse, so that the answer must be read.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests
from tenacity import RetryCallState, retry_if_exception_type

from dagster_project.notices.notice import Notice, cut
from dagster_project.notices.patience import NotSentError, Patience, again, needed
from dagster_project.settings import Webhook

WECOM_BYTES = 2_000
ROBOT_BYTES = 18_000
SLACK_BYTES = 30_000


class _LaterError(NotSentError):
    """The service may take the same notice later.

    after: seconds it asks to wait, if it does.
    """

    def __init__(self, message: str, *, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


def body_of(channel: Webhook, notice: Notice, *, secret: str | None, now: datetime) -> Any:  # noqa: ANN401
    """Give the JSON that a service wants."""
    if channel.format == "wecom":
        return {"msgtype": "text", "text": {"content": cut(notice.text, most_bytes=WECOM_BYTES)}}
    if channel.format == "dingtalk":
        return {"msgtype": "text", "text": {"content": cut(notice.text, most_bytes=ROBOT_BYTES)}}
    if channel.format == "feishu":
        text = cut(notice.text, most_bytes=ROBOT_BYTES)
        signed = {}
        if secret:
            seconds = str(int(now.timestamp()))
            signed = {"timestamp": seconds, "sign": _sign(key=f"{seconds}\n{secret}", text="")}
        return {**signed, "msg_type": "text", "content": {"text": text}}
    if channel.format == "slack":
        text = cut(notice.text, most_bytes=SLACK_BYTES)
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": escaped}
    return notice.as_json()


def address_of(channel: Webhook, url: str, *, secret: str | None, now: datetime) -> str:
    """Give the address to post to; 钉钉 is signed in it."""
    if channel.format != "dingtalk" or not secret:
        return url
    milliseconds = str(int(now.timestamp() * 1000))
    sign = _sign(key=secret, text=f"{milliseconds}\n{secret}")
    parts = urlsplit(url)
    query = "&".join(
        part for part in (parts.query, urlencode({"timestamp": milliseconds, "sign": sign})) if part
    )
    return urlunsplit(parts._replace(query=query))


def post(
    channel: Webhook,
    notice: Notice,
    *,
    environment: Mapping[str, str],
    now: datetime,
    patience: Patience,
) -> None:
    """Post a notice; again after time-outs, 429 and 5xx, not after any other answer.

    Raises NotSentError naming the service and its host, or the variable that is not set.
    """
    url = needed(environment, channel.url_env)
    secret = needed(environment, channel.secret_env) if channel.secret_env else None
    repeated = again(patience, on=retry_if_exception_type(_LaterError), at_least=_asked_wait)
    repeated(
        _post,
        channel,
        address_of(channel, url, secret=secret, now=now),
        body_of(channel, notice, secret=secret, now=now),
        patience.timeout_seconds,
    )


def _post(channel: Webhook, address: str, body: Any, timeout_seconds: float) -> None:  # noqa: ANN401
    place = f"{channel.format} {urlsplit(address).hostname}"
    try:
        answer = requests.post(address, json=body, timeout=timeout_seconds, allow_redirects=False)
    # The errors' own words hold the address, which is a secret.
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _LaterError(f"{place}: {_cause(error)}") from None
    except (requests.RequestException, ValueError) as error:
        raise NotSentError(f"{place}: {_cause(error)}") from None
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        seconds = answer.headers.get("Retry-After", "")
        after = float(seconds) if seconds.isdigit() else 0
        raise _LaterError(f"{place}: HTTP {status} {answer.text[:200]}", after=after)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise NotSentError(f"{place}: HTTP {status} {answer.text[:200]}")
    refusal = refusal_in(channel, answer)
    if refusal:
        raise NotSentError(f"{place}: {refusal}")


def _asked_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.after if isinstance(error, _LaterError) else 0


def refusal_in(channel: Webhook, answer: requests.Response) -> str | None:
    """Read from an answer of 200 why the service refused the notice; None if it did not."""
    field = {"wecom": "errcode", "dingtalk": "errcode", "feishu": "code"}.get(channel.format)
    if field is None:
        return None
    try:
        content = answer.json()
    except ValueError:
        return f"expected JSON with {field}, found {answer.text[:200]!r}"
    code = content.get(field) if isinstance(content, dict) else None
    return None if code == 0 else f"refused: {answer.text[:200]}"


def _sign(*, key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _cause(error: BaseException) -> str:
    """Name what went wrong at the bottom of a chain of errors, without any of their words."""
    while True:
        below = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if not isinstance(below, BaseException):
            break
        error = below
    return type(error).__name__
