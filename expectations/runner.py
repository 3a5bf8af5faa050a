"""Run the rules of one stage against a database, and decide whether the night goes on.

Verdicts belong here. Counts per source and lists of violations do not: SQL models make them from
the same flag columns.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from expectations.custom import Customs, judged_records, load_custom_rules
from expectations.rules import Action, Rule, Severity, Stage
from expectations.suites import (
    NATIVE_CHECKS,
    NOTICES,
    Table,
    build_expectations,
    columns_of,
    table_of,
)

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

    from expectations.results import Judged

Status = Literal["PASS", "FAIL", "NOT_APPLICABLE", "ERROR"]

SAMPLE_SIZE = 5


class Session(Protocol):
    """A database that plain SQL and expectations can be run against."""

    @property
    def query_errors(self) -> tuple[type[Exception], ...]:
        """What a query that the database refuses is raised as."""

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """Give each column's type, in upper case; empty if there is no such table."""

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run plain SQL."""

    def validate(
        self, *, name: str, query: str, expectations: "Sequence[Expectation]"
    ) -> "list[ExpectationValidationResult]":
        """Judge one query's rows by all expectations in one batch."""


@dataclass(frozen=True)
class CheckResult:
    """What one rule found in one table.

    severity: how bad this result is. It is lower than the rule's own, a warning, where failures
    stay within the tolerance of a critical rule or all lie in drops that were set aside.
    """

    rule_id: str
    entity: str
    table: str
    severity: Severity
    action: Action
    status: Status
    evaluated: int
    failed: int
    not_applicable: int
    pass_rate: float | None
    sample_keys: tuple[str, ...]
    message: str
    error: str | None = None


@dataclass(frozen=True)
class GateDecision:
    """Whether what is downstream may run, and why not."""

    is_blocked: bool
    blocking: tuple[CheckResult, ...]
    message: str


@dataclass(frozen=True)
class _Outcome:
    """What the engine says about one rule."""

    success: bool
    evaluated: int = 0
    failed: int = 0
    error: str | None = None
    is_excused: bool = False
    validation: "ExpectationValidationResult | None" = None


def run_checks(
    database: Path,
    *,
    stage: Stage,
    as_of: date,
    rules: Iterable[Rule],
    exported: tuple[date, date] | None = None,
    keep_in: Path | None = None,
) -> list[CheckResult]:
    """Judge every rule of a stage that is in force on as_of; one result each, in index order.

    exported: first and last export date of the drops to judge (stage raw); default the newest
    of each source and kind, and delta drops that were not accepted.
    keep_in: the folder below which the stage keeps what was said of each table, for the docs.
    The caller holds no connection to the file while this runs. A file that cannot be opened is an
    exception, since then nothing was judged.
    """
    if not database.is_file():
        message = f"quality checks ({stage}): no database {database}; load the exports first"
        raise FileNotFoundError(message)

    def opened() -> AbstractContextManager[Session]:
        # Importing the engine imports Great Expectations, which takes 4 s.
        from expectations.engine import open_session  # noqa: PLC0415

        return open_session(database)

    return run_checks_in(
        opened, stage=stage, as_of=as_of, rules=rules, exported=exported, keep_in=keep_in
    )


def run_checks_in(
    opened: Callable[[], AbstractContextManager[Session]],
    *,
    stage: Stage,
    as_of: date,
    rules: Iterable[Rule],
    exported: tuple[date, date] | None = None,
    keep_in: Path | None = None,
) -> list[CheckResult]:
    """Judge as run_checks does, in whatever database `opened` opens."""
    if keep_in:
        # Tables that have no rule any more must not be shown with what was said of them before.
        shutil.rmtree(keep_in / stage, ignore_errors=True)
    chosen = [rule for rule in rules if rule.stage == stage and rule.is_valid_on(as_of)]
    customs = load_custom_rules()
    by_table: dict[Table, list[Rule]] = defaultdict(list)
    own: dict[str, list[Rule]] = defaultdict(list)
    for rule in chosen:
        if (rule.rule_id, rule.entity) in customs:
            own[rule.entity].append(rule)
        else:
            by_table[table_of(rule.entity)].append(rule)
    if not chosen:
        return []

    found: dict[tuple[str, str], CheckResult] = {}
    judged_tables: list[tuple[Table, list[Judged]]] = []
    with opened() as session:
        for table, group in by_table.items():
            try:
                judged = _check_table(
                    session, table=table, rules=group, as_of=as_of, exported=exported
                )
            except session.query_errors as error:
                outcome = _Outcome(success=False, error=str(error))
                judged = [
                    (rule, to_result(rule, table=table, outcome=outcome, total=0), None)
                    for rule in group
                ]
            judged_tables.append((table, judged))
        for entity, group in own.items():
            table, judged = _check_custom(session, entity=entity, rules=group, customs=customs)
            judged_tables.append((table, judged))
        for table, judged in judged_tables:
            found |= {(result.rule_id, result.entity): result for _, result, _ in judged}
            if keep_in:
                # Importing it imports Great Expectations, which is open by now.
                from expectations.results import keep_suite  # noqa: PLC0415

                keep_suite(keep_in / stage, table=table, judged=judged)
    return [found[rule.rule_id, rule.entity] for rule in chosen]


def gate(results: Sequence[CheckResult]) -> GateDecision:
    """Block on failures of critical rules whose action is block, and on critical ones that crashed.

    A rule that is not critical and could not be judged is reported as an error, and stops nothing.
    """
    errors = [
        result for result in results if result.status == "ERROR" and result.severity == "critical"
    ]
    failures = [
        result
        for result in results
        if result.status == "FAIL" and result.severity == "critical" and result.action == "block"
    ]
    blocking = (*errors, *failures)
    if not blocking:
        warnings = sum(result.status == "FAIL" for result in results)
        message = f"{len(results)} quality rules judged, none blocks, {warnings} to look at"
        return GateDecision(is_blocked=False, blocking=(), message=message)
    heading = (
        f"blocked by {len(blocking)} of {len(results)} quality rules"
        f" ({len(failures)} failed, {len(errors)} could not be judged);"
        " what was published stays as it is:"
    )
    message = "\n".join([heading, *(f"- {result.message}" for result in blocking)])
    return GateDecision(is_blocked=True, blocking=blocking, message=message)


def _check_table(
    session: Session,
    *,
    table: Table,
    rules: Sequence[Rule],
    as_of: date,
    exported: tuple[date, date] | None,
) -> list["Judged"]:
    types = session.columns(table.schema, table.name)
    unusable = {rule: fault for rule in rules if (fault := _fault(rule, table=table, types=types))}
    usable = [rule for rule in rules if rule not in unusable]
    source = table.label + _restriction(table, types=types, as_of=as_of, exported=exported)
    outcomes = {rule: _Outcome(success=False, error=fault) for rule, fault in unusable.items()}
    total = 0
    if usable:
        total = int(session.fetch(f"select count(*) from {source}")[0][0])
        outcomes |= _judge(session, table=table, source_of=lambda _: source, rules=usable)
        for rule in usable:
            outcomes[rule] = _settle(
                session, table=table, rule=rule, source=source, outcome=outcomes[rule]
            )
    if usable and total == 0 and "as_of_date" in types:
        # No row of this day in a table with other days: it was built for another run.
        days = session.fetch(f"select max(as_of_date) from {table.label}")[0][0]
        if days is not None:
            error = f"table {table.label} holds no row of {as_of}, its newest are of {days}"
            outcomes |= {rule: _Outcome(success=False, error=error) for rule in usable}

    judged: list[Judged] = []
    for rule in rules:
        outcome = outcomes[rule]
        sample: dict[str, str] = {}
        if outcome.failed and outcome.error is None:
            failing = NOTICES.get(rule.rule_id, rule.column) if outcome.success else rule.column
            sample = _sample(
                session, table=table, source=source, rule=rule, failing=failing, types=types
            )
        result = to_result(rule, table=table, outcome=outcome, total=total, sample=sample)
        judged.append((rule, result, outcome.validation))
    return judged


def _fault(rule: Rule, *, table: Table, types: Mapping[str, str]) -> str | None:
    """Why a rule cannot be judged on a table with these columns."""
    if not types:
        return f"table {table.label} does not exist"
    missing = [column for column in columns_of(rule) if column not in types]
    if missing:
        return f"table {table.label} has no column {', '.join(missing)}"
    if types[rule.column] != "BOOLEAN":
        return f"column {table.label}.{rule.column} is {types[rule.column]}, not BOOLEAN"
    return None


def _restriction(
    table: Table, *, types: Mapping[str, str], as_of: date, exported: tuple[date, date] | None
) -> str:
    if table.judged:
        if exported:
            first, last = exported
            return f" where export_date between date '{first}' and date '{last}'"
        return f" where {table.judged}"
    if "as_of_date" in types:
        return f" where as_of_date = date '{as_of}'"
    return ""


def _check_custom(
    session: Session, *, entity: str, rules: Sequence[Rule], customs: Customs
) -> tuple[Table, list["Judged"]]:
    """Judge a user's own rules on one kind of record; one that crashes takes no other along."""
    table = replace(table_of(entity), schema="intermediate", name=f"int_crm__{entity}")

    def source_of(group: Sequence[Rule]) -> str:
        return judged_records([customs[rule.rule_id, rule.entity] for rule in group])

    outcomes = _judge(session, table=table, source_of=source_of, rules=rules)
    outcomes, totals = _read_values(session, rules, source_of=source_of, outcomes=outcomes)
    judged: list[Judged] = []
    for rule in rules:
        outcome = outcomes[rule]
        sample: dict[str, str] = {}
        if outcome.failed:
            sample = _sample(
                session,
                table=table,
                source=source_of([rule]),
                rule=rule,
                failing=rule.column,
                types=dict.fromkeys(table.keys, "VARCHAR"),
            )
        total = totals.get(rule, 0)
        result = to_result(rule, table=table, outcome=outcome, total=total, sample=sample)
        judged.append((rule, result, outcome.validation))
    return table, judged


def _read_values(
    session: Session,
    rules: Sequence[Rule],
    *,
    source_of: Callable[[Sequence[Rule]], str],
    outcomes: Mapping[Rule, _Outcome],
) -> tuple[dict[Rule, _Outcome], dict[Rule, int]]:
    """Read what is shown of failing records, in one query; give the outcomes and numbers of rows.

    The value is part of the rule and may crash by itself: then each rule is read alone.
    """
    read = dict(outcomes)
    totals: dict[Rule, int] = {}

    def count(group: Sequence[Rule]) -> None:
        values = ", ".join(f"count({rule.column}_value)" for rule in group)
        rows = session.fetch(f"select count(*), {values} from {source_of(group)}")
        totals.update(dict.fromkeys(group, int(rows[0][0])))

    usable = [rule for rule in rules if outcomes[rule].error is None]
    if not usable:
        return read, totals
    try:
        count(usable)
    except session.query_errors:
        for rule in usable:
            try:
                count([rule])
            except session.query_errors as error:
                read[rule] = _Outcome(success=False, error=str(error))
    return read, totals


def _judge(
    session: Session,
    *,
    table: Table,
    source_of: Callable[[Sequence[Rule]], str],
    rules: Sequence[Rule],
) -> dict[Rule, _Outcome]:
    """Judge rules in one batch; those that crash are tried again alone.

    Counts of one batch share a query, so one rule that crashes takes the others with it.
    """
    # Only the columns in question: a column that cannot be computed must not fail other rules.
    columns = sorted({column for rule in rules for column in columns_of(rule)})
    by_key = {(rule.rule_id, rule.entity): rule for rule in rules}
    try:
        validations = session.validate(
            name=table.name,
            query=f"SELECT {', '.join(columns)} FROM {source_of(rules)}",
            expectations=build_expectations(rules),
        )
    except Exception as error:  # noqa: BLE001 - whatever crashed, the rule is an ERROR
        outcomes = {
            rule: _Outcome(success=False, error=str(error) or repr(error)) for rule in rules
        }
    else:
        outcomes = {}
        for validation in validations:
            meta = validation.expectation_config.meta
            outcomes[by_key[meta["rule_id"], meta["entity"]]] = _to_outcome(validation)
        for rule in rules:
            outcomes.setdefault(rule, _Outcome(success=False, error="no result was returned"))
    if len(rules) > 1:
        for rule in [rule for rule in rules if outcomes[rule].error is not None]:
            outcomes |= _judge(session, table=table, source_of=source_of, rules=[rule])
    return outcomes


def _to_outcome(validation: "ExpectationValidationResult") -> _Outcome:
    crash = _crash(validation.exception_info)
    if crash is not None:
        return _Outcome(success=False, error=crash, validation=validation)
    counts = validation.result
    evaluated = int(counts["element_count"]) - int(counts.get("missing_count") or 0)
    # The count of an empty table is null.
    failed = int(counts["unexpected_count"] or 0)
    return _Outcome(
        success=bool(validation.success),
        evaluated=evaluated,
        failed=failed,
        validation=validation,
    )


def _crash(info: Mapping[str, Any] | None) -> str | None:
    """Tell the message of a crashed expectation; it reads success=False like a failed one.

    The engine gives either one record, or one per metric that crashed.
    """
    if not info:
        return None
    records = [info] if "raised_exception" in info else list(info.values())
    messages = [
        str(r["exception_message"]) or "no message" for r in records if r.get("raised_exception")
    ]
    return "; ".join(dict.fromkeys(messages)) if messages else None


def _settle(
    session: Session, *, table: Table, rule: Rule, source: str, outcome: _Outcome
) -> _Outcome:
    """Weigh what the engine said against what else the table says about a rule about files."""
    if outcome.error is not None:
        return outcome

    def count(predicate: str) -> int:
        query = f"select count(*) from (select * from {source}) where {predicate}"
        return int(session.fetch(query)[0][0])

    if rule.rule_id in NATIVE_CHECKS and (flagged := count(rule.column)) != outcome.failed:
        facts = ", ".join(NATIVE_CHECKS[rule.rule_id].facts)
        error = f"{rule.column} flags {flagged} rows, {facts} say {outcome.failed}; must agree"
        return replace(outcome, success=False, error=error)
    if rule.rule_id in NOTICES and outcome.success and outcome.evaluated:
        noticed = count(f"{rule.column} is not null and {NOTICES[rule.rule_id]}")
        return replace(outcome, failed=noticed)
    if table.excused and outcome.failed:
        unexcused = count(f"{rule.column} and not {table.excused}")
        return replace(outcome, is_excused=unexcused == 0)
    return outcome


def _sample(
    session: Session,
    *,
    table: Table,
    source: str,
    rule: Rule,
    failing: str,
    types: Mapping[str, str],
) -> dict[str, str]:
    """Give the first failing rows, by key: what a person should be told about each.

    Of a drop that is its files and facts, of a record that breaks a structural rule the value (a
    stage nobody mapped, a currency); other values of records, often personal, stay in the database.
    """
    keys = [key for key in table.keys if key in types]
    if not keys:
        return {}
    facts = []
    if rule.stage == "raw":
        named = ["files", *(name.strip() for name in rule.field.split(";"))]
        facts = [name for name in named if name in types and name not in keys]
    elif rule.rule_id.startswith("STR-") and f"{rule.column}_value" in types:
        facts = [f"{rule.column}_value"]
    rows = session.fetch(
        f"select {', '.join([*keys, *facts])} from (select * from {source}) where {failing}"
        f" order by {', '.join(f'{key} nulls last' for key in keys)} limit {SAMPLE_SIZE}"
    )
    return {
        "/".join(str(part) for part in row[: len(keys)]): "; ".join(
            f"{name} {_text(value)}"
            for name, value in zip(facts, row[len(keys) :], strict=True)
            if value not in (None, [], False)
        )
        for row in rows
    }


def _text(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    rest = len(value) - SAMPLE_SIZE
    shown = ", ".join(str(item) for item in value[:SAMPLE_SIZE])
    return f"{shown} and {rest} more" if rest > 0 else shown


def to_result(
    rule: Rule,
    *,
    table: Table,
    outcome: _Outcome,
    total: int,
    sample: Mapping[str, str] | None = None,
) -> CheckResult:
    """Turn what the engine said into a verdict."""
    sample = sample or {}
    severity, action = rule.severity, rule.action
    evaluated, failed = outcome.evaluated, outcome.failed
    place = f"{rule.rule_id} {rule.entity} ({table.label})"
    status: Status
    if outcome.error is not None:
        status = "ERROR"
        evaluated = failed = 0
        # The first line is the reason; the SQL that follows it stays in `error`.
        message = f"{place}: could not be judged: {outcome.error.splitlines()[0]}"
    elif evaluated == 0:
        status = "NOT_APPLICABLE"
        message = f"{place}: nothing to judge in {total} rows"
    else:
        status = "PASS" if outcome.success else "FAIL"
        if severity == "critical" and failed and (outcome.success or outcome.is_excused):
            # Within the tolerance, or set aside: still to be seen, no reason to stop.
            status, severity, action = "FAIL", "warning", "report"
        message = (
            f"{place}: {failed} of {evaluated} fail,"
            f" at least {rule.mostly * 100:.10g} % must pass:"
            f" {rule.description_en} {rule.description_zh}"
        )
        if failed:
            first = [f"{key} ({fact})" if fact else key for key, fact in sample.items()]
            message += f" First: {', '.join(first)}." if first else ""
            message += f" What to do: {rule.fix_hint_en} {rule.fix_hint_zh}"
    return CheckResult(
        rule_id=rule.rule_id,
        entity=rule.entity,
        table=table.label,
        severity=severity,
        action=action,
        status=status,
        evaluated=evaluated,
        failed=failed,
        not_applicable=0 if status == "ERROR" else total - evaluated,
        pass_rate=(evaluated - failed) / evaluated if evaluated else None,
        sample_keys=tuple(sample),
        message=message,
        error=outcome.error,
    )
