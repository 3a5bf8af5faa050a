"""What Dagster is told: jobs, schedule, assets with owners, and a check for every data rule."""

from pathlib import Path

import pytest
from dagster import (  # noqa: TID251
    AssetCheckSeverity,
    AssetKey,
    BackfillPolicy,
    Definitions,
    ScheduleDefinition,
    in_process_executor,
)

from dagster_project.defs.code_location import build_defs
from dagster_project.defs.history.assets import BY_DATE, CHUNKS
from dagster_project.defs.quality.checks import asset_of, check_name, to_check_result
from dagster_project.instance import instance_settings
from dagster_project.settings import Settings
from expectations.rules import Action, Severity, load_rules
from expectations.runner import CheckResult, Status


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return build_defs()


def test_both_jobs_hold_every_check_and_asset_but_the_one_that_starts_a_backfill(
    definitions: Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()

    assert {job.name for job in definitions.jobs or []} == {"nightly", "backfill"}
    for name in ("nightly", "backfill"):
        job = definitions.resolve_job_def(name)
        assert job.asset_layer.executable_asset_keys == graph.get_all_asset_keys() - {BY_DATE}
        assert job.asset_layer.asset_graph.asset_check_keys == graph.asset_check_keys


def test_the_schedule_runs_the_night_at_two_in_the_business_time_zone(
    definitions: Definitions,
) -> None:
    schedule = definitions.resolve_schedule_def("nightly_at_two")

    assert isinstance(schedule, ScheduleDefinition)
    assert schedule.job_name == "nightly"
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "Asia/Shanghai"


def test_every_asset_has_a_group_an_owner_and_a_description(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]

    assert len(nodes) > 100
    assert [n.key for n in nodes if not n.group_name or n.group_name == "default"] == []
    assert [n.key for n in nodes if not n.owners] == []
    assert [n.key for n in nodes if len(n.description or "") < 10] == []
    # What a reader of the catalogue wants to know is not the query.
    assert [n.key for n in nodes if "select" in (n.description or "")] == []


def test_every_rule_of_the_index_is_a_check_on_an_asset_that_exists(
    definitions: Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {(key.asset_key, key.name) for key in graph.asset_check_keys}
    rules = load_rules()

    assert {asset_of(rule) for rule in rules} <= graph.get_all_asset_keys()
    expected = {(asset_of(rule), check_name(rule.rule_id, rule.entity)) for rule in rules}
    assert expected - checks == set()


@pytest.mark.parametrize(
    ("status", "severity", "action", "stops"),
    [
        ("PASS", "critical", "block", False),
        ("NOT_APPLICABLE", "critical", "block", False),
        ("FAIL", "critical", "block", True),
        ("FAIL", "critical", "quarantine", False),
        ("FAIL", "warning", "report", False),
        ("FAIL", "info", "report", False),
        ("ERROR", "critical", "block", True),
        ("ERROR", "warning", "report", False),
        ("ERROR", "info", "report", False),
    ],
)
def test_critical_failures_and_critical_rules_that_crashed_stop_the_night(
    *, status: Status, severity: Severity, action: Action, stops: bool
) -> None:
    result = CheckResult(
        rule_id="ENT-001",
        entity="accounts",
        table="intermediate.int_dq__accounts_flags",
        severity=severity,
        action=action,
        status=status,
        evaluated=10,
        failed=1,
        not_applicable=0,
        pass_rate=0.9,
        sample_keys=("a", "b"),
        message="ENT-001 accounts: 1 of 10 fail",
    )
    page = Path("published/data_docs/records/int_dq__accounts_flags.html")
    check = to_check_result(result, asset=AssetKey("int_dq__accounts_flags"), page=page)
    assert check.metadata["data_docs"].value == str(page)
    assert (not check.passed and check.severity is AssetCheckSeverity.ERROR) is stops
    assert check.passed is (status in {"PASS", "NOT_APPLICABLE"})


def test_every_check_of_a_rule_can_stop_what_is_downstream(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert [s.name for s in specs if "rule_id" in s.metadata and not s.blocking] == []


def test_a_range_of_history_is_one_run(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    history = graph.get(BY_DATE)

    assert history.backfill_policy == BackfillPolicy.single_run()
    assert history.partitions_def is not None
    assert history.partitions_def.has_partition_key("2026-01-01")
    # Partitions of other assets would write an event per date each.
    assert [key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned] == [BY_DATE]


def test_history_is_computed_from_judged_records_and_before_the_published_date(
    definitions: Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()

    assert AssetKey("int_customers__source_map") in graph.get(CHUNKS).parent_keys
    assert CHUNKS in graph.get(AssetKey("clv_predictions")).parent_keys


def test_what_a_killed_run_holds_stops_nobody(definitions: Definitions, tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "sources": {"zoho": {"path": "z"}}})

    # Pools and run limits of Dagster outlive a killed process; the writer's lock does not.
    assert instance_settings(settings).keys() == {"telemetry", "freshness", "run_monitoring"}
    graph = definitions.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if graph.get(key).pools] == []


def test_runs_of_the_daemon_wait_for_each_other_in_one_process(definitions: Definitions) -> None:
    night = (definitions.resources or {})["night"]
    assert night.wait_seconds > 3600
    assert definitions.executor is in_process_executor
