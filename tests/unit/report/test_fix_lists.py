"""Fix lists: whose they are, in which order, and that a CRM's texts stay texts."""

import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fastexcel
import pytest
import yaml
from rich.console import Console

from dagster_project import cli
from dagster_project.report import fix_lists
from dagster_project.report.fix_lists import (
    COLUMNS,
    UNASSIGNED,
    VALUES,
    NoOwnerError,
    Owner,
    file_names,
    preview_table,
    safe_name,
    write_fix_list,
    write_fix_lists,
)
from dagster_project.settings import Settings

ACCOUNTS = "客户 accounts"
LEADS = "线索 leads"
# What is published, in its order: the family of a rule is not shown.
PUBLISHED = {
    name: kind
    for before, kind in VALUES.items()
    for name, kind in (
        [(before, kind), ("family", "varchar")] if before == "severity" else [(before, kind)]
    )
}
VIOLATION: dict[str, Any] = {
    "as_of_date": date(2026, 11, 20),
    "rule_id": "ENT-020",
    "entity": "accounts",
    "crm_source": "zoho",
    "record_id": "a1",
    "record_name": "北京大华",
    "customer_key": "c1",
    "customer_value_base": Decimal("10.50"),
    "owner_key": "k1",
    "owner_name": "王伟",
    "team": "华东",
    "field": "mobile",
    "value": "1390000",
    "severity": "warning",
    "family": "standard",
    "description_zh": "手机号格式正确。",
    "description_en": "The mobile number is well formed.",
    "fix_hint_zh": "核对号码。",
    "fix_hint_en": "Check the number.",
    "first_seen_on": date(2026, 11, 18),
    "days_open": 2,
    "reopened": 1,
}
OWNERS = [
    ("k1", "王伟", "华东"),
    ("k2", "李娜", "华北"),
    ("k3", "李娜", "华南"),
    ("k4", "赵敏", None),
]


def fill(database: Path, *violations: dict[str, Any]) -> Path:
    database.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(database)) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in PUBLISHED.items())
        connection.execute(f"create or replace table dq_violations ({columns})")
        for changes in violations:
            row = VIOLATION | changes
            connection.execute(
                f"insert into dq_violations values ({', '.join('?' * len(PUBLISHED))})",
                [row[name] for name in PUBLISHED],
            )
        connection.execute(
            "create or replace table dim_owner "
            "(owner_key varchar, owner_name varchar, team varchar)"
        )
        connection.executemany("insert into dim_owner values (?, ?, ?)", OWNERS)
    return database


def write(database: Path, folder: Path, **options: Any) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        written = write_fix_lists(connection, folder, base_currency="CNY", **options)
    assert {done.path for done in written} == set(folder.iterdir())
    return {done.path.name: done.violations for done in written if done.path}


def read(path: Path, sheet: str) -> list[dict[str, Any]]:
    loaded = fastexcel.read_excel(str(path)).load_sheet(sheet, dtypes="string")
    return loaded.to_arrow().to_pylist()


def record_ids(path: Path, sheet: str) -> list[str]:
    return [row["记录编号 Record id"] for row in read(path, sheet)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # A folder as users have them: a blank and Chinese in the path.
    return Settings.model_validate(
        {"home": tmp_path / "客分 data", "sources": {"zoho": {"path": "exports/zoho"}}}
    )


@pytest.fixture
def published(settings: Settings) -> Path:
    return settings.published_dir / "kefen.duckdb"


def test_the_test_table_has_the_published_columns() -> None:
    assert list(PUBLISHED) == list(VIOLATION)


def test_each_owner_with_violations_has_a_file_and_the_rest_lies_with_nobody(
    tmp_path: Path,
) -> None:
    database = fill(
        tmp_path / "db",
        {},
        {"record_id": "a2"},
        {"owner_key": None, "owner_name": None},
        {"owner_key": "k9", "owner_name": None},
    )
    assert write(database, tmp_path / "out") == {
        "王伟.xlsx": 2,
        f"{UNASSIGNED}.xlsx": 1,
        "k9.xlsx": 1,
    }


def test_nothing_to_correct_is_an_empty_folder(tmp_path: Path) -> None:
    assert write(fill(tmp_path / "db"), tmp_path / "out") == {}


def test_structural_rules_are_not_for_salespeople(tmp_path: Path) -> None:
    database = fill(
        tmp_path / "db",
        {"rule_id": "STR-007"},
        {"rule_id": "UPD-005", "owner_key": "k2", "owner_name": "李娜"},
    )
    assert write(database, tmp_path / "out") == {"李娜.xlsx": 1}


def test_a_sheet_has_bilingual_headings_and_says_what_to_do(tmp_path: Path) -> None:
    write(fill(tmp_path / "db", {}), tmp_path / "out")

    (row,) = read(tmp_path / "out" / "王伟.xlsx", ACCOUNTS)
    assert list(row) == [
        column.heading + (" (CNY)" if column.kind == "money" else "") for column in COLUMNS
    ]
    assert all("一" <= heading[0] <= "鿿" for heading in row)
    assert row["程度 Severity"] == "警告 warning"
    assert row["问题 Problem"] == "手机号格式正确。 The mobile number is well formed."
    assert row["如何修正 How to fix"] == "核对号码。 Check the number."
    assert row["客户价值 Customer value (CNY)"] == "10.5"
    assert row["首次发现 First seen"].startswith("2026-11-18")
    assert (row["已开天数 Days open"], row["复发次数 Reopened"]) == ("2", "1")
    assert (row["名称 Name"], row["规则 Rule"], row["来源 CRM"], row["客户编号 Customer key"]) == (
        "北京大华", "ENT-020", "zoho", "c1",
    )  # fmt: skip


def test_rows_are_in_the_order_of_value_then_severity_then_record(tmp_path: Path) -> None:
    database = fill(
        tmp_path / "db",
        {"record_id": "none", "customer_value_base": None, "severity": "critical"},
        {"record_id": "low", "customer_value_base": 1, "severity": "critical"},
        {"record_id": "high-info", "customer_value_base": 9, "severity": "info"},
        {"record_id": "high-warning-b", "customer_value_base": 9},
        {"record_id": "high-warning-a", "customer_value_base": 9},
        {"record_id": "high-critical", "customer_value_base": 9, "severity": "critical"},
    )
    write(database, tmp_path / "out")
    assert record_ids(tmp_path / "out" / "王伟.xlsx", ACCOUNTS) == [
        "high-critical", "high-warning-a", "high-warning-b", "high-info", "low", "none",
    ]  # fmt: skip


def test_equal_rows_of_two_rules_and_two_systems_have_one_order(tmp_path: Path) -> None:
    same = [
        {"crm_source": source, "rule_id": rule}
        for source in ("fxiaoke", "zoho")
        for rule in ("ENT-020", "ENT-021")
    ]
    found = []
    for rows in (same, same[::-1]):
        write(fill(tmp_path / "db", *rows), tmp_path / "out")
        found.append(
            [(r["来源 CRM"], r["规则 Rule"]) for r in read(tmp_path / "out/王伟.xlsx", ACCOUNTS)]
        )
    assert found[0] == found[1] == [(row["crm_source"], row["rule_id"]) for row in same]


def test_each_kind_of_record_has_a_sheet_after_the_one_that_explains(tmp_path: Path) -> None:
    database = fill(
        tmp_path / "db",
        {"entity": "something_new"},
        {"entity": "leads"},
        {"entity": "leads", "rule_id": "ENT-001", "severity": "critical"},
        {},
    )
    write(database, tmp_path / "out")
    path = tmp_path / "out" / "王伟.xlsx"
    assert fastexcel.read_excel(str(path)).sheet_names == [
        "说明 About", ACCOUNTS, LEADS, "something_new",
    ]  # fmt: skip
    cells = [
        [value for value in row.values() if value is not None] for row in read(path, "说明 About")
    ]
    assert ["负责人 Owner", "王伟"] in cells
    assert ["团队 Team", "华东"] in cells
    assert ["截至 As of", "2026-11-20"] in cells
    assert ["条数 Rows", "4"] in cells
    problem = "手机号格式正确。 The mobile number is well formed."
    assert cells[-4:] == [
        [ACCOUNTS, "ENT-020", "警告 warning", problem, "1"],
        [LEADS, "ENT-001", "严重 critical", problem, "1"],
        [LEADS, "ENT-020", "警告 warning", problem, "1"],
        ["something_new", "ENT-020", "警告 warning", problem, "1"],
    ]


def test_a_sheet_is_capped_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    rows = [{"record_id": f"a{n}", "customer_value_base": 10 - n} for n in range(5)]
    write(fill(tmp_path / "db", *rows, {"entity": "leads"}), tmp_path / "out", rows_per_sheet=3)

    path = tmp_path / "out" / "王伟.xlsx"
    *listed, last = read(path, ACCOUNTS)
    assert [row["记录编号 Record id"] for row in listed] == ["a0", "a1", "a2"]
    assert last["程度 Severity"].startswith("另有 2 条未列出")
    assert last["程度 Severity"].endswith("2 more are not listed")
    assert len(read(path, LEADS)) == 1


def test_a_sheet_that_is_exactly_full_has_no_more(tmp_path: Path) -> None:
    rows = [{"record_id": f"a{n}"} for n in range(3)]
    write(fill(tmp_path / "db", *rows), tmp_path / "out", rows_per_sheet=3)
    assert record_ids(tmp_path / "out" / "王伟.xlsx", ACCOUNTS) == ["a0", "a1", "a2"]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x","点")',
        "+86 139",
        "-5",
        "@SUM(A1)",
        "{=1}",
        "http://example.com",
        "007",
        "<b>&\"'",
        "行一\n行二",
        "电\u000b话",
    ],
)
def test_a_text_of_the_crm_stays_a_text(tmp_path: Path, text: str) -> None:
    write(fill(tmp_path / "db", {"value": text, "record_name": text}), tmp_path / "out")

    path = tmp_path / "out" / "王伟.xlsx"
    (row,) = read(path, ACCOUNTS)
    assert row["现在的值 Current value"] == text
    assert row["名称 Name"] == text
    with zipfile.ZipFile(path) as archive:
        inside = {name: archive.read(name).decode() for name in archive.namelist()}
    assert not [name for name, xml in inside.items() if "<f>" in xml or "<hyperlink" in xml]


def test_a_text_longer_than_a_cell_is_cut_not_lost(tmp_path: Path) -> None:
    write(fill(tmp_path / "db", {"value": "长" * 40_000}), tmp_path / "out")
    (row,) = read(tmp_path / "out" / "王伟.xlsx", ACCOUNTS)
    assert len(row["现在的值 Current value"]) == fix_lists.CELL_LENGTH
    assert row["现在的值 Current value"].endswith("长…")


def test_headings_stay_filters_are_set_and_severities_have_colours(tmp_path: Path) -> None:
    rows = [{"severity": severity} for severity in fix_lists.FILLS]
    write(fill(tmp_path / "db", *rows), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "王伟.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet2.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:N4"/>' in sheet
    for colour in fix_lists.FILLS.values():
        assert colour.removeprefix("#") in styles


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("王伟", "王伟"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a<b>:"/\\|?*', "a_b________"),
        ("", "_"),
        (" . ", "_"),
        ("con", "_con"),
        ("Com1.x", "_Com1.x"),
        ("a\nb", "a_b"),
        ("é", "é"),
        ("长" * 300, "长" * 40),
    ],
)
def test_a_name_becomes_a_file_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_owners_who_would_share_a_file_get_their_keys() -> None:
    owners = [Owner("k1", "Li"), Owner("k2", "LI"), Owner("k3", "Wu"), Owner(None), Owner("k4")]
    assert file_names(owners) == {
        "k1": "Li_k1", "k2": "LI_k2", "k3": "Wu", None: UNASSIGNED, "k4": "k4",
    }  # fmt: skip
    assert file_names([Owner(None), Owner("k1", UNASSIGNED)]) == {
        None: UNASSIGNED,
        "k1": f"{UNASSIGNED}_k1",
    }


def test_columns_that_an_earlier_version_did_not_publish_are_empty(tmp_path: Path) -> None:
    database = fill(tmp_path / "db", {})
    with duckdb.connect(str(database)) as connection:
        for column in ("record_name", "customer_key", "customer_value_base", "team", "reopened"):
            connection.execute(f"alter table dq_violations drop column {column}")
    write(database, tmp_path / "out")
    (row,) = read(tmp_path / "out" / "王伟.xlsx", ACCOUNTS)
    assert row["记录编号 Record id"] == "a1"
    assert row["名称 Name"] is None


@pytest.mark.parametrize("who", ["k1", "王伟"])
def test_one_owner_is_found_by_key_or_name(settings: Settings, published: Path, who: str) -> None:
    fill(published, {}, {"owner_key": "k2", "owner_name": "李娜", "record_id": "other"})

    done = write_fix_list(settings, who)

    assert done.path == settings.report_dir / "fixlist_王伟_2026-11-20.xlsx"
    assert done.violations == 1
    assert record_ids(done.path, ACCOUNTS) == ["a1"]
    assert [path.name for path in settings.report_dir.iterdir()] == [done.path.name]


def test_the_first_rows_are_shown(settings: Settings, published: Path) -> None:
    fill(published, *({"record_id": f"a{n:02d}", "customer_value_base": 99 - n} for n in range(30)))

    done = write_fix_list(settings, "k1")

    table = preview_table(done)
    assert table.row_count == 20
    console = Console(width=200, record=True, file=(settings.home / "said.txt").open("w"))
    console.print(table)
    said = console.export_text()
    for part in ("王伟", "2026-11-20", "30", "记录编号", "a00", "a19", "北京大华"):
        assert part in said, part
    assert "a20" not in said


@pytest.mark.parametrize("who", [UNASSIGNED, "无负责人", "unassigned"])
def test_records_of_nobody_can_be_asked_for(settings: Settings, published: Path, who: str) -> None:
    fill(published, {"owner_key": None, "owner_name": None, "record_id": "lost"}, {})
    done = write_fix_list(settings, who)
    assert done.path is not None
    assert record_ids(done.path, ACCOUNTS) == ["lost"]


def test_an_owner_with_nothing_to_correct_gets_no_file(settings: Settings, published: Path) -> None:
    fill(published, {})
    done = write_fix_list(settings, "赵敏")
    assert (done.path, done.violations, done.owner.key) == (None, 0, "k4")
    assert not settings.report_dir.exists()


def test_an_unknown_owner_gives_the_nearest_names(settings: Settings, published: Path) -> None:
    fill(published, {})
    with pytest.raises(NoOwnerError, match=r"王小伟; nearest names: .*王伟"):
        write_fix_list(settings, "王小伟")


def test_a_name_of_several_lists_their_keys(settings: Settings, published: Path) -> None:
    fill(published, {})
    with pytest.raises(NoOwnerError, match=r"2 owners are called 李娜; choose a key: k2, k3"):
        write_fix_list(settings, "李娜")


def test_namesakes_do_not_overwrite_each_others_list(settings: Settings, published: Path) -> None:
    fill(published, *({"owner_key": key, "owner_name": "李娜"} for key in ("k2", "k3")))
    paths = [write_fix_list(settings, key).path for key in ("k2", "k3")]
    assert [path.name for path in paths if path] == [
        "fixlist_李娜_k2_2026-11-20.xlsx", "fixlist_李娜_k3_2026-11-20.xlsx",
    ]  # fmt: skip


def test_without_a_publication_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NoOwnerError, match="make run"):
        write_fix_list(settings, "王伟")


def test_a_list_that_fails_leaves_the_one_before(
    settings: Settings, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(published, {})
    before = write_fix_list(settings, "k1")
    assert before.path is not None
    content = before.path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(fix_lists._Workbook, "_cell", fail)
    with pytest.raises(OSError, match="disk"):
        write_fix_list(settings, "k1")
    assert before.path.read_bytes() == content
    assert list(settings.report_dir.iterdir()) == [before.path]


def test_the_command_shows_the_path_and_an_error_names_the_owners(
    settings: Settings,
    published: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(published, {})
    config = settings.home / "kefen.yml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    monkeypatch.setenv("KEFEN_CONFIG", str(config))
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "")

    assert cli.main(["fixlist", "--owner", "王伟"]) == 0
    said = capsys.readouterr().out
    assert str(settings.report_dir / "fixlist_王伟_2026-11-20.xlsx") in said
    assert "北京大华" in said

    assert cli.main(["fixlist", "--owner", "赵敏"]) == 0
    assert cli.main(["fixlist", "--owner", "李娜"]) == 1
    assert "k2, k3" in caplog.text
