import subprocess
import sys
from datetime import date

import duckdb
import pytest

from expectations import suites
from expectations.engine import DuckDBExecutionEngine
from expectations.runner import CheckResult, gate, run_checks
from expectations.suites import NativeCheck
from tests.unit.expectations.samples import AS_OF, flags, make_rule


def check(database, *rules, stage="records", **options):
    return run_checks(database, stage=stage, as_of=AS_OF, rules=rules, **options)


def audit(*drops, **defaults):
    """The SQL of a drop audit: one dict per drop, of SQL expressions."""
    common = {
        "crm_source": "'zoho'",
        "kind": "'leads'",
        "mode": "'full'",
        "export_date": "date '2026-11-20'",
        "files": "['Leads_001.csv']",
        "is_newest": "true",
        "is_accepted": "true",
        "is_set_aside": "false",
    }
    rows = []
    for drop in drops:
        cells = common | defaults | drop
        rows.append("select " + ", ".join(f"{value} as {name}" for name, value in cells.items()))
    return " union all by name ".join(rows)


def write_from_another_process(database):
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table t(i int)')"
    subprocess.run([sys.executable, "-c", code, str(database)], check=True)


def test_pass_fail_and_not_applicable_in_one_table(fill):
    database = fill(
        int_dq__accounts_flags=f"""
            select *, record_id = '00003' as ent_001, null::boolean as ent_002
            from ({flags("ent_020", rows=8, not_applicable=2)})
        """
    )
    passed, failed, idle = check(
        database, make_rule("ENT-020"), make_rule("ENT-001"), make_rule("ENT-002")
    )
    assert (passed.status, passed.evaluated, passed.failed, passed.not_applicable) == (
        "PASS", 6, 0, 2,
    )  # fmt: skip
    assert passed.pass_rate == 1
    assert (failed.status, failed.evaluated, failed.failed, failed.not_applicable) == (
        "FAIL", 8, 1, 0,
    )  # fmt: skip
    assert failed.sample_keys == ("zoho/00003",)
    assert failed.table == "intermediate.int_dq__accounts_flags"
    for part in ("ENT-001", "accounts", "1 of 8", "zoho/00003", "手机号", "Check the number"):
        assert part in failed.message
    assert (idle.status, idle.evaluated, idle.failed, idle.not_applicable) == (
        "NOT_APPLICABLE", 0, 0, 8,
    )  # fmt: skip
    assert idle.pass_rate is None
    assert [r.error for r in (passed, failed, idle)] == [None, None, None]


def test_all_rules_of_a_table_share_one_counting_query(fill, monkeypatch):
    columns = [f"ent_{n:03d}" for n in range(1, 9)]
    database = fill(int_dq__accounts_flags=flags(*columns, rows=10, failing=1))
    queries = []

    def record(engine, query, run=DuckDBExecutionEngine.execute_query):
        queries.append(str(query))
        return run(engine, query)

    monkeypatch.setattr(DuckDBExecutionEngine, "execute_query", record)
    rules = [make_rule(f"ENT-{n:03d}", mostly=0.5) for n in range(1, 9)]
    assert [r.failed for r in check(database, *rules)] == [1] * 8
    assert sum("sum(CASE" in query for query in queries) == 1


def test_an_empty_table_is_not_applicable(fill):
    database = fill(int_dq__accounts_flags=flags("ent_020", rows=0))
    (result,) = check(database, make_rule())
    assert (result.status, result.evaluated, result.not_applicable) == ("NOT_APPLICABLE", 0, 0)


@pytest.mark.parametrize(
    ("rows", "failing", "mostly", "status"),
    [
        (100, 1, 0.99, "PASS"),
        (100, 2, 0.99, "FAIL"),
        (20, 1, 0.95, "PASS"),
        (10, 3, 0.7, "PASS"),
        (3, 1, 0.6667, "FAIL"),
        (1000, 1, 0.999, "PASS"),
        (10, 10, 0, "PASS"),
        (10, 1, 1, "FAIL"),
    ],
)
def test_the_share_that_must_pass_is_met_exactly(fill, rows, failing, mostly, status):
    database = fill(
        int_dq__accounts_flags=flags("ent_020", rows=rows + 7, failing=failing, not_applicable=7)
    )
    (result,) = check(database, make_rule(mostly=mostly))
    assert result.status == status
    assert (result.evaluated, result.failed, result.not_applicable) == (rows, failing, 7)


def test_a_critical_rule_within_its_tolerance_is_a_warning(fill):
    rule = make_rule("STR-007", severity="critical", action="block", mostly=0.99)
    database = fill(int_dq__accounts_flags=flags("str_007", rows=100, failing=1))
    (result,) = check(database, rule)
    assert (result.status, result.severity, result.action) == ("FAIL", "warning", "report")
    assert not gate([result]).is_blocked

    fill(int_dq__accounts_flags=flags("str_007", rows=100, failing=2))
    (result,) = check(database, rule)
    assert (result.status, result.severity, result.action) == ("FAIL", "critical", "block")
    assert gate([result]).is_blocked

    fill(int_dq__accounts_flags=flags("str_007", rows=100))
    (result,) = check(database, rule)
    assert (result.status, result.severity) == ("PASS", "critical")


def test_three_hundred_failing_rows_count_three_hundred(fill):
    database = fill(int_dq__accounts_flags=flags("ent_020", rows=1000, failing=300))
    (result,) = check(database, make_rule())
    assert (result.failed, result.evaluated, result.pass_rate) == (300, 1000, 0.7)
    assert result.sample_keys == tuple(f"zoho/{i:05d}" for i in range(5))


def test_a_missing_column_is_an_error_and_spares_the_others(fill):
    database = fill(int_dq__accounts_flags=flags("ent_020", rows=3))
    missing, passed = check(database, make_rule("ENT-021"), make_rule("ENT-020"))
    assert (missing.status, missing.evaluated, missing.pass_rate) == ("ERROR", 0, None)
    assert "has no column ent_021" in missing.message
    assert missing.error is not None
    assert passed.status == "PASS"


def test_a_missing_table_is_an_error(fill):
    (result,) = check(fill(), make_rule(entity="leads"))
    assert result.status == "ERROR"
    assert "intermediate.int_dq__leads_flags does not exist" in result.message


def test_a_flag_of_another_type_is_an_error(fill):
    database = fill(int_dq__accounts_flags="select 'zoho' as crm_source, 1 as ent_020")
    (result,) = check(database, make_rule())
    assert result.status == "ERROR"
    assert "INTEGER, not BOOLEAN" in result.message


def test_a_missing_database_is_an_exception(database):
    with pytest.raises(FileNotFoundError, match="work_file"):
        check(database, make_rule())


def test_a_crashed_expectation_is_an_error_and_spares_the_others(fill, monkeypatch):
    native = NativeCheck(
        facts=("ratio",),
        build=lambda gxe, common: gxe.ExpectColumnValuesToBeBetween(
            column="ratio", min_value=0.5, **common
        ),
    )
    monkeypatch.setitem(suites.NATIVE_CHECKS, "STR-004", native)
    database = fill(
        drop_audit=audit(
            {"str_006": "false", "ratio": "'abc'"},
            {"kind": "'deals'", "str_006": "true", "ratio": "'0.7'"},
            str_004="false",
        )
    )
    crashed, failed = check(
        database,
        make_rule("STR-004", entity="drops"),
        make_rule("STR-006", entity="drops"),
        stage="raw",
    )
    assert crashed.status == "ERROR"
    assert "Cannot compare values" in crashed.message
    assert "SQL" not in crashed.message
    assert crashed.pass_rate is None
    assert (failed.status, failed.failed) == ("FAIL", 1)


def test_a_crash_in_the_common_query_spares_the_others(fill):
    # A view whose one column cannot be computed: the counts of a table share one query.
    database = fill()
    with duckdb.connect(database) as con:
        con.execute(
            "create view intermediate.int_dq__accounts_flags as"
            " select 'zoho' as crm_source, i::varchar as record_id, i < 1 as ent_001,"
            " ('x' || i)::boolean as ent_020, i < 0 as ent_021 from range(4) as t(i)"
        )
    failed, crashed, passed = check(
        database, make_rule("ENT-001"), make_rule("ENT-020"), make_rule("ENT-021")
    )
    assert (failed.status, failed.failed, failed.evaluated) == ("FAIL", 1, 4)
    assert crashed.status == "ERROR"
    assert "convert" in str(crashed.error)
    assert (passed.status, passed.evaluated) == ("PASS", 4)


def test_a_broken_view_is_an_error_and_spares_other_tables(fill):
    database = fill(int_dq__leads_flags=flags("ent_020", rows=2), gone="select 1 as i")
    with duckdb.connect(database) as con:
        con.execute(
            "create view intermediate.int_dq__accounts_flags as"
            " select true as ent_020 from intermediate.gone"
        )
        con.execute("drop table intermediate.gone")
    broken, passed = check(database, make_rule(), make_rule(entity="leads"))
    assert broken.status == "ERROR"
    assert "gone" in broken.message
    assert passed.status == "PASS"


def critical(rule_id, field):
    return make_rule(rule_id, entity="drops", field=field, severity="critical", action="block")


def test_a_bad_file_blocks_and_is_named_with_its_facts(fill):
    rule = critical("STR-001", "missing_columns; nearest_columns")
    database = fill(
        drop_audit=audit(
            {
                "str_001": "true",
                "missing_columns": "['Record Id']",
                "nearest_columns": "['Recrod Id', 'Id']",
            },
            {"kind": "'deals'", "str_001": "false", "missing_columns": "[]"},
            {"kind": "'other'", "str_001": "null::boolean", "missing_columns": "[]"},
        )
    )
    (result,) = check(database, rule, stage="raw")
    assert (result.status, result.evaluated, result.failed, result.not_applicable) == (
        "FAIL", 2, 1, 1,
    )  # fmt: skip
    assert result.sample_keys == ("zoho/leads/2026-11-20",)
    decision = gate([result])
    assert decision.is_blocked
    first = (
        "zoho/leads/2026-11-20 (files Leads_001.csv; missing_columns Record Id;"
        " nearest_columns Recrod Id, Id)"
    )
    for part in ("STR-001", "raw.drop_audit", "1 of 2", first):
        assert part in decision.message


def test_a_file_set_aside_is_a_warning(fill):
    rule = critical("STR-006", "export_date")
    bad = {"str_006": "true", "is_set_aside": "true"}
    database = fill(drop_audit=audit(bad, {"kind": "'deals'", "str_006": "false"}))
    (result,) = check(database, rule, stage="raw")
    assert (result.status, result.severity, result.action, result.failed) == (
        "FAIL", "warning", "report", 1,
    )  # fmt: skip
    fill(drop_audit=audit(bad, {"kind": "'deals'", "str_006": "true"}))
    (result,) = check(database, rule, stage="raw")
    assert (result.severity, result.failed) == ("critical", 2)
    assert gate([result]).is_blocked


@pytest.mark.parametrize(
    ("share", "status", "severity", "failed"),
    [
        (0, "PASS", "critical", 0),
        (0.005, "FAIL", "warning", 1),
        (0.01, "FAIL", "warning", 1),
        (0.0101, "FAIL", "critical", 1),
    ],
)
def test_rows_without_a_unique_id_warn_up_to_one_percent(fill, share, status, severity, failed):
    database = fill(
        drop_audit=audit(
            {
                "str_003": f"{share} > 0.01",
                "id_problem_share": f"{share}::double",
                "rows_without_id": "7",
            },
            {
                "kind": "'empty'",
                "str_003": "null::boolean",
                "id_problem_share": "null::double",
                "rows_without_id": "0",
            },
        )
    )
    (result,) = check(database, critical("STR-003", "rows_without_id"), stage="raw")
    assert (result.status, result.severity, result.failed) == (status, severity, failed)
    assert (result.evaluated, result.not_applicable) == (1, 1)
    assert gate([result]).is_blocked is (severity == "critical" and failed > 0)
    assert ("rows_without_id 7" in result.message) is (failed > 0)


def test_held_deletions_are_a_warning(fill):
    rule = critical("STR-004", "deletions_held")
    database = fill(drop_audit=audit({"str_004": "false", "deletions_held": "120"}))
    (result,) = check(database, rule, stage="raw")
    assert (result.status, result.severity) == ("FAIL", "warning")
    assert "deletions_held 120" in result.message
    fill(drop_audit=audit({"str_004": "true", "deletions_held": "0"}))
    (result,) = check(database, rule, stage="raw")
    assert gate([result]).is_blocked


@pytest.mark.parametrize(("age", "status"), [(0, "PASS"), (7, "PASS"), (8, "FAIL")])
def test_an_export_is_late_when_older_than_expected(fill, age, status):
    database = fill(
        drop_audit=audit(
            {"str_005": f"{age} > 7", "age_days": age},
            {"kind": "'backfilled'", "str_005": "null::boolean", "age_days": "99"},
            expected_every_days="7",
        )
    )
    rule = make_rule("STR-005", entity="drops", field="age_days; expected_every_days")
    (result,) = check(database, rule, stage="raw")
    assert (result.status, result.evaluated, result.not_applicable) == (status, 1, 1)
    assert not gate([result]).is_blocked


def test_a_flag_that_contradicts_its_fact_is_an_error(fill):
    database = fill(drop_audit=audit({"str_003": "true", "id_problem_share": "0.001"}))
    (result,) = check(database, critical("STR-003", "rows_read"), stage="raw")
    assert result.status == "ERROR"
    assert "must agree" in result.message


def test_drops_that_were_replaced_are_not_judged_unless_asked_for(fill):
    database = fill(
        drop_audit=audit(
            {"str_006": "true", "export_date": "date '2026-11-18'", "is_newest": "false"},
            {"str_006": "false"},
        )
    )
    rule = make_rule("STR-006", entity="drops")
    (night,) = check(database, rule, stage="raw")
    assert (night.status, night.evaluated) == ("PASS", 1)
    (load,) = check(database, rule, stage="raw", exported=(date(2026, 11, 18), date(2026, 11, 20)))
    assert (load.status, load.evaluated, load.failed) == ("FAIL", 2, 1)


def test_a_bad_delta_drop_stays_judged_until_it_is_corrected(fill):
    old = {"export_date": "date '2026-11-18'", "is_newest": "false", "mode": "'delta'"}
    database = fill(
        drop_audit=audit(
            old | {"str_006": "true", "is_accepted": "false"},
            old | {"kind": "'calls'", "str_006": "false"},
            {"mode": "'delta'", "str_006": "false"},
        )
    )
    (result,) = check(database, make_rule("STR-006", entity="drops"), stage="raw")
    assert (result.status, result.evaluated, result.failed) == ("FAIL", 2, 1)
    assert result.sample_keys == ("zoho/leads/2026-11-18",)


def test_a_table_of_several_days_is_judged_for_its_day(fill):
    database = fill(
        int_dq__accounts_flags=f"""
            select *, date '2026-11-20' as as_of_date from ({flags("ent_020", rows=4)})
            union all
            select *, date '2026-11-19' from ({flags("ent_020", rows=4, failing=4)})
        """
    )
    (result,) = check(database, make_rule())
    assert (result.status, result.evaluated) == ("PASS", 4)


def test_a_table_built_for_another_day_is_an_error(fill):
    database = fill(
        int_dq__accounts_flags=f"""
            select *, date '2026-11-19' as as_of_date from ({flags("ent_020", rows=4)})
        """
    )
    (result,) = check(database, make_rule())
    assert result.status == "ERROR"
    assert "no row of 2026-11-20, its newest are of 2026-11-19" in result.message
    fill(
        int_dq__accounts_flags=f"""
            select *, date '2026-11-19' as as_of_date from ({flags("ent_020", rows=0)})
        """
    )
    (result,) = check(database, make_rule())
    assert result.status == "NOT_APPLICABLE"


def test_only_rules_of_the_stage_and_the_day_run_and_keep_their_order(fill):
    database = fill(
        int_dq__accounts_flags=flags("ent_020", rows=1),
        int_dq__leads_flags=flags("ent_020", "ent_021", rows=1),
        drop_audit=audit({"str_006": "false"}),
    )
    rules = [
        make_rule("ENT-020", entity="leads"),
        make_rule("ENT-020"),
        make_rule("ENT-021", entity="leads"),
        make_rule("ENT-022", valid_to="2026-11-19"),
        make_rule("ENT-023", valid_from="2026-11-21"),
        make_rule("STR-006", entity="drops"),
    ]
    records = check(database, *rules)
    assert [(r.rule_id, r.entity) for r in records] == [
        ("ENT-020", "leads"),
        ("ENT-020", "accounts"),
        ("ENT-021", "leads"),
    ]
    assert [r.rule_id for r in check(database, *rules, stage="raw")] == ["STR-006"]
    assert check(database) == []


def test_no_lock_is_left_on_the_file(fill):
    database = fill(int_dq__accounts_flags=flags("ent_020", rows=10, failing=2))
    check(database, make_rule(), make_rule("ENT-021"))
    write_from_another_process(database)


def test_no_lock_is_left_after_a_crash(fill):
    database = fill()
    with duckdb.connect(database) as con:
        con.execute(
            "create view intermediate.int_dq__accounts_flags as"
            " select error('no')::boolean as ent_020"
        )
    (result,) = check(database, make_rule())
    assert result.status == "ERROR"
    write_from_another_process(database)


def test_the_database_is_only_read(fill):
    database = fill(int_dq__accounts_flags=flags("ent_020", rows=10))
    before = database.read_bytes()
    check(database, make_rule())
    assert database.read_bytes() == before


def result_of(status="FAIL", severity="critical", action="block", **changes):
    values = {
        "rule_id": "STR-004",
        "entity": "drops",
        "table": "raw.drop_audit",
        "evaluated": 4,
        "failed": 1,
        "not_applicable": 0,
        "pass_rate": 0.75,
        "sample_keys": (),
        "message": "STR-004 drops (raw.drop_audit): 1 of 4 fail",
    }
    return CheckResult(status=status, severity=severity, action=action, **(values | changes))


@pytest.mark.parametrize(
    ("status", "severity", "action", "is_blocked"),
    [
        ("FAIL", "critical", "block", True),
        ("FAIL", "critical", "report", False),
        ("FAIL", "critical", "quarantine", False),
        ("FAIL", "warning", "block", False),
        ("FAIL", "info", "report", False),
        ("ERROR", "critical", "report", True),
        ("ERROR", "warning", "report", False),
        ("ERROR", "info", "report", False),
        ("PASS", "critical", "block", False),
        ("NOT_APPLICABLE", "critical", "block", False),
    ],
)
def test_what_blocks(status, severity, action, is_blocked):
    result = result_of(status, severity, action)
    decision = gate([result_of("PASS"), result])
    assert decision.is_blocked is is_blocked
    assert decision.blocking == ((result,) if is_blocked else ())
    assert ("STR-004 drops (raw.drop_audit): 1 of 4 fail" in decision.message) is is_blocked


def test_nothing_judged_does_not_block():
    assert not gate([]).is_blocked
