"""Rules and rows the quality rules' tests are made of."""

from datetime import date
from typing import Any

from expectations.rules import Rule

AS_OF = date(2026, 11, 20)


def make_rule(rule_id: str = "ENT-020", **changes: Any) -> Rule:
    values: dict[str, Any] = {
        "rule_id": rule_id,
        "entity": "accounts",
        "field": "mobile",
        "family": "standard",
        "severity": "warning",
        "mostly": 1,
        "applies_when": None,
        "description_zh": "手机号格式正确。",
        "description_en": "The mobile number is well formed.",
        "fix_hint_zh": "核对号码。",
        "fix_hint_en": "Check the number.",
        "owner_role": "sales",
        "action": "report",
        "valid_from": "1900-01-01",
        "valid_to": None,
    }
    return Rule.model_validate(values | changes)


def flags(
    *columns: str, rows: int, failing: int = 0, not_applicable: int = 0, start: int = 0
) -> str:
    """The SQL of a flags table: the first rows fail, the last ones are not applicable."""
    values = ", ".join(
        f"case when i >= {rows - not_applicable} then null else i < {failing} end as {column}, "
        f"'x' as {column}_value"
        for column in columns
    )
    return (
        "select 'zoho' as crm_source, 'accounts' as entity, printf('%05d', i) as record_id, "
        f"'o' as owner_key, {values} from range({start}, {start} + {rows}) as t(i)"
    )
