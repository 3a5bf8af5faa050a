"""How a run ended, read from Dagster's events: for the console, the run log and the notice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity, DagsterEvent, DagsterEventType

from dagster_project.notices.notice import FailedRule, FailedStep, Notice
from dagster_project.preflight import explain_shortage
from dagster_project.report.run_log import run_records
from dagster_project.report.run_notes import read_notes
from dagster_project.settings import Settings
from expectations.rules import Rule, load_rules

# What a run's end is read from.
TELLING = {
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}
INTERRUPTED = "DagsterExecutionInterruptedError"
# Sent with a failure; for a published night the docs hold the rest.
WORTH_TELLING = ("critical",)


@dataclass(frozen=True)
class Outcome:
    """What failed in a run: steps, rules that stopped it, and rules to be told of.

    is_whole: False for a run of some assets only, started by hand in the UI, which need not end
    in a publication.
    """

    steps: tuple[FailedStep, ...] = ()
    stopping: tuple[FailedRule, ...] = ()
    rules: tuple[FailedRule, ...] = ()
    is_whole: bool = True


def outcome_of(
    events: Iterable[DagsterEvent], settings: Settings, *, interruption: str = "interrupted"
) -> Outcome:
    """Read which steps failed, why, and which rules failed.

    interruption: why the run was interrupted, if it was.
    """
    steps: list[FailedStep] = []
    stopping: list[FailedRule] = []
    rules: list[FailedRule] = []
    for event in events:
        if event.event_type is DagsterEventType.STEP_FAILURE:
            reason = _reason(event.step_failure_data.error, interruption)
            steps.append(FailedStep(event.step_key or "", _explained(reason, settings)))
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if check.passed:
                continue
            rule = _failed_rule(check)
            if check.severity is AssetCheckSeverity.ERROR and check.blocking:
                stopping.append(rule)
            if rule.severity in WORTH_TELLING or _status(check) == "ERROR":
                rules.append(rule)
        elif event.event_type is DagsterEventType.RUN_FAILURE and not steps and not stopping:
            # No step began: a resource could not be set up, such as the lock of another run.
            reason = _reason(event.job_failure_data.error, interruption)
            steps.append(FailedStep("start", _explained(reason, settings)))
    return Outcome(tuple(steps), tuple(stopping), tuple(rules))


def notice_of(settings: Settings, outcome: Outcome, *, run_id: str, kind: str) -> Notice:
    """Say how a run ended: published or failed, with what somebody should look at."""
    notes = read_notes(settings, run_id)
    record = next((r for r in run_records(settings) if r.run_id == run_id), None)
    status = record.status if record else "failed"
    is_failure = status != "published" or bool(outcome.steps)
    needs_attention = bool(notes.attention or outcome.rules)
    summary = settings.report_dir / f"{run_id}.md"
    log = settings.report_dir / f"{run_id}.log"
    return Notice(
        level="failure" if is_failure else "warning" if needs_attention else "success",
        run_id=run_id,
        kind=record.kind if record else kind,
        status=status,
        as_of_date=record.as_of_date if record else notes.as_of_date,
        home=settings.home,
        report=summary if summary.exists() else log if log.exists() else settings.report_dir,
        failed_steps=outcome.steps,
        failed_rules=outcome.rules or outcome.stopping,
        attention=notes.attention,
    )


def _reason(error: Any, interruption: str) -> str:  # noqa: ANN401 - Dagster's serialised error
    if error is None:
        return "failed"
    if INTERRUPTED in (error.cls_name or "") or INTERRUPTED in error.message:
        return interruption
    cause = error.cause or error
    return str(cause.message).strip()


def _explained(reason: str, settings: Settings) -> str:
    shortage = explain_shortage(reason, settings)
    return f"{shortage}\n({reason})" if shortage else reason


def _failed_rule(check: AssetCheckEvaluation) -> FailedRule:
    rule_id = _value(check, "rule_id") or check.check_name
    rule = _rules().get(str(rule_id))
    return FailedRule(
        rule_id=str(rule_id),
        severity=str(_value(check, "severity") or check.severity.value.lower()),
        table=str(_value(check, "table") or check.asset_key.to_user_string()),
        failed=int(_value(check, "failed") or 0),
        # What to do follows it there; here it has a place of its own.
        message=(check.description or "").partition(" What to do: ")[0],
        todo_zh=rule.fix_hint_zh if rule else "",
        todo_en=rule.fix_hint_en if rule else "",
    )


def _status(check: AssetCheckEvaluation) -> object:
    return _value(check, "status")


def _value(check: AssetCheckEvaluation, name: str) -> Any:  # noqa: ANN401
    found = check.metadata.get(name)
    return found.value if found is not None else None


@cache
def _rules() -> Mapping[str, Rule]:
    """Read the index once: what to do about a rule is the same for each kind of record."""
    return {rule.rule_id: rule for rule in load_rules()}
