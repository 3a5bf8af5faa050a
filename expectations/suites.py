"""From rows of the index to expectations, and where each rule's flag column lies.

The general case needs no code per rule: the flag column must not be true. Rules about files whose
fact is the whole rule are native expectations on that fact, listed in NATIVE_CHECKS.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expectations.rules import DROPS, Rule, load_rules

if TYPE_CHECKING:
    import duckdb
    from great_expectations.expectations.expectation import Expectation

FLAG_COLUMN = re.compile(r"^(ent|upd|str)_\d{3}$")
FLAGS_SCHEMA = "intermediate"
FLAGS_TABLE = re.compile(r"^int_dq__([a-z_]+)_flags$")


@dataclass(frozen=True)
class Table:
    """A table with flag columns, and the columns that name a row to a person."""

    schema: str
    name: str
    keys: tuple[str, ...]
    # Which rows are judged, and which of them may fail without stopping the night (SQL).
    judged: str | None = None
    excused: str | None = None

    @property
    def label(self) -> str:
        """The name as it is written in SQL and in messages."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class NativeCheck:
    """A rule judged on fact columns; its flag says to which rows it applies."""

    facts: tuple[str, ...]
    build: "Callable[[ModuleType, dict[str, Any]], Expectation]"


DROP_AUDIT = Table(
    schema="raw",
    name="drop_audit",
    keys=("crm_source", "kind", "export_date"),
    # A bad full drop is replaced by the next one; what a bad delta drop held stays missing.
    judged="is_newest or (mode = 'delta' and not is_accepted)",
    excused="is_set_aside",
)

# Rules with no more in their flag than the facts say. The row count is not among them: whether
# a user has accepted the deletions is in the flag, not in the ratio.
NATIVE_CHECKS = {
    "STR-003": NativeCheck(
        facts=("id_problem_share",),
        build=lambda gxe, common: gxe.ExpectColumnValuesToBeBetween(
            column="id_problem_share", max_value=0.01, **common
        ),
    ),
    "STR-005": NativeCheck(
        facts=("expected_every_days", "age_days"),
        build=lambda gxe, common: gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="expected_every_days", column_B="age_days", or_equal=True, **common
        ),
    ),
}

# What is no failure of a critical rule, and still to be seen: a warning (SQL on the same rows).
NOTICES = {
    "STR-003": "id_problem_share > 0",
    "STR-004": "deletions_held > 0",
}


def table_of(entity: str) -> Table:
    """Name the table in which an entity's flag columns lie."""
    if entity == DROPS:
        return DROP_AUDIT
    return Table(
        schema=FLAGS_SCHEMA, name=f"int_dq__{entity}_flags", keys=("crm_source", "record_id")
    )


def page_of(stage: str, table: str) -> Path:
    """Name a table's page in the Data Docs, relative to their folder; the same every night."""
    return Path(stage) / f"{table}.html"


def columns_of(rule: Rule) -> tuple[str, ...]:
    """Name the columns a rule reads; the first one is its flag."""
    native = NATIVE_CHECKS.get(rule.rule_id)
    return (rule.column, *native.facts) if native else (rule.column,)


def build_expectation(rule: Rule) -> "Expectation":
    """Make the one expectation of a rule on its entity's table."""
    # Importing Great Expectations takes 4 s, which readers of the index do not need.
    from great_expectations import expectations as gxe  # noqa: PLC0415
    from great_expectations.expectations.row_conditions import Column  # noqa: PLC0415

    common: dict[str, Any] = {
        "mostly": rule.mostly,
        "severity": rule.severity,
        "description": f"{rule.rule_id} {rule.entity}: {rule.description_en} {rule.description_zh}",
        "meta": {
            "rule_id": rule.rule_id,
            "entity": rule.entity,
            "field": rule.field,
            "family": rule.family,
            "action": rule.action,
            "description_zh": rule.description_zh,
            "description_en": rule.description_en,
            "fix_hint_zh": rule.fix_hint_zh,
            "fix_hint_en": rule.fix_hint_en,
            "owner_role": rule.owner_role,
        },
    }
    native = NATIVE_CHECKS.get(rule.rule_id)
    if native:
        common["row_condition"] = Column(rule.column).is_not_null()
        return native.build(gxe, common)
    return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=[False], **common)


def build_expectations(rules: Iterable[Rule]) -> "list[Expectation]":
    """Make one expectation per rule."""
    return [build_expectation(rule) for rule in rules]


def check_index_against_database(
    con: "duckdb.DuckDBPyConnection", rules: Sequence[Rule] | None = None
) -> list[str]:
    """Differences between the index and the flag columns that exist, as sentences.

    Rules that have ended need no column any more; a column needs a rule, ended or not.
    """
    rules = load_rules() if rules is None else rules
    types = {
        (schema, table, column): data_type
        for schema, table, column, data_type in con.execute(
            "select table_schema, table_name, column_name, data_type"
            " from information_schema.columns where table_schema in (?, ?)",
            [DROP_AUDIT.schema, FLAGS_SCHEMA],
        ).fetchall()
    }
    faults = []
    for rule in rules:
        if rule.valid_to is not None:
            continue
        table = table_of(rule.entity)
        wanted = list(columns_of(rule))
        if rule.stage == "records":
            wanted += [f"{rule.column}_value", *table.keys]
        faults += [
            f"{rule.rule_id} {rule.entity}: {table.label} has no column {column}"
            for column in wanted
            if (table.schema, table.name, column) not in types
        ]
        found = types.get((table.schema, table.name, rule.column), "BOOLEAN")
        if found != "BOOLEAN":
            faults.append(
                f"{rule.rule_id} {rule.entity}: {table.label}.{rule.column} is {found}, not BOOLEAN"
            )
    indexed = {(table_of(rule.entity).label, rule.column) for rule in rules}
    faults += [
        f"{schema}.{table}.{column}: no rule {column.upper().replace('_', '-')} in the index"
        for schema, table, column in sorted(types)
        if FLAG_COLUMN.match(column)
        and ((schema, table) == (DROP_AUDIT.schema, DROP_AUDIT.name) or FLAGS_TABLE.match(table))
        and (f"{schema}.{table}", column) not in indexed
    ]
    return faults
