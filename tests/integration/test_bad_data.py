"""Bad rows and bad drops: quarantined, named, set aside, or the night stops."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.defs.dbt import assets
from dagster_project.defs.quality import checks
from dagster_project.defs.run import NightFailedError
from dagster_project.demo import write_demo_exports
from dagster_project.night import NothingToDoError, judge, prepare
from dagster_project.settings import Settings
from dagster_project.transform.dbt import dbt_environment
from expectations.rules import load_rules
from expectations.runner import gate
from tests.integration.conftest import FIRST, SECOND
from tests.support import (
    NOW,
    demo_settings,
    differences,
    edit_member,
    published,
    query,
    run_command,
    run_light_night,
    run_night,
)

Evening = Callable[..., Settings]


def zoho(settings: Settings, day: date = SECOND) -> Path:
    return settings.home / "exports" / "zoho" / day.isoformat() / "Data_001.zip"


def first_rows_with(old: str, new: str, times: int) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, times)


def half(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[: 1 + (len(lines) - 1) // 2])


def with_double(text: str) -> str:
    """Repeat the last row under another subject: one id, two rows."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines, lines[-1].replace(" 订单,", " 订单（重复）,")])


def with_bad_total(text: str) -> str:
    header, *lines = text.splitlines(keepends=True)
    cells = lines[4].split(",")
    cells[header.split(",").index("Grand Total")] = "12,4OO".join('""')
    return "".join([header, *lines[:4], ",".join(cells), *lines[5:]])


def cell(text: str, line: int, column: str) -> str:
    header, *lines = text.splitlines()
    return lines[line].split(",")[header.split(",").index(column)]


# One night with bad rows --------------------------------------------------------------------


@pytest.fixture(scope="module")
def bad_rows(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A night in which a few rows are bad; the world is so big that each is below 1 %."""
    settings = demo_settings(tmp_path_factory.mktemp("bad_rows") / "home")
    write_demo_exports(
        settings.home / "exports", customers=280, days=400, dirt=0.0, last_date=SECOND
    )
    archive = zoho(settings)
    edit_member(archive, "Sales_Orders_001.csv", lambda text: with_double(with_bad_total(text)))
    edit_member(archive, "Deals_001.csv", first_rows_with(",Qualification,", ",Site Visit,", 1))
    (archive.parent / "Price_Books_001.csv").write_text(
        "Record Id,Price Book Name\nzcrm_1,2025\nzcrm_2,2026\n", encoding="utf-8"
    )
    run_light_night(settings)
    for stage in ("raw", "records"):
        assert gate(judge(settings, stage=stage, rules=load_rules())).message.count("none blocks")
    return settings


def test_an_unreadable_amount_is_quarantined_with_all_one_needs_to_repair_it(
    bad_rows: Settings,
) -> None:
    found = query(
        published(bad_rows.home),
        "select record_kind, source_file, source_row_number, reason, field, value, expected, "
        "hint_zh, hint_en, raw_text from quarantine_rows where reason <> 'duplicate' "
        "and crm_source = 'zoho' and export_date = ?",
        SECOND,
    )
    assert len(found) == 1
    kind, file, number, reason, field, value, expected, hint_zh, hint_en, text = found[0]
    assert (kind, reason, field) == ("orders", "grand_total", "grand_total")
    assert file == "Data_001.zip/Sales_Orders_001.csv"
    # As a spreadsheet counts: the header is row 1, the fifth row of data is row 6.
    assert number == 6
    assert "12,4OO" in value
    assert "12400.00" in expected
    assert "金额" in hint_zh
    assert "amount" in hint_en
    assert "grand_total=12,4OO" in text
    assert "document_number=" in text


def test_of_a_repeated_id_one_row_is_kept(bad_rows: Settings) -> None:
    database = published(bad_rows.home)
    held = query(
        database,
        "select record_id, record_kind, value from quarantine_rows where reason = 'duplicate'",
    )
    assert len(held) == 1
    record_id, kind, value = held[0]
    assert kind == "orders"
    assert value.startswith("also in row ")
    assert query(database, "select count(*) from fct_orders where order_id = ?", record_id) == [
        (1,)
    ]


def test_every_row_read_is_loaded_or_quarantined_in_every_file(bad_rows: Settings) -> None:
    database = published(bad_rows.home)
    assert (
        query(
            database,
            "select file, rows_read, rows_loaded, rows_quarantined from load_manifest "
            "where rows_read is distinct from rows_loaded + rows_quarantined",
        )
        == []
    )
    assert query(
        database,
        "select rows_quarantined from load_manifest where kind = 'orders' "
        "and crm_source = 'zoho' and export_date = ?",
        SECOND,
    ) == [(2,)]


def test_a_file_of_no_known_kind_is_landed_and_reported(bad_rows: Settings) -> None:
    assert query(
        published(bad_rows.home),
        "select entity, rows_read, rows_loaded, rows_quarantined from load_manifest "
        "where kind like 'other:price%'",
    ) == [("other:price_books", 2, 2, 0)]


def test_a_stage_nobody_mapped_is_kept_as_unknown_and_named(bad_rows: Settings) -> None:
    database = published(bad_rows.home)
    named = query(
        database,
        "select entity, crm_source, record_id, value from dq_violations where rule_id = 'STR-007'",
    )
    assert len(named) == 1
    entity, source, record_id, value = named[0]
    assert (entity, source) == ("deals", "zoho")
    assert "Site Visit" in value
    assert query(database, "select stage from fct_deals where deal_id = ?", record_id) == [
        ("unknown",)
    ]


# Drops that stop the night ------------------------------------------------------------------


def break_three_drops(settings: Settings) -> Path:
    """Deliver half of the accounts, half of a workbook, and rates without a required column."""
    exports = settings.home / "exports"
    edit_member(zoho(settings), "Accounts_001.csv", half)
    rates = exports / "feeds" / str(SECOND) / "exchange_rates.csv"
    rates.write_text(rates.read_text("utf-8").replace("rate_date", "rate_day", 1), "utf-8")
    workbook = exports / "fxiaoke" / str(SECOND) / f"客户对象导出结果_{SECOND:%Y%m%d}.xlsx"
    workbook.write_bytes(workbook.read_bytes()[: workbook.stat().st_size // 2])
    return workbook


def test_bad_drops_stop_the_night_until_corrected(
    second_evening: Evening, second_home: Path
) -> None:
    settings = second_evening()
    good = settings.home / "good"
    shutil.copytree(settings.home / "exports", good)
    before = published(settings.home).read_bytes()
    archive = zoho(settings)

    workbook = break_three_drops(settings)
    code, said = run_command(settings, "run")

    assert code == 1
    assert "Traceback" not in said
    rules = {line[2:9]: line for line in said.splitlines() if line.startswith("- STR-")}
    assert set(rules) == {"STR-001", "STR-002", "STR-004"}
    assert "zoho/accounts" in rules["STR-004"]
    assert "accept_deletions" in said
    assert "exchange_rates.csv" in rules["STR-001"]
    assert "rate_date" in rules["STR-001"]
    assert "rate_day" in rules["STR-001"]
    assert workbook.name in rules["STR-002"]
    assert all("What to do: " in line for line in rules.values())
    assert published(settings.home).read_bytes() == before

    # Corrected, but for a stage that nobody mapped on more than 1 % of the deals, and an amount.
    shutil.rmtree(settings.home / "exports")
    shutil.copytree(good, settings.home / "exports")
    edit_member(archive, "Deals_001.csv", lambda t: t.replace(",Closed Won,", ",Gewonnen,"))
    edit_member(archive, "Sales_Orders_001.csv", with_bad_total)
    code, said = run_command(settings, "run")

    assert code == 1
    assert "Traceback" not in said
    rules = {line[2:15]: line for line in said.splitlines() if line.startswith("- STR-")}
    assert set(rules) == {"STR-007 deals"}
    assert "Gewonnen" in said
    assert "What to do: " in rules["STR-007 deals"]
    assert published(settings.home).read_bytes() == before

    # The stage corrected: the night succeeds with one row in quarantine.
    shutil.copy2(good / "zoho" / str(SECOND) / "Data_001.zip", archive)
    edit_member(archive, "Sales_Orders_001.csv", with_bad_total)
    run_light_night(settings, now=NOW)
    held = "select count(*) from quarantine_rows where reason = 'grand_total'"
    assert query(published(settings.home), held) == [(1,)]

    # The amount corrected: the row is released, as if it had never been bad.
    shutil.copy2(good / "zoho" / str(SECOND) / "Data_001.zip", archive)
    run_light_night(settings, now=NOW + timedelta(hours=1))
    database = published(settings.home)
    assert query(database, held) == [(0,)]
    assert query(
        database,
        "select max(revision), bool_and(rows_read = rows_loaded) from load_manifest "
        "where kind = 'orders' and crm_source = 'zoho' and export_date = ? and is_newest_revision",
        SECOND,
    ) == [(3, True)]
    assert query(database, "select status, count(*) from run_log group by 1 order by 1") == [
        ("failed", 2), ("published", 3),
    ]  # fmt: skip
    assert differences(published(second_home), database, tables={
        "customer_classification", "customer_classification_history", "fct_orders", "fct_deals",
        "customer_rfm", "customer_abc", "funnel_conversion", "dim_customer",
    }) == []  # fmt: skip


def test_a_bad_drop_of_a_source_that_may_fail_is_set_aside(second_evening: Evening) -> None:
    settings = second_evening()
    body = settings.model_dump(mode="json")
    body["sources"]["zoho"]["on_critical"] = "use_last_good"
    settings = Settings.model_validate(body)
    archive = zoho(settings)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])

    run_light_night(settings)

    results = judge(settings, stage="raw", rules=load_rules())
    assert not gate(results).is_blocked
    broken = next(result for result in results if result.rule_id == "STR-002")
    assert (broken.status, broken.severity) == ("FAIL", "warning")
    database = published(settings.home)
    assert query(
        database, "select distinct status, newest_export_date, age_days from source_freshness "
        "where crm_source = 'zoho' and entity = 'orders'"
    ) == [("set_aside", FIRST, 1)]  # fmt: skip
    # The other sources are of the second night, the source set aside is of the first.
    assert query(
        database,
        "select max(export_date) filter (rows_loaded is not null and crm_source = 'zoho'), "
        "max(export_date) filter (rows_loaded is not null and crm_source = 'fxiaoke') "
        "from load_manifest",
    ) == [(FIRST, SECOND)]
    assert query(database, "select count(*) > 0 from fct_orders where crm_source = 'zoho'") == [
        (True,)
    ]


# Dates that no export tells of ---------------------------------------------------------------


def test_a_date_after_the_newest_drop_is_refused(second_evening: Evening) -> None:
    """It would be the newest of the history, and stand in the way of the nights to come."""
    settings = second_evening()
    late = SECOND + timedelta(days=1)

    with pytest.raises(NothingToDoError, match=f"{late} was asked for.* the newest drop, {SECOND}"):
        prepare(settings, now=NOW, as_of=late)
    with pytest.raises(NothingToDoError, match=f"{late} was asked for"):
        prepare(settings, now=NOW, date_range=(FIRST, late))
    with pytest.raises(NothingToDoError, match=f"KNOWN=2020-01-01 is before .* from {FIRST}"):
        prepare(settings, now=NOW, known=date(2020, 1, 1))
    # Between two exports a date is known by the first of them.
    assert prepare(settings, now=NOW, as_of=SECOND, known=FIRST).dates[-1].as_of_date == SECOND


@pytest.mark.parametrize("on_critical", ["block", "use_last_good"])
def test_a_drop_of_the_future_is_no_date_of_a_night(
    second_evening: Evening, on_critical: str
) -> None:
    settings = second_evening()
    body = settings.model_dump(mode="json")
    body["sources"]["zoho"]["on_critical"] = on_critical
    settings = Settings.model_validate(body)
    drops = settings.home / "exports" / "zoho"
    shutil.copytree(drops / str(SECOND), drops / "2062-11-20")

    prepared = prepare(settings, now=NOW)

    assert [one.as_of_date for one in prepared.dates] == [SECOND]
    results = judge(settings, stage="raw", rules=load_rules())
    assert gate(results).is_blocked == (on_critical == "block")
    assert {r.status for r in results if r.rule_id == "STR-006"} == {"FAIL"}
    # The other sources are not a generation late because of it.
    assert {r.status for r in results if r.rule_id == "STR-005"} == {"PASS"}


# Faults of the pipeline itself --------------------------------------------------------------


def test_a_critical_rule_that_cannot_be_judged_stops_the_night(
    second_evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = second_evening()
    before = published(settings.home).read_bytes()
    rule = next(rule for rule in load_rules() if rule.rule_id == "STR-006")
    planted = [*load_rules(), rule.model_copy(update={"rule_id": "STR-099"})]
    monkeypatch.setattr(checks, "load_rules", lambda: planted)

    with pytest.raises(NightFailedError, match=r"STR-099.*no column str_099"):
        run_night(settings)

    assert published(settings.home).read_bytes() == before
    records = [json.loads(p.read_text("utf-8")) for p in settings.report_dir.glob("*.json")]
    assert sorted(record["status"] for record in records) == ["failed", "published"]


def test_dbt_that_fails_stops_the_night_and_its_reason_is_told(
    second_evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = second_evening()
    before = published(settings.home).read_bytes()
    # The database of dbt gets too little memory for any table.
    poor = {"KEFEN_MEMORY_LIMIT": "1MB"}
    monkeypatch.setattr(assets, "dbt_environment", lambda s: dbt_environment(s) | poor)

    with pytest.raises(NightFailedError, match=r"records: [\s\S]*Out of Memory"):
        run_night(settings)

    assert published(settings.home).read_bytes() == before
