"""Notices: each service gets what it asks for, and what cannot be sent changes nothing."""

import base64
import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from urllib.parse import parse_qs, urlsplit

import pytest

from dagster_project.notices.notice import FailedRule, cut
from dagster_project.notices.patience import Patience
from dagster_project.notices.send import send, unset_variables
from dagster_project.settings import SettingsError, load_settings

FAST = Patience(timeout_seconds=0.2, retries=2, pause_seconds=0)
NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
OK = {
    "wecom": '{"errcode": 0, "errmsg": "ok"}',
    "dingtalk": '{"errcode": 0, "errmsg": "ok"}',
    "feishu": '{"code": 0, "msg": "success", "data": {}}',
    "slack": "ok",
    "json": "",
}


def webhook(form, **more):
    return {"kind": "webhook", "format": form, "url_env": "HOOK", **more}


def deliver(settings, notice, receiver, **environment):
    known = {"HOOK": receiver.url, **environment}
    return send(settings, notice, environment=known, now=NOW, patience=FAST)


def sign(key, text):
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("wecom", lambda text: {"msgtype": "text", "text": {"content": text}}),
        ("dingtalk", lambda text: {"msgtype": "text", "text": {"content": text}}),
        ("feishu", lambda text: {"msg_type": "text", "content": {"text": text}}),
        (
            "slack",
            lambda text: {"text": text.replace("in <raw> & more", "in &lt;raw&gt; &amp; more")},
        ),
    ],
)
def test_a_robot_gets_the_text_in_its_own_form(form, body, make_settings, notice, receiver):
    receiver.answers = [(200, OK[form])]
    assert deliver(make_settings(webhook(form)), notice, receiver) == 1
    assert receiver.bodies == [body(notice.text)]
    assert receiver.paths == ["/hook?key=SECRET-KEY"]


def test_json_has_everything_for_a_program(make_settings, notice, receiver):
    assert deliver(make_settings(webhook("json")), notice, receiver) == 1
    (body,) = receiver.bodies
    assert body["event"] == "kefen.night"
    assert (body["level"], body["status"], body["kind"]) == ("failure", "failed", "night")
    assert body["as_of_date"] == "2026-11-20"
    assert body["failed_steps"][0]["step"] == "raw_rules"
    assert body["failed_rules"][0] == {
        "rule_id": "STR-002",
        "severity": "critical",
        "table": "drop_audit",
        "failed": 1,
        "message": "STR-002 drops: 1 of 9 fail: zoho/orders (files Orders_001.csv)",
        "todo_zh": "重新导出。",
        "todo_en": "Export again.",
    }
    assert body["attention"][0]["topic"] == "stale"
    assert body["text"] == notice.text


def test_the_text_says_what_happened_and_what_to_do_in_both_languages(notice):
    for words in (
        "Kefen 客分 夜间批处理失败 night failed: 2026-11-20",
        "20261121T180000000000Z",
        "what readers see is untouched",
        "- raw_rules: 1 blocking check failed in <raw> & more",
        "- critical STR-002 drops: 1 of 9 fail: zoho/orders (files Orders_001.csv)",
        "(files Orders_001.csv) → 重新导出。 Export again.",
        "- feeds 已 9 天未更新。 feeds is 9 days old.",
        "20261121T180000000000Z.log",
    ):
        assert words in notice.text
    assert "untouched" not in replace(notice, status="published").text


def test_a_long_notice_is_cut_to_what_a_robot_takes(make_settings, notice, receiver):
    rule = notice.failed_rules[0]
    many = replace(
        notice,
        failed_rules=tuple(
            FailedRule(f"ENT-{n:03d}", "critical", "t", n, "客户" * 400) for n in range(9)
        ),
    )
    assert "另有 4 条 4 more" in many.text
    assert len(many.text.encode()) > 2048
    receiver.answers = [(200, OK["wecom"])]
    deliver(make_settings(webhook("wecom")), many, receiver)
    content = receiver.bodies[0]["text"]["content"]
    assert len(content.encode()) <= 2048
    assert content.endswith("…")
    assert cut("客户", most_bytes=5) == "…"
    assert cut("客户", most_bytes=6) == "客户"
    assert rule.table == "drop_audit"


def test_feishu_is_signed_in_the_body(make_settings, notice, receiver):
    receiver.answers = [(200, OK["feishu"])]
    settings = make_settings(webhook("feishu", secret_env="SIGN"))  # noqa: S106
    assert deliver(settings, notice, receiver, SIGN="s3cret") == 1
    seconds = str(int(NOW.timestamp()))
    assert receiver.bodies[0]["timestamp"] == seconds
    assert receiver.bodies[0]["sign"] == sign(f"{seconds}\ns3cret", "")


def test_dingtalk_is_signed_in_the_address(make_settings, notice, receiver):
    receiver.answers = [(200, OK["dingtalk"])]
    settings = make_settings(webhook("dingtalk", secret_env="SIGN"))  # noqa: S106
    assert deliver(settings, notice, receiver, SIGN="SEC1") == 1
    query = parse_qs(urlsplit(receiver.paths[0]).query)
    milliseconds = str(int(NOW.timestamp() * 1000))
    assert query == {
        "key": ["SECRET-KEY"],
        "timestamp": [milliseconds],
        "sign": [sign("SEC1", f"{milliseconds}\nSEC1")],
    }


@pytest.mark.parametrize(
    ("answers", "posts", "reached"),
    [
        ([(503, ""), (200, "")], 2, 1),
        ([(429, ""), (500, ""), (200, "")], 3, 1),
        ([(0, ""), (200, "")], 2, 1),
        ([(500, "")], 3, 0),
        ([(400, "bad payload")], 1, 0),
        ([(403, "no")], 1, 0),
        ([(404, "no_service")], 1, 0),
        ([(302, "")], 1, 0),
    ],
)
def test_only_what_may_go_through_later_is_posted_again(
    *, answers, posts, reached, make_settings, notice, receiver
):
    receiver.answers = answers
    assert deliver(make_settings(webhook("json")), notice, receiver) == reached
    assert len(receiver.bodies) == posts


def test_a_service_that_asks_to_wait_is_waited_for_but_not_for_long(
    make_settings, notice, receiver, monkeypatch
):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    receiver.answers = [(429, ""), (200, "")]
    for asked in ("7", "86400", "soon"):
        receiver.headers = {"Retry-After": asked}
        receiver.bodies.clear()
        settings = make_settings(webhook("json"))
        assert send(settings, notice, environment={"HOOK": receiver.url}, now=NOW) == 1
    assert waits == [7, 30, 1]


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("wecom", '{"errcode": 93000, "errmsg": "invalid webhook url"}'),
        ("dingtalk", '{"errcode": 310000, "errmsg": "sign not match"}'),
        ("feishu", '{"code": 19024, "msg": "Key Words Not Found"}'),
        ("feishu", "<html>proxy</html>"),
    ],
)
def test_a_refusal_with_status_200_is_not_taken_for_sent(
    *, form, answer, make_settings, notice, receiver, caplog
):
    receiver.answers = [(200, answer)]
    with caplog.at_level(logging.WARNING):
        assert deliver(make_settings(webhook(form)), notice, receiver) == 0
    assert len(receiver.bodies) == 1
    assert f"{form} 127.0.0.1" in caplog.text
    assert (answer[:20] if answer.startswith("<") else "refused") in caplog.text


def test_what_cannot_be_sent_is_a_warning_without_secrets_and_the_others_are_sent(
    make_settings, notice, receiver, caplog
):
    settings = make_settings(
        webhook("wecom", url_env="DEAD"),
        webhook("json", url_env="WRONG"),
        webhook("slack", url_env="UNSET"),
        webhook("slack"),
    )
    receiver.answers = [(200, "ok")]
    with caplog.at_level(logging.WARNING):
        reached = deliver(
            settings, notice, receiver, DEAD="http://127.0.0.1:9/hook?key=K3Y", WRONG="//K3Y"
        )
    assert reached == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert "ConnectionRefusedError" in caplog.text
    assert "the environment variable UNSET is not set" in caplog.text
    assert "K3Y" not in caplog.text
    assert unset_variables(settings, {"HOOK": "x", "WRONG": "x"}) == ["DEAD", "UNSET"]


def test_a_channel_gets_only_the_levels_it_asks_for(make_settings, notice, receiver):
    settings = make_settings(
        webhook("json"), webhook("json", on=["success"]), webhook("json", on=["warning"])
    )
    reached = [
        deliver(settings, replace(notice, level=level), receiver)
        for level in ("failure", "warning", "success")
    ]
    assert reached == [1, 2, 1]


def email(mail_server, **more):
    return {
        "kind": "email",
        "host": "127.0.0.1",
        "port": mail_server.port,
        "tls": "none",
        "sender": "kefen@example.com",
        "to": ["ops@example.com", "数据@example.com".replace("数据", "data")],
        **more,
    }


def test_a_mail_has_the_title_as_subject(make_settings, notice, mail_server):
    settings = make_settings(email(mail_server))
    assert send(settings, notice, environment={}, now=NOW, patience=FAST) == 1
    (envelope,) = mail_server.envelopes
    assert envelope.mail_from == "kefen@example.com"
    assert envelope.rcpt_tos == ["ops@example.com", "data@example.com"]
    read = message_from_bytes(envelope.content, policy=policy.default)
    assert read["Subject"] == notice.title
    assert read["Date"].datetime == NOW
    assert read.get_content().replace("\r\n", "\n").strip() == notice.text


def test_a_mail_is_sent_with_user_and_password(make_settings, notice, mail_server, caplog):
    caplog.set_level(logging.WARNING)
    settings = make_settings(email(mail_server, user="kefen", password_env="PASS"))  # noqa: S106
    for password, reached in (("right", 1), ("wr0ng", 0)):
        found = send(settings, notice, environment={"PASS": password}, now=NOW, patience=FAST)
        assert found == reached
    # Once by each way to log in, and not again: servers lock accounts.
    assert mail_server.logins == [("kefen", "right"), *[("kefen", "wr0ng")] * 2]
    assert "535" in caplog.text
    assert "wr0ng" not in caplog.text


@pytest.mark.parametrize(
    ("answers", "attempts", "reached"),
    [
        (["451 try later", "250 OK"], 2, 1),
        (["451 try later"], 3, 0),
        (["554 spam"], 1, 0),
    ],
)
def test_a_mail_is_sent_again_after_4xx_alone(
    *, answers, attempts, reached, make_settings, notice, mail_server
):
    mail_server.answers = answers
    settings = make_settings(email(mail_server))
    assert send(settings, notice, environment={}, now=NOW, patience=FAST) == reached
    assert mail_server.attempts == attempts


def test_a_mail_server_without_starttls_is_refused(make_settings, notice, mail_server, caplog):
    caplog.set_level(logging.WARNING)
    settings = make_settings(email(mail_server, tls="starttls"))
    assert send(settings, notice, environment={}, now=NOW, patience=FAST) == 0
    assert "STARTTLS" in caplog.text
    assert mail_server.envelopes == []


SOURCES = "sources: {zoho: {format: zoho, path: exports/zoho}}\n"


def test_on_is_read_as_a_word(tmp_path):
    config = tmp_path / "kefen.yml"
    config.write_text(
        SOURCES + "notices:\n  - kind: webhook\n    format: wecom\n    url_env: WECOM\n"
        "    on: [success]\n",
        encoding="utf-8",
    )
    (channel,) = load_settings(config).notices
    assert channel.on == ["success"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("notices: [{kind: webhook}]", ["notices.0.webhook.url_env", "Field required"]),
        (
            "notices: [{kind: webhook, url_env: 'https://x/key'}]",
            ["notices.0.webhook.url_env", "pattern"],
        ),
        (
            "notices: [{kind: webhook, format: teams, url_env: A}]",
            ["notices.0.webhook.format", "feishu"],
        ),
        ("notices: [{kind: sms}]", ["notices.0", "webhook"]),
        (
            "notices: [{kind: webhook, url_env: A, format: slack, secret_env: B}]",
            ["notices.0", "slack does not sign"],
        ),
        (
            "notices: [{kind: email, host: h, sender: a, to: [b], user: c}]",
            ["notices.0", "user and password_env"],
        ),
        ("notices: [{kind: webhook, url_env: A, on: [never]}]", ["notices.0.webhook.on.0"]),
        ("limits: {min_free_disk: much}", ["limits.min_free_disk", "500MiB"]),
        ("limits: {max_runtime_minutes: 0}", ["limits.max_runtime_minutes"]),
        ("schedule: {nightly: daily}", ["schedule.nightly"]),
        ("dagster: {postgres_url_env: 'postgresql://u:p@h/d'}", ["dagster.postgres_url_env"]),
        ("duckdb: {memory_limit: lots}", ["duckdb.memory_limit", "500MiB"]),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, named):
    config = tmp_path / "kefen.yml"
    config.write_text(SOURCES + text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    for words in named:
        assert words in str(caught.value)
