import csv
from datetime import date
from pathlib import Path

import pytest

from expectations.rules import RULE_INDEX, Rule, RuleIndexError, load_rules, rules_valid_on
from tests.unit.expectations.samples import make_rule

ROW = {
    "rule_id": "ENT-020",
    "entity": "accounts",
    "field": "mobile",
    "family": "standard",
    "severity": "warning",
    "mostly": "0.95",
    "applies_when": "",
    "description_zh": "手机号",
    "description_en": "Mobile",
    "fix_hint_zh": "改",
    "fix_hint_en": "Correct it",
    "owner_role": "sales",
    "action": "report",
    "valid_from": "2026-01-01",
    "valid_to": "",
}


def write(path: Path, *rows: dict[str, str], drop: str | None = None) -> Path:
    columns = [column for column in ROW if column != drop]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_shipped_index_is_valid_and_holds_every_rule():
    structural = {f"STR-{n:03d}" for n in range(1, 12)}
    entry = {f"ENT-{n:03d}" for n in (*range(1, 15), *range(20, 31), *range(40, 52))}
    update = {f"UPD-{n:03d}" for n in range(1, 17)}
    assert {rule.rule_id for rule in load_rules()} == structural | entry | update


def test_shipped_index_blocks_on_the_critical_structural_rules_only():
    blocking = {rule.rule_id for rule in load_rules() if rule.action == "block"}
    assert blocking == {f"STR-{n:03d}" for n in (1, 2, 3, 4, 6, 7, 10, 11)}


def test_shipped_texts_are_in_their_language():
    for rule in load_rules():
        for text in (rule.description_zh, rule.fix_hint_zh):
            assert any("一" <= letter <= "鿿" for letter in text), rule.rule_id
        assert rule.description_en.isprintable(), rule.rule_id
        assert rule.fix_hint_en.isascii(), rule.rule_id


def test_shipped_index_has_no_byte_order_mark_that_a_seed_would_read_as_a_column():
    assert RULE_INDEX.read_bytes().startswith(b"rule_id,")


def test_a_byte_order_mark_from_a_spreadsheet_is_read(tmp_path):
    path = write(tmp_path / "index.csv", ROW)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [rule.rule_id for rule in load_rules(path)] == ["ENT-020"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"severity": "fatal"}, "severity"),
        ({"family": "beauty"}, "family"),
        ({"action": "ignore"}, "action"),
        ({"mostly": "1.01"}, "mostly"),
        ({"mostly": "-0.1"}, "mostly"),
        ({"mostly": "nan"}, "mostly"),
        ({"mostly": "95%"}, "mostly"),
        ({"description_zh": ""}, "description_zh"),
        ({"description_en": "  "}, "description_en"),
        ({"fix_hint_zh": ""}, "fix_hint_zh"),
        ({"fix_hint_en": ""}, "fix_hint_en"),
        ({"owner_role": ""}, "owner_role"),
        ({"entity": ""}, "entity"),
        ({"entity": "accounts; drop"}, "entity"),
        ({"rule_id": "ENT-20"}, "rule_id"),
        ({"valid_from": ""}, "valid_from"),
        ({"valid_to": "2025-12-31"}, "before valid_from"),
        ({"action": "block"}, "never block"),
        ({"rule_id": "STR-008", "action": "block"}, "needs severity critical"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, change, part):
    path = write(tmp_path / "index.csv", ROW | {"entity": "leads"}, ROW | change)
    with pytest.raises(RuleIndexError) as error:
        load_rules(path)
    message = str(error.value)
    assert "index.csv" in message
    assert "line 3" in message
    assert "line 2" not in message
    assert part in message


def test_every_fault_is_named_at_once(tmp_path):
    path = write(tmp_path / "index.csv", ROW | {"severity": "x"}, ROW | {"action": "y"})
    with pytest.raises(RuleIndexError, match=r"(?s)line 2.*severity.*line 3.*action"):
        load_rules(path)


def test_a_duplicate_rule_and_entity_is_an_error(tmp_path):
    path = write(tmp_path / "index.csv", ROW, ROW)
    with pytest.raises(RuleIndexError, match=r"line 3 \(ENT-020 accounts\): duplicate of line 2"):
        load_rules(path)


def test_overlapping_validity_is_an_error(tmp_path):
    path = write(
        tmp_path / "index.csv",
        ROW | {"valid_to": "2026-06-30"},
        ROW | {"valid_from": "2026-06-30"},
    )
    with pytest.raises(RuleIndexError, match=r"line 3.*overlaps line 2"):
        load_rules(path)


def test_a_revised_rule_follows_the_day(tmp_path):
    path = write(
        tmp_path / "index.csv",
        ROW | {"valid_to": "2026-06-30", "mostly": "0.9"},
        ROW | {"valid_from": "2026-07-01", "mostly": "0.95"},
    )
    rules = load_rules(path)
    assert [r.mostly for r in rules_valid_on(date(2026, 6, 30), rules)] == [0.9]
    assert [r.mostly for r in rules_valid_on(date(2026, 7, 1), rules)] == [0.95]
    assert rules_valid_on(date(2025, 12, 31), rules) == []


@pytest.mark.parametrize("column", ["mostly", "description_zh"])
def test_a_missing_column_is_named(tmp_path, column):
    path = write(tmp_path / "index.csv", ROW, drop=column)
    with pytest.raises(RuleIndexError, match=f"missing columns \\['{column}'\\]"):
        load_rules(path)


def test_a_row_with_too_many_cells_is_named(tmp_path):
    path = write(tmp_path / "index.csv", ROW)
    path.write_text(path.read_text(encoding="utf-8").rstrip() + ",surplus\n", encoding="utf-8")
    with pytest.raises(RuleIndexError, match=r"line 2.*more cells than columns"):
        load_rules(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RuleIndexError, match=r"nowhere\.csv"):
        load_rules(tmp_path / "nowhere.csv")


def test_stage_and_column_follow_from_the_row():
    assert make_rule("STR-001", entity="drops").stage == "raw"
    assert make_rule("STR-008").stage == "records"
    assert make_rule("UPD-003").column == "upd_003"


def test_a_rule_is_a_value():
    assert make_rule() == make_rule()
    assert len({make_rule(), make_rule(), make_rule(entity="leads")}) == 2
    assert isinstance(make_rule(), Rule)
