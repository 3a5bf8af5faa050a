"""The rule index: one row per rule and entity, read and checked once.

What a rule means is its flag column; what it is called, how bad a failure is, who repairs it and
how many rows must pass is here, where a business user can change it.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RULE_INDEX = Path(__file__).resolve().parent.parent / "seeds" / "quality" / "dq_rules.csv"

# The entity of rules that judge whole files; all other entities are kinds of record.
DROPS = "drops"
# Entities of rules that need the classes or the funnel; they cannot be judged before.
CLASSIFIED = ("customers", "open_deals")

Family = Literal[
    "completeness", "standard", "accuracy", "uniqueness", "consistency", "timeliness", "depth"
]
Severity = Literal["critical", "warning", "info"]
Action = Literal["block", "quarantine", "report"]
Stage = Literal["raw", "records", "marts"]
Text = Annotated[str, Field(min_length=1)]


class RuleIndexError(Exception):
    """The index cannot be used; the message names the file and every row at fault."""


class Rule(BaseModel):
    """One row of the index."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    rule_id: Annotated[str, Field(pattern=r"^(ENT|UPD|STR)-\d{3}$")]
    entity: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    field: Text
    family: Family
    severity: Severity
    mostly: Annotated[float, Field(ge=0, le=1)]
    applies_when: str | None
    description_zh: Text
    description_en: Text
    fix_hint_zh: Text
    fix_hint_en: Text
    owner_role: Text
    action: Action
    valid_from: date
    valid_to: date | None

    @model_validator(mode="after")
    def _is_coherent(self) -> "Rule":
        if self.action == "block" and not self.rule_id.startswith("STR-"):
            message = "action block is for structural rules; ENT and UPD never block"
            raise ValueError(message)
        if self.action == "block" and self.severity != "critical":
            message = f"action block needs severity critical, found {self.severity}"
            raise ValueError(message)
        if self.valid_to is not None and self.valid_to < self.valid_from:
            message = f"valid_to {self.valid_to} is before valid_from {self.valid_from}"
            raise ValueError(message)
        return self

    @property
    def column(self) -> str:
        """The flag column of this rule: ENT-020 is judged by ent_020."""
        return self.rule_id.lower().replace("-", "_")

    @property
    def stage(self) -> Stage:
        """Files are judged when landed, records when typed, customers when classified."""
        if self.entity == DROPS:
            return "raw"
        return "marts" if self.entity in CLASSIFIED else "records"

    def is_valid_on(self, day: date) -> bool:
        """Whether the rule is in force; both ends of its validity are included."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def load_rules(path: Path = RULE_INDEX) -> list[Rule]:
    """Read and check the index.

    Raises RuleIndexError naming the file and every row at fault.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            found = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        message = f"rule index {path}: {error.strerror}"
        raise RuleIndexError(message) from error
    expected = list(Rule.model_fields)
    if sorted(found) != sorted(expected):
        message = (
            f"rule index {path}: missing columns {sorted(set(expected) - set(found))}, "
            f"unknown columns {sorted(set(found) - set(expected))}; "
            f"the header must be {','.join(expected)}"
        )
        raise RuleIndexError(message)

    rules: list[tuple[int, Rule]] = []
    faults: list[str] = []
    for line, row in rows:
        try:
            rules.append((line, Rule.model_validate(_blank_to_none(row))))
        except ValidationError as error:
            place = f"line {line} ({row.get('rule_id')} {row.get('entity')})"
            faults += [f"{place}: {_fault(detail)}" for detail in error.errors()]
    faults += _collisions(rules)
    if faults:
        message = f"rule index {path}:\n" + "\n".join(f"  {fault}" for fault in faults)
        raise RuleIndexError(message)
    return [rule for _, rule in rules]


def rules_valid_on(day: date, rules: Iterable[Rule] | None = None) -> list[Rule]:
    """Choose the rules in force on a day, from the given ones or from the shipped index."""
    return [rule for rule in (load_rules() if rules is None else rules) if rule.is_valid_on(day)]


def _blank_to_none(row: dict[str | Any, Any]) -> dict[str, Any]:
    # csv puts surplus cells under the key None; it must be a name for the model to reject it.
    return {
        "(more cells than columns)" if name is None else name: value or None
        for name, value in row.items()
    }


def _fault(detail: "ErrorDetails") -> str:
    field = ".".join(str(part) for part in detail["loc"])
    found = "" if not field else f" (found {detail['input']!r})"
    return f"{field + ': ' if field else ''}{detail['msg']}{found}"


def _collisions(rules: Sequence[tuple[int, Rule]]) -> list[str]:
    """Rows of the same rule and entity of which two are in force on one day."""
    faults = []
    for position, (line, rule) in enumerate(rules):
        for other_line, other in rules[:position]:
            if (rule.rule_id, rule.entity) != (other.rule_id, other.entity):
                continue
            place = f"line {line} ({rule.rule_id} {rule.entity})"
            if rule.valid_from == other.valid_from:
                faults.append(f"{place}: duplicate of line {other_line}")
            elif (rule.valid_to or date.max) >= other.valid_from and (
                other.valid_to or date.max
            ) >= rule.valid_from:
                faults.append(
                    f"{place}: validity overlaps line {other_line}; "
                    "end the older row the day before the newer one begins"
                )
    return faults
