"""Dates: the format of a column is decided from all its values, or configured, or refused."""

import duckdb
import pytest

from dagster_project.ingest.dates import decide, iso_text, look

SHANGHAI = "Asia/Shanghai"


def rewritten(values, *, is_date=False, configured=None, source_zone=SHANGHAI):
    """The ISO text of each value, or None when the column is refused."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.execute("create table t (n integer, x varchar)")
        con.executemany("insert into t values (?, ?)", list(enumerate(values)))
        chosen = decide(look(con, "t", ["x"])["x"], configured)
        if chosen is None:
            return None
        sql = iso_text(
            "x", is_date=is_date, chosen=chosen, source_zone=source_zone, business_zone=SHANGHAI
        )
        return [row[0] for row in con.execute(f"select {sql} from t order by n").fetchall()]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-01-02", "2026-01-02"),
        ("2026-1-2", "2026-01-02"),
        ("2026/01/02 3:04", "2026-01-02 03:04:00"),
        ("2026-01-02 03:04", "2026-01-02 03:04:00"),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02 11:04:05"),
        ("2026-01-02T03:04:05-0500", "2026-01-02 16:04:05"),
        ("2026-01-02T03:04:05.120+08:00", "2026-01-02 03:04:05"),
        ("2026年1月2日", "2026-01-02"),
        ("2026年1月2日 03:04", "2026-01-02 03:04:00"),
        ("20260102", "2026-01-02"),
        ("20260102030405", "2026-01-02 03:04:05"),
        ("Sep 12, 2026", "2026-09-12"),
        ("Sep 12, 2026 03:04 PM", "2026-09-12 15:04:00"),
        ("September 12, 2026", "2026-09-12"),
        ("15 Apr, 2021 00:03:00", "2021-04-15 00:03:00"),
        ("12-Sep-2026", "2026-09-12"),
        ("31/12/2026", "2026-12-31"),
        ("12/31/2026 11:30 PM", "2026-12-31 23:30:00"),
        ("12/31/26", "2026-12-31"),
        ("31.12.2026 23:59", "2026-12-31 23:59:00"),
        ("1665450300000", "2022-10-11 09:05:00"),
        ("07/07/2026", "2026-07-07"),
        ("soon", "soon"),
        ("2026-13-45", "2026-13-45"),
        (None, None),
    ],
)
def test_one_value(text, iso):
    assert rewritten([text]) == [iso]


def test_a_date_column_loses_its_time():
    assert rewritten(
        ["2026-01-02 03:04:05", "16 Apr, 2021 00:03:00", "1665450300000"], is_date=True
    ) == ["2026-01-02", "2021-04-16", "2022-10-11"]


@pytest.mark.parametrize(
    ("proof", "iso"), [("31-01-2021 01:09", "2021-07-03"), ("01-31-2021 01:09", "2021-03-07")]
)
def test_one_value_decides_the_order_of_its_column(proof, iso):
    assert rewritten(["03-07-2021 01:09", proof])[0] == f"{iso} 01:09:00"


def test_an_order_that_cannot_be_told_is_refused_unless_configured():
    assert rewritten(["03/04/2021", "05/06/2021"]) is None
    assert rewritten(["03/04/2021"], configured="mdy") == ["2021-03-04"]
    assert rewritten(["03/04/2021"], configured="dmy") == ["2021-04-03"]


def test_a_column_that_contradicts_itself_is_refused_a_rare_misfit_stays():
    assert rewritten(["31/01/2021", "01/31/2021"]) is None
    many = ["31/01/2021"] * 40 + ["01/31/2021"]
    assert rewritten(many)[-1] == "01/31/2021"


def test_times_move_to_the_business_zone_plain_dates_do_not():
    values = ["2026-01-02 20:00:00", "2026-01-02", "2026-01-02 20:00", "2026-01-02T20:00:00Z"]
    assert rewritten(values, source_zone="America/New_York") == [
        "2026-01-03 09:00:00", "2026-01-02", "2026-01-03 09:00:00", "2026-01-03 04:00:00",
    ]  # fmt: skip


HEADER = "Record Id,Account Name,Created Time\n"


def test_an_ambiguous_column_asks_for_the_setting_and_then_loads(exports):
    exports.put("zoho/2026-03-17/Accounts_001.csv", HEADER + "1,A,03/04/2021\n")
    exports.load()
    error = exports.entry("accounts").error
    for part in ("source zoho", "Accounts_001.csv", "created_at", "03/04/2021",
                 "date_orders: {accounts.created_at: dmy}", "sources.zoho"):  # fmt: skip
        assert part in error
    assert exports.audit("accounts").str_002
    exports.sources = {"zoho": {"format": "zoho", "date_orders": {"accounts.created_at": "dmy"}}}
    exports.load()
    assert exports.rows("select created_at, _revision from raw.accounts") == [("2021-04-03", 2)]


def test_another_file_of_the_drop_decides(exports):
    exports.put("zoho/2026-03-17/Accounts_001.csv", HEADER + "1,A,03/04/2021\n")
    exports.put("zoho/2026-03-17/Accounts_002.csv", HEADER + "2,B,25/04/2021\n")
    exports.load()
    assert exports.rows("select created_at from raw.accounts order by id") == [
        ("2021-04-03",), ("2021-04-25",),
    ]  # fmt: skip


def test_a_corrected_sibling_changes_the_decision_for_the_unchanged_file(exports):
    exports.put("zoho/2026-03-17/Accounts_001.csv", HEADER + "1,A,03/04/2021\n")
    exports.put("zoho/2026-03-17/Accounts_002.csv", HEADER + "2,B,25/04/2021\n")
    exports.load()
    exports.put("zoho/2026-03-17/Accounts_002.csv", HEADER + "2,B,04/25/2021\n")
    exports.load()
    assert exports.rows("select created_at from raw.accounts order by id") == [
        ("2021-03-04",), ("2021-04-25",),
    ]  # fmt: skip
