"""How a run ended: rules that stopped it, runs that were killed, partial runs; logged and told."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from dagster import (  # noqa: TID251
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetSelection,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    asset,
    define_asset_job,
    in_process_executor,
    multi_asset_check,
)

from dagster_project.defs.outcome import outcome_of
from dagster_project.defs.quality.checks import to_check_result
from dagster_project.defs.resources import Night
from dagster_project.lock import Owner, one_writer
from dagster_project.report.run_log import RunRecord, run_records, write_run_record
from dagster_project.report.run_notes import Attention, RunNotes, write_notes
from dagster_project.settings import Settings
from expectations.runner import CheckResult
from tests.receivers import Receiver, receiving

STARTED = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
RUN_ID = "20261120T180000000000Z"
CHANNEL = {"kind": "webhook", "url_env": "HOOK", "on": ["failure", "warning", "success"]}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        yield receiver


@pytest.fixture
def settings(tmp_path: Path, told: Receiver) -> Settings:
    return Settings.model_validate(
        {"home": tmp_path, "sources": {"zoho": {"path": "z"}}, "notices": [CHANNEL]}
    )


def published(settings: Settings) -> None:
    """Leave what a night leaves that published."""
    write_run_record(
        settings,
        RunRecord(
            run_id=RUN_ID,
            kind="night",
            as_of_date=date(2026, 11, 20),
            base_currency="CNY",
            started_at=STARTED,
            finished_at=STARTED,
            status="published",
        ),
    )


def found(
    *, severity: str = "critical", status: str = "FAIL", action: str = "block"
) -> CheckResult:
    return CheckResult(
        rule_id="STR-002",
        entity="drops",
        table="drop_audit",
        severity=severity,  # type: ignore[arg-type]
        action=action,  # type: ignore[arg-type]
        status=status,  # type: ignore[arg-type]
        evaluated=9,
        failed=1,
        not_applicable=0,
        pass_rate=0.9,
        sample_keys=("zoho/orders",),
        message="STR-002 drops (drop_audit): 1 of 9 fail. What to do: en zh",
    )


def run(
    settings: Settings,
    check: CheckResult | None = None,
    *,
    job: str = "nightly",
    fails: bool = False,
) -> ExecuteInProcessResult:
    """Run a small job that passes through the resource Night, as every run does."""

    @asset
    def raw_zone(night: Night) -> None:
        if fails:
            message = "no room"
            raise ValueError(message)
        if check is None or check.action != "block":
            published(night.settings)

    specs = [AssetCheckSpec(name="str_002__drops", asset="raw_zone", blocking=True)]

    @multi_asset_check(specs=specs)
    def raw_rules(night: Night) -> Iterator[AssetCheckResult]:
        if check:
            yield to_check_result(check, asset=AssetKey("raw_zone"))
        else:
            yield AssetCheckResult(
                asset_key=AssetKey("raw_zone"), check_name="str_002__drops", passed=True
            )

    night = Night(settings_json=settings.model_dump_json(), started_at=STARTED.isoformat())
    defs = Definitions(
        assets=[raw_zone],
        asset_checks=[raw_rules],
        jobs=[define_asset_job(job, AssetSelection.all(), executor_def=in_process_executor)],
        resources={"night": night},
    )
    with DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def test_a_rule_that_stops_the_night_is_told_with_what_to_do(
    settings: Settings, told: Receiver
) -> None:
    result = run(settings, found())
    (rule,) = outcome_of(result.all_events, settings).stopping
    assert (rule.rule_id, rule.table, rule.failed) == ("STR-002", "drop_audit", 1)
    assert rule.message == "STR-002 drops (drop_audit): 1 of 9 fail."
    assert "重新导出" in rule.todo_zh
    (notice,) = told.bodies
    assert (notice["level"], notice["status"]) == ("failure", "failed")
    assert notice["failed_rules"][0]["todo_en"] == rule.todo_en
    assert notice["failed_steps"][0]["step"] == "raw_rules"
    assert [(r.run_id, r.status) for r in run_records(settings)] == [(RUN_ID, "failed")]


def test_a_critical_rule_that_stops_nothing_is_a_warning(
    settings: Settings, told: Receiver
) -> None:
    assert run(settings, found(action="quarantine")).success
    (notice,) = told.bodies
    assert (notice["level"], notice["status"]) == ("warning", "published")
    assert notice["as_of_date"] == "2026-11-20"
    assert [rule["rule_id"] for rule in notice["failed_rules"]] == ["STR-002"]


def test_a_rule_that_could_not_be_judged_is_a_warning(settings: Settings, told: Receiver) -> None:
    run(settings, found(severity="warning", status="ERROR", action="report"))
    assert [notice["level"] for notice in told.bodies] == ["warning"]


def test_what_is_wrong_with_single_records_is_no_warning(
    settings: Settings, told: Receiver
) -> None:
    run(settings, found(severity="warning", action="report"))
    assert [notice["level"] for notice in told.bodies] == ["success"]


def test_what_needs_attention_is_a_warning(settings: Settings, told: Receiver) -> None:
    noted = Attention("stale", "过期", "stale")
    write_notes(settings, RunNotes(run_id=RUN_ID, attention=(noted,)))
    run(settings)
    (notice,) = told.bodies
    assert notice["level"] == "warning"
    assert notice["attention"] == [{"topic": "stale", "zh": "过期", "en": "stale"}]


def test_a_step_that_fails_after_the_publication_is_a_failure_and_the_log_says_published(
    settings: Settings, told: Receiver
) -> None:
    published(settings)
    run(settings, fails=True)
    (notice,) = told.bodies
    assert (notice["level"], notice["status"]) == ("failure", "published")
    assert notice["failed_steps"] == [{"step": "raw_zone", "reason": "ValueError: no room"}]
    assert "untouched" not in notice["text"]
    assert [record.status for record in run_records(settings)] == ["published"]


def test_a_partial_run_by_hand_is_told_of_only_if_it_fails(
    settings: Settings, told: Receiver
) -> None:
    run(settings, found(severity="warning", action="block"), job="some_assets")
    assert told.bodies == []
    assert run_records(settings) == []
    run(settings, job="some_assets", fails=True)
    assert [notice["level"] for notice in told.bodies] == ["failure"]


def test_a_killed_run_is_logged_with_its_kind_and_told_of_by_the_next(
    settings: Settings, told: Receiver
) -> None:
    killed = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    settings.work_dir.mkdir()
    # On another machine, such as the container before this one.
    owner = Owner(pid=1, host="c0ffee", since=killed, kind="backfill")
    (settings.work_dir / "kefen.lock.owner.json").write_text(owner.model_dump_json(), "utf-8")

    run(settings)

    assert [(r.run_id, r.kind, r.status) for r in run_records(settings)] == [
        ("20261120T143000000000Z", "backfill", "failed"),
        (RUN_ID, "night", "published"),
    ]
    first, second = told.bodies
    assert (first["run_id"], first["level"]) == ("20261120T143000000000Z", "failure")
    assert "process 1 on c0ffee, run, since" in first["failed_steps"][0]["reason"]
    assert "(3 h 30 min ago)" in first["failed_steps"][0]["reason"]
    assert (second["run_id"], second["level"]) == (RUN_ID, "success")


def test_a_refused_run_is_logged_and_told_of(settings: Settings, told: Receiver) -> None:
    waits_for_nobody = settings.model_copy()
    with one_writer(settings.work_dir, now=STARTED):
        night = Night(
            settings_json=waits_for_nobody.model_dump_json(),
            started_at=STARTED.isoformat(),
            wait_seconds=0,
        )

        @asset
        def raw_zone(night: Night) -> None:
            pytest.fail("two runs")

        jobs = [define_asset_job("nightly", executor_def=in_process_executor)]
        defs = Definitions(assets=[raw_zone], jobs=jobs, resources={"night": night})
        with DagsterInstance.ephemeral() as instance:
            result = defs.resolve_job_def("nightly").execute_in_process(
                instance=instance, raise_on_error=False
            )
    (step,) = outcome_of(result.all_events, settings).steps
    assert "NightIsRunningError: another run holds" in step.reason
    (notice,) = told.bodies
    assert notice["failed_steps"][0]["reason"].startswith("another run holds")
    assert [record.status for record in run_records(settings)] == ["failed"]


def test_a_fault_in_telling_changes_nothing(
    settings: Settings,
    told: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dagster_project.defs.resources.send", broken)
    assert run(settings).success
    assert f"the end of run {RUN_ID} could not be told" in caplog.text
    assert [record.status for record in run_records(settings)] == ["published"]
