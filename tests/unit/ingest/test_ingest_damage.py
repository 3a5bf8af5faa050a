"""Damaged files: each becomes an error that names it, and the other files are loaded."""

import zipfile
from io import BytesIO

import duckdb
import pytest
import xlsxwriter

ACCOUNTS = "Record Id,Account Name,Phone\n"
LEADS = "Record Id,Last Name\n1,L\n"


def load_beside_leads(exports, name: str, content: bytes) -> None:
    exports.put(f"zoho/2026-03-17/{name}", content)
    exports.put("zoho/2026-03-17/Leads.csv", LEADS)
    exports.load()
    assert exports.audit("leads").is_accepted


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # Another encoding from the middle on, after a mark or a beginning that seemed certain.
        (b"\xef\xbb\xbf" + ACCOUNTS.encode() + "1,公司,2\n".encode("gbk"), "UTF-8-SIG"),
        (ACCOUNTS.encode("utf-16") + b"1,A,22\n", "UTF-16"),
        (ACCOUNTS.encode("utf-16-le") + "1,公司,2\n".encode(), "UTF-16-LE"),
        # One damaged letter among good ones: as GB18030 every name would be noise.
        ((ACCOUNTS + "1,北京公司,2\n2,上海公司,3\n").encode() + b"3,\xb9\xab,4\n", "offset 65"),
        (b'Record Id,"Account Name"x,Phone\n1,A,2\n', "quote out of place"),
        (b'Record Id,Account Name,"Phone\n1,A,2\n', "quote out of place"),
    ],
)
def test_text_that_is_damaged_is_named(exports, content, said):
    load_beside_leads(exports, "Accounts.csv", content)
    error = exports.entry("accounts").error
    assert "Accounts.csv" in error
    assert said in error
    assert exports.audit("accounts").str_002


def test_gbk_with_letters_that_look_like_utf8_is_still_read(exports):
    # 涓浗 are the bytes of UTF-8, read as GBK.
    content = ACCOUNTS + "1,涓浗贸易公司,2\n2,北京测试公司,3\n"
    exports.put("zoho/2026-03-17/Accounts.csv", content.encode("gb18030"))
    exports.load()
    assert exports.entry("accounts").encoding == "gb18030"


def test_a_zero_byte_in_a_header_of_an_unknown_file(exports):
    load_beside_leads(exports, "Recipes.csv", b"Dish,Min\x00utes,\x00\nSoup,20,1\n")
    assert exports.rows("select kind, rows_read from raw.other_files") == [("other:recipes", 1)]


def test_a_damaged_parquet_file_is_named(exports, tmp_path):
    exports.sources = {"feeds": {"format": "feeds", "mode": "delta"}}
    path = tmp_path / "x.parquet"
    duckdb.sql("select 1 as id, 'a@b.cn' as email, '2026-01-01' as started_at").write_parquet(
        str(path)
    )
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    exports.put(
        "feeds/2026-03-17/web_sessions.parquet",
        content[:-footer] + b"\xff" * (footer - 8) + content[-8:],
    )
    exports.load()
    assert "web_sessions.parquet" in exports.report.errors[0]
    assert exports.audit("web_sessions").str_002


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id":' + b"[" * 100_000,
        b'{"id":"2","content":"\\ud800"}',
        b'{"id":"2","content":"\xb9\xab\xcb\xbe"}',
        b'{"id":"2","score":1e99999999999999999999}',
        b'{"id":"2","score":' + b"1" * 5000 + b"x}",
    ],
)
def test_a_line_of_json_that_cannot_be_read_is_held_with_its_text(exports, bad):
    exports.sources = {"feeds": {"format": "feeds", "mode": "delta"}}
    good = b'{"id":"%d","score":5,"answered_at":"2026-01-01","product_name":"x"}\n'
    exports.put("feeds/2026-03-17/reviews.jsonl", good % 1 + bad + b"\n" + good % 3)
    exports.load()
    entry = exports.entry("reviews")
    assert entry.rows_read == 3
    assert entry.row_errors <= 1


def test_keys_of_json_that_differ_in_case_alone(exports):
    exports.sources = {"feeds": {"format": "feeds", "mode": "delta"}}
    lines = '{"id":"1","score":5,"answered_at":"2026-01-01"}\n{"ID":"2","Score":4,"id":"2"}\n'
    exports.put("feeds/2026-03-17/reviews.jsonl", lines)
    exports.load()
    assert exports.entry("reviews").rows_read == 2


def zipped_with_name_changed(old: bytes, new: bytes, zipped) -> bytes:
    """Change a member's name in the directory at the end of the archive alone."""
    content = zipped({"Accounts_001.csv": ACCOUNTS + "1,A,2\n", "Leads_001.csv": LEADS})
    at = content.rindex(old)
    return content[:at] + new + content[at + len(old) :]


@pytest.mark.parametrize(
    "new", [b"Accounts_001.csw", b"_ccounts_001.csv", b"Accounts_001.\xff\xffv"]
)
def test_a_member_whose_name_is_damaged_is_not_passed_over(exports, zipped, new):
    exports.put(
        "zoho/2026-03-17/Data_001.zip", zipped_with_name_changed(b"Accounts_001.csv", new, zipped)
    )
    exports.load()
    assert "Data_001.zip" in exports.report.errors[0]
    assert any(audit.str_002 for audit in exports.report.audits)


def test_a_workbook_with_a_changed_byte_is_named(exports):
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["唯一性ID", "客户名称", "电话"])
    sheet.write_row(1, 0, ["a1", "甲公司", "13812345678"])
    book.close()
    stored = BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(stored, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    content = stored.getvalue().replace(b"13812345678", b"13812345679")
    exports.sources = {"fxiaoke": {"format": "fxiaoke"}}
    exports.put("fxiaoke/客户对象导出结果_20221011.xlsx", content)
    exports.load()
    assert "客户对象导出结果_20221011.xlsx" in exports.entry("accounts").error
    assert exports.audit("accounts").str_002
