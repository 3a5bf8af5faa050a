"""Files as they come: encodings, quoting, bad rows, zips, workbooks, JSON."""

import json
import re
import zipfile
from datetime import datetime
from io import BytesIO

import pytest
import xlsxwriter

ACCOUNTS = "Record Id,Account Name,Phone,Created Time\n"


def names(exports):
    return [row[0] for row in exports.rows("select name from raw.accounts order by _row_number")]


def test_a_csv_lands_with_ids_dates_and_what_is_not_mapped(exports):
    exports.put(
        "zoho/2026-03-17/Accounts_001.csv",
        "Record Id,Account Name,Fax,Created Time\nzcrm_42,Acme,-None-,2026-01-02 03:04:05\n"
        "zcrm_43,Bold,555,2026-01-02 03:04\n",
    )
    exports.load()
    rows = exports.rows(
        "select id, name, created_at, _record_id, _row_number, _extra, _file, _is_deleted "
        "from raw.accounts order by _row_number"
    )
    assert rows == [
        ("42", "Acme", "2026-01-02 03:04:05", "42", 2, None, "Accounts_001.csv", False),
        (
            "43", "Bold", "2026-01-02 03:04:00", "43", 3,
            '{"Fax":"555","Created Time":"2026-01-02 03:04"}', "Accounts_001.csv", False,
        ),
    ]  # fmt: skip
    assert exports.entry("accounts").unknown_columns == ("Fax",)


@pytest.mark.parametrize(
    ("encoding", "delimiter", "found"),
    [
        ("utf-8", ",", "utf-8"),
        ("utf-8-sig", ",", "utf-8-sig"),
        ("gbk", ",", "gb18030"),
        ("utf-16", ";", "utf-16"),
        ("utf-16-le", "\t", "utf-16-le"),
        ("gb18030", ";", "gb18030"),
    ],
)
def test_encodings_and_delimiters_are_found(exports, encoding, delimiter, found):
    text = "Record Id,Account Name,Phone\n1,北京测试公司,13800000000\n".replace(",", delimiter)
    exports.put("zoho/2026-03-17/Accounts.csv", text.encode(encoding))
    exports.load()
    assert names(exports) == ["北京测试公司"]
    assert exports.entry("accounts").encoding == found


def test_a_wrongly_declared_encoding_is_reported_not_fatal(exports):
    exports.sources = {"zoho": {"format": "zoho", "encoding": "utf-8"}}
    exports.put("zoho/2026-03-17/Accounts.csv", "Record Id,Account Name\n1,公司\n".encode("gbk"))
    exports.load()
    assert names(exports) == ["公司"]
    assert exports.entry("accounts").notes == (
        "declared encoding utf-8 does not fit; read as gb18030",
    )


def test_an_unknown_encoding_names_file_and_byte(exports):
    exports.put("zoho/2026-03-17/Accounts.csv", b"Record Id,Account Name\n1,\xff\xff\xff\n")
    exports.load()
    assert re.search(
        r"Accounts.csv: expected text .* offset 25 .* set `encoding`",
        exports.entry("accounts").error,
    )
    assert exports.audit("accounts").str_002


def test_newlines_quotes_and_delimiters_inside_fields(exports):
    exports.put(
        "zoho/2026-03-17/Accounts.csv",
        'Record Id,"Site\nnotes",Account Name,Phone\r\n1,x,"a ""b"", c\nd",1\r\n2,,e,2\r\n',
    )
    exports.load()
    assert names(exports) == ['a "b", c\nd', "e"]


def test_a_row_with_too_many_fields_is_kept_with_its_text(exports):
    exports.put(
        "zoho/2026-03-17/Accounts.csv",
        ACCOUNTS + '1,A,x,\n2,"B,y\n",z,,extra\n3,C,,,,\n',
    )
    exports.load()
    entry = exports.entry("accounts")
    assert (entry.rows_read, entry.row_errors, entry.is_truncated) == (3, 1, False)
    path = exports.settings.raw_dir / entry.raw_path
    with exports.database() as con:
        rows = con.execute(
            f"select _row_number, _record_id, _row_error, _row_text from '{path}'"
        ).fetchall()
    assert rows == [
        (2, "1", None, None),
        (3, None, "expected 4 fields, found 5", '2,"B,y\n",z,,extra'),
        (4, "3", None, None),
    ]


@pytest.mark.parametrize("ending", ["2,B", '2,"B,5,', "2,B,5,2026-01-01\n3"])
def test_a_file_cut_in_a_record_is_truncated(exports, ending):
    exports.put("zoho/2026-03-17/Accounts.csv", ACCOUNTS + "1,A,x,\n" + ending)
    exports.load()
    audit = exports.audit("accounts")
    assert audit.str_002
    assert not audit.is_accepted
    assert "STR-002" in audit.message
    assert "Accounts.csv" in audit.message


def test_a_header_only_file_is_read_and_judged_by_the_row_count(exports):
    exports.put("zoho/2026-03-17/Accounts.csv", ACCOUNTS)
    exports.load()
    assert exports.entry("accounts").rows_read == 0
    assert exports.audit("accounts").is_accepted
    exports.put("zoho/2026-03-18/Accounts.csv", ACCOUNTS + "1,A,,\n")
    exports.put("zoho/2026-03-19/Accounts.csv", ACCOUNTS)
    exports.load()
    assert exports.audit("accounts").str_004
    assert len(exports.rows("from raw.accounts")) == 1


def test_a_missing_required_column_names_file_label_and_nearest(exports):
    exports.put("zoho/2026-03-17/Accounts.csv", "Record No,Account Name,Phone\n1,A,2\n")
    exports.load()
    entry = exports.entry("accounts")
    assert entry.missing_columns == ("id",)
    assert entry.nearest_columns[0] == "Record No"
    assert "Accounts.csv" in entry.error
    assert "'Record Id'" in entry.error
    audit = exports.audit("accounts")
    assert audit.str_001
    assert not audit.str_002
    assert "STR-001" in audit.message
    assert exports.rows("select str_001, blocks from raw.drop_audit") == [(True, True)]


def test_two_spellings_of_one_field_first_wins_and_conflicts_are_counted(exports):
    exports.put(
        "zoho/2026-03-17/Accounts.csv",
        "Record Id,Account_Name,Account Name\n1,api,label\n2,api,\n3,same,same\n",
    )
    exports.load()
    assert names(exports) == ["label", "api", "same"]
    assert exports.entry("accounts").spelling_conflicts == 1
    extra = exports.rows("select _extra from raw.accounts where id = '1'")
    assert json.loads(extra[0][0]) == {"Account_Name": "api"}


def test_an_unknown_file_lands_under_its_own_name(exports):
    exports.put("zoho/2026-03-17/Recipes.csv", "Dish,Minutes\nSoup,20\n")
    exports.load()
    assert exports.report.other_files == ("Recipes.csv",)
    assert exports.rows("select kind, rows_read from raw.other_files") == [("other:recipes", 1)]


def test_a_quote_is_not_taken_for_an_order(exports):
    exports.put(
        "zoho/2026-03-17/Q.csv",
        "Record Id,Subject,Quote Stage,Quote Owner,Valid Till,Sub Total,Discount,Tax,Grand Total\n"
        "1,s,Draft,me,2026-01-13,1,0,0,1\n",
    )
    exports.load()
    assert [entry.kind for entry in exports.entries()] == ["other:quotes"]


def test_a_renamed_module_is_recognised_by_its_columns(exports):
    exports.put(
        "zoho/2026-03-17/Opportunities_001.csv",
        "Record Id,Deal Name,Stage,Amount,Closing Date\n1,D,Qualification,5,2026-01-13\n",
    )
    exports.load()
    assert [entry.kind for entry in exports.entries()] == ["deals"]


def test_api_names_of_a_bulk_read(exports, zipped):
    content = "id,Last_Name,Account_Name,Email,Mailing_City,Created_Time\n"
    exports.put(
        "zoho/2026-03-17/bulk.zip",
        zipped({"1.csv": content + "77,Li,4242,a@b.cn,上海,2026-01-02T03:04:05+00:00\n"}),
    )
    exports.load()
    assert exports.rows("select id, last_name, account_id, city, created_at from raw.contacts") == [
        ("77", "Li", "4242", "上海", "2026-01-02 11:04:05")
    ]


def test_chunks_over_several_zips(exports, zipped):
    exports.put(
        "zoho/2026-03-17/Data_001.zip",
        zipped(
            {
                "Data/Accounts_001.csv": ACCOUNTS + "zcrm_1,A,,\n",
                "Data/Metadata/Fields_001.csv": "Module,Field\nAccounts,Phone\n",
                "Data/Attachments/x.csv": "a,b\n1,2\n",
            }
        ),
    )
    exports.put(
        "zoho/2026-03-17/Data_002.zip", zipped({"Accounts_002.csv": ACCOUNTS + "zcrm_2,B,,\n"})
    )
    exports.load()
    assert sorted(names(exports)) == ["A", "B"]
    assert {entry.file for entry in exports.entries()} == {
        "Data_001.zip/Data/Accounts_001.csv", "Data_002.zip/Accounts_002.csv",
    }  # fmt: skip
    assert exports.audit("accounts").is_accepted


def test_a_missing_chunk_and_a_missing_zip_are_named(exports, zipped):
    exports.put(
        "zoho/2026-03-17/Data_001.zip",
        zipped({"Accounts_001.csv": ACCOUNTS + "1,A,,\n", "Accounts_003.csv": ACCOUNTS}),
    )
    exports.put(
        "zoho/2026-03-17/Data_003.zip", zipped({"Leads_001.csv": "Record Id,Last Name\n1,L\n"})
    )
    exports.load()
    assert exports.audit("accounts").missing_parts == ("Accounts_002", "Data_002.zip")
    assert exports.audit("leads").missing_parts == ("Data_002.zip",)


def test_a_truncated_zip_fails_every_kind_of_the_drop(exports, zipped):
    whole = zipped({"Leads_001.csv": "Record Id,Last Name\n" + "1,L\n" * 50})
    exports.put("zoho/2026-03-17/Data_001.zip", zipped({"Accounts_001.csv": ACCOUNTS + "1,A,,\n"}))
    exports.put("zoho/2026-03-17/Data_002.zip", whole[: len(whole) // 2])
    exports.load()
    assert exports.audit("accounts").str_002
    assert "Data_002.zip" in exports.audit("accounts").message
    assert exports.rows("from raw.accounts") == []
    again = exports.load()
    assert again.landed == ()
    exports.put("zoho/2026-03-17/Data_002.zip", whole)
    exports.load()
    assert exports.audit("accounts").is_accepted


def test_a_member_with_a_wrong_checksum_is_truncated(exports, zipped):
    data = bytearray(zipped({"Accounts_001.csv": ACCOUNTS + "1,A,,\n"}))
    with zipfile.ZipFile(BytesIO(bytes(data))) as archive:
        start = archive.infolist()[0].header_offset + 30 + len("Accounts_001.csv")
    data[start + 12] ^= 0xFF
    exports.put("zoho/2026-03-17/Data_001.zip", bytes(data))
    exports.load()
    entry = exports.entry("accounts")
    assert entry.is_truncated
    assert "Data_001.zip/Accounts_001.csv" in entry.error


def workbook(*, wrong_dimension: bool = False, template: bool = False) -> bytes:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet, hidden = book.add_worksheet("客户数据"), book.add_worksheet("hidden_options")
    hidden.write_row(0, 0, ["唯一性ID", "客户名称"])
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    sheet.write_row(
        0, 0, ["唯一性ID", "客户名称（必填）", "电话", "创建时间", "负责人", "人员-普通成员-只读"]
    )
    line = 1
    if template:
        sheet.write_row(1, 0, ["文本", "必填，文本", "文本", "日期", "人员"])
        line = 2
    sheet.write_row(line, 0, ["a1", "甲公司"])
    sheet.write_number(line, 2, 13812345678)
    sheet.write_datetime(line, 3, datetime(2022, 10, 11, 9, 5), moment)  # noqa: DTZ001
    sheet.write_row(line + 2, 0, ["a2", "乙公司", None, "2022-10-12 10:00", "王五"])
    book.close()
    content = buffer.getvalue()
    if not wrong_dimension:
        return content
    changed = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name.endswith("sheet1.xml"):
                body = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:F1"', body)
            new.writestr(name, body)
    return changed.getvalue()


@pytest.mark.parametrize(
    ("options", "numbers"), [({"wrong_dimension": True}, [2, 4]), ({"template": True}, [3, 5])]
)
def test_a_workbook(exports, options, numbers):
    exports.sources = {"fxiaoke": {"format": "fxiaoke"}}
    exports.put("fxiaoke/客户对象导出结果_20221011.xlsx", workbook(**options))
    exports.put("fxiaoke/~$客户对象导出结果_20221011.xlsx", b"lock")
    exports.load()
    rows = exports.rows(
        "select _row_number, id, name, phone, created_at, owner_name, _export_date::varchar "
        "from raw.accounts order by all"
    )
    day = "2022-10-11"
    assert rows == [
        (numbers[0], "a1", "甲公司", "13812345678", "2022-10-11 09:05:00", None, day),
        (numbers[1], "a2", "乙公司", None, "2022-10-12 10:00:00", "王五", day),
    ]
    assert exports.entry("accounts").unknown_columns == ()


def test_a_damaged_workbook_is_truncated(exports):
    exports.sources = {"fxiaoke": {"format": "fxiaoke"}}
    exports.put("fxiaoke/客户对象导出结果_20221011.xlsx", workbook()[:900])
    exports.load()
    assert exports.audit("accounts").str_002


API_RECORDS = [
    {
        "_id": "5dc4", "name": "甲", "deal_status": "2", "deal_status__r": "已成交",
        "create_time": 1665450300000, "owner": ["1000"], "owner__r": {"id": "1000", "name": "王五"},
        "birthday__c": 633801600000, "mystery__c": {"a": 1},
    },
    {"_id": "5dc5", "name": "乙", "deal_status": "1"},
]  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "array", "lines with a bad one"])
def test_open_api_json(exports, form):
    exports.sources = {"fxiaoke": {"format": "fxiaoke"}}
    lines = [json.dumps(record, ensure_ascii=False) for record in API_RECORDS]
    if form == "lines with a bad one":
        lines.insert(0, '{"_id": "5dc3", "na')
    content = f"[{','.join(lines)}]" if form == "array" else "\n".join(lines)
    exports.put("fxiaoke/2026-03-17/AccountObj.json", content)
    exports.load()
    entry = exports.entry("accounts")
    assert entry.row_errors == (1 if form == "lines with a bad one" else 0)
    path = exports.settings.raw_dir / entry.raw_path
    with exports.database() as con:
        rows = con.execute(
            "select id, name, status, created_at, owner_id, owner_name, birth_date, "
            f"_extra->>'mystery__c' from '{path}' where _row_error is null order by id"
        ).fetchall()
    assert rows[0][:7] == (
        "5dc4", "甲", "已成交", "2022-10-11 09:05:00", "1000", "王五", "1990-02-01",
    )  # fmt: skip
    assert json.loads(rows[0][7]) == {"a": 1}
    assert rows[1] == ("5dc5", "乙", "1", None, None, None, None, None)


def test_a_json_file_cut_short_is_truncated(exports):
    exports.sources = {"fxiaoke": {"format": "fxiaoke"}}
    exports.put("fxiaoke/2026-03-17/AccountObj.json", json.dumps(API_RECORDS)[:-20])
    exports.put("fxiaoke/2026-03-18/AccountObj.jsonl", '{"_id": "1", "name": "x"}\n{"_id": "2"')
    exports.load()
    assert [audit.str_002 for audit in exports.report.audits] == [True, True]
