"""Real exports through the shipped examples; skipped where the data are not at hand."""

import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.ingest.load import load_exports
from dagster_project.ingest.views import register
from dagster_project.settings import PROJECT_DIR, load_settings

DATA = os.environ.get("KEFEN_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="KEFEN_TEST_DATA names no folder of real exports")
# Later than any file was copied: a drop must have settled.
NOW = datetime(2099, 1, 1, tzinfo=UTC)


def landed(example, source, folder, tmp_path, monkeypatch):
    monkeypatch.setenv(f"KEFEN_EXPORTS_{source.upper()}", str(Path(DATA or "") / folder))
    settings = load_settings(PROJECT_DIR / "examples" / f"{example}.yml", home=tmp_path)
    report = load_exports(settings, now=NOW, progress=lambda _: None)
    assert report.errors == ()
    assert all(audit.is_accepted for audit in report.audits)
    con = duckdb.connect()
    register(con, settings, None)
    return con


def test_zoho_analytics(tmp_path, monkeypatch):
    con = landed("zoho_analytics", "zoho", "zoho_crm_analytics_sample", tmp_path, monkeypatch)
    counts = dict(
        con.execute(
            "select kind, rows_read from raw.load_manifest where kind not like 'other:%'"
        ).fetchall()
    )
    assert counts == {
        "accounts": 2229, "calls": 4100, "campaign_members": 3900, "campaigns": 110,
        "complaints": 797, "contacts": 1265, "deals": 3632, "invoice_lines": 3051,
        "invoices": 1300, "leads": 3900, "meetings": 2978, "order_lines": 6138, "orders": 2061,
        "products": 2000, "tasks": 2978, "users": 11,
    }  # fmt: skip
    first = con.execute(
        "select order_date, grand_total from raw.orders where _kind = 'orders' and id = '21000837'"
    ).fetchone()
    assert first == ("2021-07-03", "7,982")
    assert con.execute(
        "select count(*) from raw.orders where try_cast(created_at as timestamp) is null"
    ).fetchone() == (0,)


def test_a_third_crm_by_configuration_only(tmp_path, monkeypatch):
    con = landed("maven", "maven", "maven_crm_sales", tmp_path, monkeypatch)
    assert con.execute("select count(*), count(account_id) from raw.deals").fetchone() == (
        8800, 7375,
    )  # fmt: skip
    assert con.execute("select count(*) from raw.owners").fetchone() == (35,)


def test_purchases_only(tmp_path, monkeypatch):
    con = landed("cdnow", "cdnow", "cdnow/CDNOW_master.txt", tmp_path, monkeypatch)
    assert con.execute(
        "select count(*), count(distinct _record_id), count(distinct account_id), "
        "min(order_date), max(order_date) from raw.orders"
    ).fetchone() == (69659, 69659, 23570, "1997-01-01", "1998-06-30")
