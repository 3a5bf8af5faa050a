"""The rule index as asset checks: one per rule and entity, on the asset that it judges."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    multi_asset_check,
)

from dagster_project.defs.resources import Night
from dagster_project.night import judge
from dagster_project.publish.publication import DATA_DOCS
from expectations.rules import Rule, Stage, load_rules
from expectations.runner import CheckResult
from expectations.suites import page_of, table_of


def asset_of(rule: Rule) -> AssetKey:
    """Name the asset a rule judges: the raw zone, or the flags of an entity."""
    if rule.stage == "raw":
        return AssetKey("raw_zone")
    return AssetKey(f"int_dq__{rule.entity}_flags")


def check_name(rule_id: str, entity: str) -> str:
    """Give the Dagster name of a rule on an entity."""
    return f"{rule_id.replace('-', '_').lower()}__{entity}"


def to_check_result(
    result: CheckResult, *, asset: AssetKey, page: Path | None = None
) -> AssetCheckResult:
    """Say in Dagster's terms what a rule found; an error is never shown as passed.

    page: of the Data Docs; it is there once the night is published.
    """
    is_failed = result.status in {"FAIL", "ERROR"}
    is_stopping = result.severity == "critical" and (
        result.status == "ERROR" or result.action == "block"
    )
    return AssetCheckResult(
        asset_key=asset,
        check_name=check_name(result.rule_id, result.entity),
        passed=not is_failed,
        severity=AssetCheckSeverity.ERROR if is_stopping else AssetCheckSeverity.WARN,
        description=result.message,
        metadata={
            "rule_id": result.rule_id,
            "table": result.table,
            "severity": result.severity,
            "status": result.status,
            "evaluated": result.evaluated,
            "failed": result.failed,
            "not_applicable": result.not_applicable,
            "sample_keys": ", ".join(result.sample_keys),
            **({"data_docs": MetadataValue.path(page)} if page else {}),
        },
    )


def build_checks() -> list[AssetChecksDefinition]:
    """Build the checks of both stages from the index."""
    rules = load_rules()
    stages: tuple[Stage, ...] = ("raw", "records", "marts")
    return [_build_stage(rules, stage) for stage in stages]


def _build_stage(rules: Sequence[Rule], stage: Stage) -> AssetChecksDefinition:
    judged = {(rule.rule_id, rule.entity): rule for rule in rules if rule.stage == stage}

    @multi_asset_check(
        name=f"{stage}_rules",
        specs=[
            AssetCheckSpec(
                name=check_name(rule.rule_id, rule.entity),
                asset=asset_of(rule),
                # Of any rule: failures of one that is not critical are warnings, and those never
                # block.
                blocking=True,
                description=f"{rule.description_zh} {rule.description_en}",
                metadata={"rule_id": rule.rule_id, "severity": rule.severity},
            )
            for rule in judged.values()
        ],
    )
    def stage_rules(night: Night) -> Iterator[AssetCheckResult]:
        docs = night.settings.published_dir / DATA_DOCS
        for result in judge(night.settings, stage=stage, rules=list(judged.values())):
            rule = judged[result.rule_id, result.entity]
            page = docs / page_of(stage, table_of(rule.entity).name)
            yield to_check_result(result, asset=asset_of(rule), page=page)

    return stage_rules
