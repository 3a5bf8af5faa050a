import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from expectations.rules import load_rules
from expectations.suites import (
    NATIVE_CHECKS,
    build_expectation,
    check_index_against_database,
    columns_of,
    table_of,
)
from tests.unit.expectations.samples import make_rule

PROJECT_DIR = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_severity_mostly_and_texts_reach_the_expectation(severity):
    expectation = build_expectation(make_rule(severity=severity, mostly=0.98))
    assert expectation.severity == severity
    assert expectation.mostly == 0.98
    assert expectation.column == "ent_020"
    assert expectation.meta["rule_id"] == "ENT-020"
    assert expectation.meta["fix_hint_zh"] == "核对号码。"
    assert expectation.meta["description_en"] == "The mobile number is well formed."


def test_a_file_rule_with_a_fact_is_a_native_expectation():
    expectation = build_expectation(make_rule("STR-003", entity="drops"))
    assert expectation.expectation_type == "expect_column_values_to_be_between"
    assert (expectation.column, expectation.max_value) == ("id_problem_share", 0.01)


def test_every_shipped_rule_becomes_an_expectation():
    rules = load_rules()
    types = {build_expectation(rule).expectation_type for rule in rules}
    assert "expect_column_values_to_be_in_set" in types
    assert set(NATIVE_CHECKS) <= {rule.rule_id for rule in rules}


def test_reading_the_index_does_not_import_great_expectations():
    code = (
        "import os, sys, expectations.runner, expectations.suites;"
        "assert 'great_expectations' not in sys.modules and 'dagster' not in sys.modules;"
        "assert os.environ['GX_ANALYTICS_ENABLED'] == 'false'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT_DIR)


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute("create schema intermediate")
        con.execute("create schema raw")
        yield con


def build(con, rules, *, without=(), extra=""):
    """Make every table the rules need."""
    tables = {}
    for rule in rules:
        table = table_of(rule.entity)
        columns = tables.setdefault(table.label, [f"{key} varchar" for key in table.keys])
        if rule.column not in without:
            columns += [f"{rule.column} boolean", f"{rule.column}_value varchar"]
            columns += [f"{fact} varchar" for fact in columns_of(rule)[1:]]
    for label, columns in tables.items():
        con.execute(f"create or replace table {label} ({', '.join(columns)}{extra})")


def test_index_and_database_that_match_give_no_fault(con):
    rules = load_rules()
    build(con, rules)
    assert check_index_against_database(con, rules) == []
    assert check_index_against_database(con) == []


def test_a_rule_without_a_column_is_found(con):
    rules = [make_rule("ENT-020"), make_rule("ENT-021")]
    build(con, rules, without=["ent_021"])
    assert check_index_against_database(con, rules) == [
        "ENT-021 accounts: intermediate.int_dq__accounts_flags has no column ent_021",
        "ENT-021 accounts: intermediate.int_dq__accounts_flags has no column ent_021_value",
    ]


def test_a_rule_without_a_table_is_found(con):
    faults = check_index_against_database(con, [make_rule("STR-006", entity="drops")])
    assert faults == ["STR-006 drops: raw.drop_audit has no column str_006"]


def test_a_flag_column_without_a_rule_is_found(con):
    rules = [make_rule("ENT-020"), make_rule("STR-006", entity="drops")]
    build(con, rules, extra=", ent_099 boolean, str_099 boolean, ent_099_value varchar")
    assert check_index_against_database(con, rules) == [
        "intermediate.int_dq__accounts_flags.ent_099: no rule ENT-099 in the index",
        "intermediate.int_dq__accounts_flags.str_099: no rule STR-099 in the index",
        "raw.drop_audit.ent_099: no rule ENT-099 in the index",
        "raw.drop_audit.str_099: no rule STR-099 in the index",
    ]


def test_a_flag_of_an_entity_that_has_no_such_rule_is_found(con):
    build(con, [make_rule(), make_rule(entity="leads")])
    assert check_index_against_database(con, [make_rule()]) == [
        "intermediate.int_dq__leads_flags.ent_020: no rule ENT-020 in the index"
    ]


def test_a_flag_that_is_not_boolean_is_found(con):
    build(con, [make_rule()])
    con.execute("alter table intermediate.int_dq__accounts_flags alter ent_020 type varchar")
    (fault,) = check_index_against_database(con, [make_rule()])
    assert "ent_020 is VARCHAR, not BOOLEAN" in fault


def test_a_rule_that_has_ended_needs_no_column_but_explains_one(con):
    rules = [make_rule("ENT-020"), make_rule("ENT-021", valid_to="2026-01-31")]
    build(con, rules)
    assert check_index_against_database(con, rules) == []
    build(con, rules, without=["ent_021"])
    assert check_index_against_database(con, rules) == []
