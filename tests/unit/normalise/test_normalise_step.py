"""Exports of a small home, normalised and read by the models' macros."""

import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from dagster_project.ingest.load import load_exports
from dagster_project.normalise.credit_codes import PLAIN_CODE
from dagster_project.normalise.step import _has_right_check_digit, normalise
from dagster_project.settings import Settings
from dagster_project.transform.context import Exports, run_dates
from dagster_project.transform.engines.duckdb import DuckDBEngine, open_work_db
from tests.support import NOW

DROP = "2026-06-30"
FILES = {
    "zoho/Accounts.csv": """\
Record Id,Account Name,Phone,Billing Country,Email,Credit Code
zcrm_1,上海（中国）有限公司,021-62345678,中国,a@b.com,91110000600037341l
zcrm_2,Acme Ltd,13802138000,U.S.A.,A@B.com,
zcrm_3,ＡＣＭＥ,13802138000,,a@@b,91110000600037341L
zcrm_4,甲乙,12345,中国,a@b.com,91110000600037341M
""",
    "zoho/Contacts.csv": """\
Record Id,Last Name,First Name,Phone,Mobile,Email
zcrm_5,Ｌｉ,Na,138-0013-8000,010-62345678转8,
zcrm_6,Li,Na,+49 30 123456,,x@y.museum
""",
    "feeds/calls.csv": """\
id,started_at,phone,email,crm_source,record_id
c1,2026-06-01 10:00,+852 9123 4567,Q@W.com,,
c2,2026-06-01 10:00,+852 9999 9999,,zoho,5
""",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("normalised")
    for name, content in FILES.items():
        source, _, file = name.partition("/")
        path = home / "exports" / source / DROP / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        (path.parent / "_SUCCESS").touch()
    settings = Settings.model_validate(
        {
            "home": home,
            "sources": {
                "zoho": {"format": "zoho", "path": "exports/zoho"},
                "feeds": {"format": "feeds", "path": "exports/feeds", "mode": "delta"},
            },
        }
    )
    report = load_exports(settings, now=NOW, known=None)
    days = [audit.export_date for audit in report.audits]
    exports = Exports(first=min(days), newest=max(days))
    engine = DuckDBEngine(settings)
    engine.register(run_dates([max(days)], exports=exports, settings=settings), known=None)
    normalise(engine)
    return settings


def rows(settings: Settings, table: str) -> set[tuple[object, ...]]:
    with open_work_db(settings) as connection:
        return set(connection.execute(f"select * from raw.{table}").fetchall())


def test_phones_that_are_not_plain_or_of_another_country(settings: Settings) -> None:
    assert rows(settings, "normalised_phones") == {
        ("13802138000", "U.S.A.", "+13802138000", "US", "fixed_line_or_mobile", True),
        ("12345", "中国", None, None, None, False),
        ("010-62345678转8", "", "+861062345678", "CN", "fixed_line", True),
        ("+49 30 123456", "", "+4930123456", "DE", "fixed_line", True),
        ("+852 9123 4567", "", "+85291234567", "HK", "mobile", True),
    }


def test_addresses_that_are_not_plain(settings: Settings) -> None:
    assert rows(settings, "normalised_emails") == {
        ("A@B.com", "a@b.com", True),
        ("a@@b", None, False),
        ("x@y.museum", "x@y.museum", True),
        ("Q@W.com", "q@w.com", True),
    }


def test_credit_codes_that_are_not_right_as_they_stand(settings: Settings) -> None:
    assert rows(settings, "normalised_codes") == {
        ("91110000600037341l", "91110000600037341L", True),
        ("91110000600037341M", "91110000600037341M", False),
    }


@given(st.from_regex(re.compile(PLAIN_CODE), fullmatch=True))
def test_check_digits_are_judged_in_sql_as_by_the_library(code: str) -> None:
    right = uscc.calc_check_digit(code)
    with duckdb.connect() as connection:
        for text in (code, code[:-1] + right):
            query = f"select {_has_right_check_digit('x')} from (select ? as x)"
            assert connection.execute(query, [text]).fetchall() == [(uscc.is_valid(text),)]


def test_names_put_together_as_the_models_do(settings: Settings) -> None:
    assert rows(settings, "normalised_names") == {
        ("上海（中国）有限公司", "上海(中国)有限公司"),
        ("ＡＣＭＥ", "ACME"),
        ("Ｌｉ Na", "Li Na"),
    }


def test_a_home_without_exports_has_empty_tables(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"home": tmp_path, "sources": {"zoho": {"format": "zoho", "path": "exports/zoho"}}}
    )
    engine = DuckDBEngine(settings)
    day = NOW.date()
    dates = run_dates([day], exports=Exports(first=day, newest=day), settings=settings)
    engine.register(dates, known=None)

    counts = normalise(engine)

    assert set(counts.values()) == {0}
