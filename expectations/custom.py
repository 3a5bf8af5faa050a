"""Data rules of a user's own: SQL over the columns of a kind of record, without a model.

A rule is a row of the index (seeds/quality/dq_rules.csv) and a row of custom_rules.csv beside it:
`fails_when` is true for a record that fails, `applies_when` false for one that it says nothing of,
`value` is what is shown of a failing one. All rules of a kind of record are judged in one scan;
what they find is handed to the models in two tables of schema raw. Verdicts stand in `runner`.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from expectations.rules import RULE_INDEX, Rule, RuleIndexError

CUSTOM_RULES = RULE_INDEX.parent / "custom_rules.csv"

TEXT = pa.string()
COUNT = pa.int64()
TABLES: dict[str, pa.Schema] = {
    "custom_counts": pa.schema(
        {
            "rule_id": TEXT, "entity": TEXT, "crm_source": TEXT, "owner_key": TEXT,
            "evaluated": COUNT, "failed": COUNT, "not_applicable": COUNT, "error": TEXT,
        }
    ),
    "custom_violations": pa.schema(
        {
            "rule_id": TEXT, "entity": TEXT, "crm_source": TEXT, "record_kind": TEXT,
            "record_id": TEXT, "owner_key": TEXT, "value": TEXT,
        }
    ),
}  # fmt: skip

# By kind of record: its id, its kind of file (a column or a text), its owner.
RECORDS: Mapping[str, tuple[str, str, str]] = {
    "accounts": ("account_id", "'accounts'", "owner_key"),
    "contacts": ("contact_id", "'contacts'", "owner_key"),
    "leads": ("lead_id", "'leads'", "owner_key"),
    "deals": ("deal_id", "'deals'", "owner_key"),
    "orders": ("order_id", "record_kind", "owner_key"),
    "order_lines": ("order_line_id", "record_kind", "cast(null as string)"),
    "refunds": ("refund_id", "record_kind", "cast(null as string)"),
    "activities": ("activity_id", "record_kind", "owner_key"),
    "products": ("product_id", "'products'", "cast(null as string)"),
    "feedback": ("feedback_id", "record_kind", "owner_key"),
}


class CustomRule(BaseModel):
    """One row of custom_rules.csv."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    rule_id: Annotated[str, Field(pattern=r"^(ENT|UPD)-\d{3}$")]
    entity: Annotated[str, Field(pattern=f"^({'|'.join(RECORDS)})$")]
    applies_when: str | None
    fails_when: Annotated[str, Field(min_length=1)]
    value: str | None

    @property
    def column(self) -> str:
        """Name the flag column."""
        return self.rule_id.lower().replace("-", "_")

    @property
    def flag(self) -> str:
        """Write the verdict as SQL."""
        if self.applies_when is None:
            return f"({self.fails_when})"
        return f"case when {self.applies_when} then ({self.fails_when}) end"


# A verdict on a record: two bits.
PASSED, FAILED, UNJUDGED = 0, 1, 2
# So many verdicts are packed into a number of 64 bits.
PACKED = 31

Customs = Mapping[tuple[str, str], CustomRule]


def load_custom_rules(path: Path = CUSTOM_RULES) -> Customs:
    """Read the rules of a user's own, by rule id and entity.

    Raises RuleIndexError naming the file and every row at fault.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = [(reader.line_num, row) for row in reader]
    rules: dict[tuple[str, str], CustomRule] = {}
    faults = []
    for line, row in rows:
        try:
            rule = CustomRule.model_validate({name: value or None for name, value in row.items()})
        except ValidationError as error:
            faults += [
                f"line {line}: {'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})"
                for e in error.errors()
            ]
            continue
        if (rule.rule_id, rule.entity) in rules:
            faults.append(f"line {line}: {rule.rule_id} {rule.entity} stands twice")
        rules[rule.rule_id, rule.entity] = rule
    if faults:
        message = f"custom rules {path}:\n" + "\n".join(f"  {fault}" for fault in faults)
        raise RuleIndexError(message)
    return rules


def known_records(entity: str) -> str:
    """Write the query for the records of a kind that are known on the published date."""
    return (
        f"select records.*, run_context.as_of_date from intermediate.int_crm__{entity} as records "
        "inner join raw.run_context as run_context on run_context.is_newest "
        "and records.valid_from <= run_context.knowledge_date "
        "and (records.valid_to is null or records.valid_to > run_context.knowledge_date)"
    )


def judged_records(rules: Sequence[CustomRule]) -> str:
    """Write the query for the known records with the flags and values of some rules of one kind."""
    flags = ", ".join(
        f"{rule.flag} as {rule.column}, "
        f"case when {rule.flag} then cast({rule.value or 'null'} as string) end "
        f"as {rule.column}_value"
        for rule in rules
    )
    record_id, kind, owner = RECORDS[rules[0].entity]
    return (
        f"(select crm_source, {record_id} as record_id, {kind} as record_kind, "
        f"{owner} as owner_key, {flags} from ({known_records(rules[0].entity)}) as known) as judged"
    )


def counts_and_violations(
    fetch: Callable[[str], pa.Table],
    *,
    judged: Iterable[CustomRule],
    errors: Iterable[tuple[Rule, str]],
) -> tuple[pa.Table, pa.Table]:
    """Count and list what rules that could be judged find, and name those that could not.

    One scan per kind of record, in which each rule is evaluated once. Gives tables of the shapes of
    TABLES.
    """
    by_entity: dict[str, list[CustomRule]] = defaultdict(list)
    for rule in judged:
        by_entity[rule.entity].append(rule)
    counts = [TABLES["custom_counts"].empty_table()]
    violations = [TABLES["custom_violations"].empty_table()]
    for rules in by_entity.values():
        rows = fetch(_verdicts(rules))
        counts += _counts(rules, rows)
        violations += _violations(rules, rows)
    failed = [
        {"rule_id": rule.rule_id, "entity": rule.entity, "crm_source": "all", "error": error}
        | dict.fromkeys(("evaluated", "failed", "not_applicable"), 0)
        for rule, error in errors
    ]
    counts.append(pa.Table.from_pylist(failed, schema=TABLES["custom_counts"]))
    return pa.concat_tables(counts), pa.concat_tables(violations)


def _verdicts(rules: Sequence[CustomRule]) -> str:
    """Write the query for the verdicts of rules of one kind of record, in one scan.

    A row per failing record with what is shown of it, and one for all other records of a source and
    owner that the same rules say nothing of. The verdicts of PACKED rules are one number, two bits
    each (PASSED, FAILED, UNJUDGED): grouping by numbers costs less than counting per rule.
    """
    record_id, kind, owner = RECORDS[rules[0].entity]
    flags = ", ".join(f"{rule.flag} as {rule.column}" for rule in rules)
    packs = [rules[at : at + PACKED] for at in range(0, len(rules), PACKED)]
    verdicts = {
        f"verdicts_{number}": " + ".join(
            f"case when not {rule.column} then cast({PASSED} as bigint) "
            f"when {rule.column} then {FAILED * 4**place} else {UNJUDGED * 4**place} end"
            for place, rule in enumerate(pack)
        )
        for number, pack in enumerate(packs)
    }
    # Evaluated for records that fail only, as it may not be possible for others.
    values = {
        name: f"case when {' or '.join(rule.column for rule in rules if rule.value == value)} "
        f"then cast({value} as string) end"
        for value, name in _value_columns(rules).items()
    }
    any_failed = sum(FAILED * 4**place for place in range(PACKED))
    fails = " or ".join(f"({name} & {any_failed}) <> 0" for name in verdicts)
    shown = ["record_id", "record_kind", *values]
    grouped = ", ".join(["crm_source", "owner_key", *verdicts, *shown])
    return (
        f"select {grouped}, count(*) as records from ("
        f"select crm_source, owner_key, {', '.join(verdicts)}, "
        f"{', '.join(f'case when {fails} then {name} end as {name}' for name in shown)} from ("
        f"select crm_source, {record_id} as record_id, {kind} as record_kind, "
        f"{owner} as owner_key, "
        f"{', '.join(f'{sql} as {name}' for name, sql in {**verdicts, **values}.items())} from ("
        f"select known.*, {flags} from ({known_records(rules[0].entity)}) as known"
        f") as flagged) as packed) as judged group by {grouped}"
    )


def _value_columns(rules: Sequence[CustomRule]) -> dict[str, str]:
    """Name a column for each thing that is shown of failing records, once."""
    shown = dict.fromkeys(rule.value for rule in rules if rule.value)
    return {value: f"value_{number}" for number, value in enumerate(shown)}


def _verdict(rows: pa.Table, number: int) -> np.ndarray:
    """Unpack the verdict of a rule, by its place among the rules, per row."""
    packed = rows[f"verdicts_{number // PACKED}"].to_numpy()
    verdict: np.ndarray = (packed >> 2 * (number % PACKED)) & 3
    return verdict


def _counts(rules: Sequence[CustomRule], rows: pa.Table) -> Iterator[pa.Table]:
    sources = rows["crm_source"].combine_chunks().dictionary_encode(null_encoding="encode")
    owners = rows["owner_key"].combine_chunks().dictionary_encode(null_encoding="encode")
    width = max(len(owners.dictionary), 1)
    groups, group_of = np.unique(
        sources.indices.to_numpy().astype(np.int64) * width + owners.indices.to_numpy(),
        return_inverse=True,
    )
    named = pa.table(
        {
            "crm_source": sources.dictionary.take(pa.array(groups // width)),
            "owner_key": owners.dictionary.take(pa.array(groups % width)),
        }
    )
    records = rows["records"].to_numpy()

    def count(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(group_of[chosen], records[chosen], len(groups)).astype(np.int64)

    known = count(np.arange(rows.num_rows))
    for number, rule in enumerate(rules):
        verdict = _verdict(rows, number)
        not_applicable = count(np.flatnonzero(verdict == UNJUDGED))
        yield _table(
            "custom_counts",
            rule,
            named,
            evaluated=pa.array(known - not_applicable),
            failed=pa.array(count(np.flatnonzero(verdict == FAILED))),
            not_applicable=pa.array(not_applicable),
        )


def _violations(rules: Sequence[CustomRule], rows: pa.Table) -> Iterator[pa.Table]:
    columns = _value_columns(rules)
    records = rows["records"].to_numpy()
    for number, rule in enumerate(rules):
        places = np.flatnonzero(_verdict(rows, number) == FAILED)
        failing = rows.take(pa.array(np.repeat(places, records[places])))
        value = failing[columns[rule.value]] if rule.value else pa.nulls(failing.num_rows, TEXT)
        yield _table("custom_violations", rule, failing, value=value)


def _table(
    name: str, rule: CustomRule, rows: pa.Table, **columns: pa.Array | pa.ChunkedArray
) -> pa.Table:
    fixed = {"rule_id": rule.rule_id, "entity": rule.entity, "error": None}
    values = []
    for field in TABLES[name]:
        if field.name in columns:
            values.append(columns[field.name].cast(field.type))
        elif field.name in fixed:
            values.append(pa.repeat(pa.scalar(fixed[field.name], field.type), rows.num_rows))
        else:
            values.append(rows[field.name].cast(field.type))
    return pa.Table.from_arrays(values, schema=TABLES[name])
