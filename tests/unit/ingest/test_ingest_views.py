"""The raw schema, built-in header maps, and the counts after staging."""

import duckdb
import pytest

from dagster_project.ingest.completion import complete_manifest
from dagster_project.ingest.contract import TECHNICAL_COLUMNS, load_contract
from dagster_project.ingest.errors import RowCountError
from dagster_project.ingest.header_maps import format_of, recognise
from dagster_project.ingest.views import register
from dagster_project.settings import Source

HEADER = "Record Id,Account Name,Modified Time\n"


def test_every_entity_is_a_view_of_fixed_columns_even_without_files(exports):
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + "1,a,\n")
    exports.load()
    with exports.database() as con:
        for entity in load_contract().values():
            described = con.execute(f"describe raw.{entity.name}").fetchall()
            assert {row[0]: row[1] for row in described} == {
                **dict.fromkeys(entity.fields, "VARCHAR"), **TECHNICAL_COLUMNS,
                "_is_money_entity": "BOOLEAN",
            }  # fmt: skip


def test_sources_and_enum_overrides(exports):
    exports.sources = {
        "zoho": {"format": "zoho", "currency": "USD", "enum_maps": {"stage": {"Won": "won"}}},
        "feeds": {"format": "feeds", "mode": "delta"},
    }
    invoice = "Record Id,Grand Total,Invoice Date,Invoice Number\n1,5,2026-01-13,9\n"
    exports.put("zoho/2026-03-01/Invoices.csv", invoice)
    exports.put("zoho/2026-03-01/Deals.csv", "Record Id,Deal Name,Stage\n1,x,Won\n")
    exports.put("feeds/2026-03-01/calls.csv", "id,started_at,phone\n1,2026-01-01 10:00:00,1\n")
    exports.load()
    assert exports.rows(
        "select crm_source, money_entity, currency, delivers_activities from raw.sources"
    ) == [("feeds", None, None, True), ("zoho", "invoices", "USD", False)]
    assert exports.rows("from raw.enum_overrides") == [("zoho", "stage", "Won", "won")]
    assert exports.rows("select _is_money_entity from raw.orders") == [(True,)]
    assert exports.rows("select _is_money_entity from raw.deals") == [(False,)]


def test_what_is_stale_is_named_by_kind(exports):
    exports.sources = {"zoho": {"format": "zoho", "expected_every_days": 2}}
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + "1,a,\n")
    exports.put("zoho/2026-03-04/Leads.csv", "Record Id,Last Name\n1,a\n")
    exports.load()
    assert exports.rows(
        "select kind, age_days, str_005, blocks from raw.drop_audit order by kind"
    ) == [("accounts", 3, True, False), ("leads", 0, False, False)]


def test_drift_is_reported_not_critical(exports):
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + "1,a,\n")
    exports.put("zoho/2026-03-02/Accounts.csv", "Record Id,Account Name,Mood\n1,a,good\n")
    exports.load()
    audit = exports.audit("accounts")
    assert audit.str_009
    assert audit.is_accepted
    assert (audit.added_columns, audit.dropped_columns) == (("Mood",), ("Modified Time",))


STAGING = """
    create or replace schema staging;
    create or replace table staging.stg_crm__accounts as
    select *, _file as _source_file, _row_number as _source_row_number,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when name = 'bad' then 'name'
        end as _quarantine_reason
    from raw.accounts
"""


def stage(exports) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    register(con, exports.settings, None)
    con.execute(STAGING.replace("create or replace schema", "create schema if not exists"))
    return con


def test_rows_read_are_rows_loaded_plus_quarantined(exports):
    good = "".join(f"{n},x,\n" for n in range(1000, 1500))
    spoilt = "1,bad,\n,nobody,\n2,twice,\n2,twice,\n3,a,b,c,d\n"
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + spoilt + good)
    exports.put("zoho/2026-03-02/Accounts.csv", HEADER + spoilt + "4,more,\n" + good)
    exports.put("zoho/2026-03-03/Accounts.csv", HEADER + "1,mended,\n2,twice,\n4,more,\n" + good)
    exports.load()
    with stage(exports) as con:
        assert complete_manifest(con, exports.settings) == 3
        counts = con.execute(
            "select rows_read, rows_loaded, rows_quarantined from raw.load_manifest "
            "order by export_date"
        ).fetchall()
        assert counts == [(505, 501, 4), (506, 502, 4), (503, 503, 0)]
        assert complete_manifest(con, exports.settings) == 0


def test_a_row_lost_in_staging_stops_the_run(exports):
    exports.put("zoho/2026-03-01/Accounts.csv", HEADER + "1,a,\n2,b,\n")
    exports.load()
    with stage(exports) as con:
        con.execute("delete from staging.stg_crm__accounts where _record_id = '2'")
        with pytest.raises(RowCountError, match=r"read 2 rows, found 1 loaded and 0 quarantined"):
            complete_manifest(con, exports.settings)


LEADS = ("Record Id", "Lead Owner.id", "Lead Owner", "Is Converted", "Company", "First Name",
         "Last Name", "Email", "Phone", "Mobile", "Lead Source", "Lead Status", "Created Time",
         "Modified Time", "Lead Name", "Converted Account.id", "Converted Deal.id")  # fmt: skip
CONTACTS = ("Record Id", "Contact Owner.id", "Contact Owner", "Lead Source", "First Name",
            "Last Name", "Account Name.id", "Account Name", "Email", "Title", "Phone", "Mobile",
            "Created Time", "Contact Name", "Mailing City")  # fmt: skip
HISTORY = ("Potential ID", "Amount", "Stage", "Probability", "Expected Revenue", "Close Date",
           "Modified By", "Last Modified Time")  # fmt: skip
ORDERS = ("Record Id", "Subject", "SO Number", "Account Name.id", "Account Name", "Status",
          "Sub Total", "Discount", "Tax", "Adjustment", "Grand Total", "Currency")  # fmt: skip
LINES = ("Record Id", "Parent.id", "Product Name.id", "Product Name", "Quantity", "List Price")


@pytest.mark.parametrize(
    ("form", "name", "headers", "kind"),
    [
        ("zoho", "x.csv", LEADS, "leads"),
        ("zoho", "x.csv", CONTACTS, "contacts"),
        ("zoho", "Notes_Leads_2026_03_17.csv",
         ("Record Id", "Note Title", "Note Content", "Parent Id.id"), "notes"),
        ("zoho", "PotStageHistory_001.csv", HISTORY, "stage_history"),
        ("zoho", "x.csv", ORDERS, "orders"),
        ("zoho", "Invoices_001.csv", (*ORDERS, "Invoice Number"), "invoices"),
        ("zoho", "Ordered_Items_001.csv", LINES, "order_lines"),
        ("zoho", "Invoiced_Items_001.csv", LINES, "invoice_lines"),
        ("zoho", "Vendors_001.csv",
         ("Record Id", "Vendor Name", "Vendor Owner", "GL Account"), "other:vendors"),
        ("zoho", "x.csv", ("记录 Id", "客户名称", "客户所有者", "行业", "电话"), "accounts"),
        ("fxiaoke", "x.xlsx", ("唯一性ID", "姓名", "客户名称", "客户名称_唯一性ID", "职务"),
         "contacts"),
        ("fxiaoke", "x.xlsx", ("唯一性ID", "客户名称", "客户级别", "成交状态"), "accounts"),
        ("fxiaoke", "商机2.0对象导出结果_20260317120000(1).xlsx",
         ("唯一性ID", "商机名称（必填）", "客户名称", "商机阶段", "商机金额"), "deals"),
        ("fxiaoke", "x.xlsx", ("唯一性ID", "退款编号", "退款金额", "退款日期"), "refunds"),
        ("fxiaoke", "x.xlsx", ("唯一性ID", "退货单编号", "退货金额", "退货日期"), "returns"),
        ("fxiaoke", "x.xlsx", ("唯一性ID", "回款编号", "回款日期", "本次回款总金额"),
         "other:payments"),
        ("feeds", "store_visits.csv", ("id", "crm_source", "started_at", "purpose"), "visits"),
        ("feeds", "reviews.jsonl", ("id", "score", "answered_at", "product_name"), "reviews"),
        ("feeds", "surveys.csv", ("id", "score", "answered_at", "survey_type"), "surveys"),
    ],
)  # fmt: skip
def test_kinds_are_recognised(form, name, headers, kind):
    found = format_of(Source(format=form, path="."))
    assert recognise(tuple(headers), name=name, sheet=None, found=found).kind == kind


@pytest.mark.parametrize("form", ["zoho", "fxiaoke", "feeds"])
def test_built_in_maps_name_each_label_once_per_field(form):
    for header_map in format_of(Source(format=form, path=".")).maps:
        for field, labels in header_map.columns.items():
            assert len(set(labels)) == len(labels), (header_map.kind, field)
