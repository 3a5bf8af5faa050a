"""Receivers on this machine: a web server and a mail server that answer as they are told."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from dagster_project.notices.notice import FailedRule, FailedStep, Notice
from dagster_project.report.run_notes import Attention
from dagster_project.settings import Settings
from tests.receivers import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as told:
        yield told


@dataclass
class MailServer:
    """A mail server: what it was sent, and what it answers to the content, one after another."""

    port: int = 0
    answers: list[str] = field(default_factory=lambda: ["250 OK"])
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    attempts: int = 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        answer = self.answers[min(self.attempts, len(self.answers) - 1)]
        self.attempts += 1
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer

    def authenticate(self, _s: Any, _se: Any, _e: Any, _m: Any, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    told = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        told.port = free.getsockname()[1]
    controller = Controller(
        told,
        hostname="127.0.0.1",
        port=told.port,
        authenticator=told.authenticate,
        auth_require_tls=False,
    )
    controller.start()
    yield told
    controller.stop()


@pytest.fixture
def notice(tmp_path: Path) -> Notice:
    return Notice(
        level="failure",
        run_id="20261121T180000000000Z",
        kind="night",
        status="failed",
        as_of_date=date(2026, 11, 20),
        home=tmp_path,
        report=tmp_path / "report" / "20261121T180000000000Z.log",
        failed_steps=(FailedStep("raw_rules", "1 blocking check failed\n  in <raw> & more"),),
        failed_rules=(
            FailedRule(
                "STR-002",
                "critical",
                "drop_audit",
                1,
                "STR-002 drops: 1 of 9 fail: zoho/orders (files Orders_001.csv)",
                "重新导出。",
                "Export again.",
            ),
        ),
        attention=(Attention("stale", "feeds 已 9 天未更新。", "feeds is 9 days old."),),
    )


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(*notices: dict[str, Any]) -> Settings:
        return Settings.model_validate(
            {"home": tmp_path, "sources": {"zoho": {"path": "z"}}, "notices": list(notices)}
        )

    return make
