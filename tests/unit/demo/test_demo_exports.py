"""The demo generator: same bytes for the same arguments, true formats, consistent facts."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from math import gcd
from pathlib import Path

import fastexcel
import numpy as np
import pyarrow.parquet as pq
import pytest

from dagster_project.demo import DemoTruth, archives, people, write_demo_exports, zoho
from dagster_project.demo import vocabulary as words
from dagster_project.demo.__main__ import main
from dagster_project.demo.columns import csv_lines, json_lines, json_piece, sheet_rows, text_of
from dagster_project.demo.purchases import PurchaseModel, draw_purchases

NIGHTS = (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20))
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoTruth]:
    out = tmp_path_factory.mktemp("clean")
    return out, write_demo_exports(out, customers=600, nights=3, dirt=0)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoTruth]:
    out = tmp_path_factory.mktemp("dirty")
    return out, write_demo_exports(out, customers=600, nights=3, fxiaoke_format="jsonl")


def hashes(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def zoho_rows(out: Path, stem: str, night: date = NIGHTS[-1]) -> Rows:
    rows: Rows = []
    for part in sorted((out / "zoho" / night.isoformat()).glob("Data_*.zip")):
        with zipfile.ZipFile(part) as archive:
            for name in sorted(archive.namelist()):
                if re.fullmatch(rf"{stem}_\d{{3}}\.csv", name):
                    text = archive.read(name).decode()
                    rows += csv.DictReader(io.StringIO(text, newline=""))
    return rows


def fxiaoke_rows(out: Path, title: str, night: date = NIGHTS[-1]) -> Rows:
    name = f"{title}对象导出结果_{night:%Y%m%d}.xlsx"
    book = fastexcel.read_excel(out / "fxiaoke" / night.isoformat() / name)
    table = book.load_sheet(0, dtypes="string").to_arrow()
    labels = [label.removesuffix("（必填）") for label in table.schema.names]
    return [dict(zip(labels, row.values(), strict=True)) for row in table.to_pylist()]


def json_rows(out: Path, api: str, night: date = NIGHTS[-1]) -> list[dict[str, object]]:
    text = (out / "fxiaoke" / night.isoformat() / f"{api}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_demo_exports(tmp_path / name, customers=60, nights=2, dirt=0.05)
    write_demo_exports(tmp_path / "c", customers=60, nights=2, dirt=0.05, seed=8)
    first = hashes(tmp_path / "a")
    assert first == hashes(tmp_path / "b")
    assert first != hashes(tmp_path / "c")


def test_a_drop_is_never_overwritten(tmp_path: Path) -> None:
    write_demo_exports(tmp_path, customers=20)
    with pytest.raises(FileExistsError, match="already holds a complete drop"):
        write_demo_exports(tmp_path, customers=20)


def test_every_drop_is_complete_and_truth_lies_outside(clean: tuple[Path, DemoTruth]) -> None:
    out, truth = clean
    for source in ("zoho", "fxiaoke", "feeds"):
        assert sorted(p.name for p in (out / source).iterdir()) == [d.isoformat() for d in NIGHTS]
        assert all((folder / "_SUCCESS").exists() for folder in (out / source).iterdir())
    assert truth.export_dates == NIGHTS
    written = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    assert written["bg_nbd_and_gamma_gamma_in_days"]["r"] == truth.parameters.r


def test_zoho_backup_layout(clean: tuple[Path, DemoTruth]) -> None:
    out, _ = clean
    with zipfile.ZipFile(out / "zoho" / "2026-11-20" / "Data_001.zip") as archive:
        names = archive.namelist()
        accounts = archive.read("Accounts_001.csv").decode().splitlines()[0].split(",")
    modules = (
        *("Accounts", "Contacts", "Leads", "Deals", "PotStageHistory", "Sales_Orders"),
        *("Ordered_Items", "Products", "Calls", "Events", "Tasks", "Notes", "Campaigns"),
        *("CampaignLeadMember", "Cases", "Users", "Tags", "Metadata/Fields"),
    )
    assert names == [f"{module}_001.csv" for module in modules]
    assert accounts[:4] == ["Record Id", "Account Owner.id", "Account Owner", "Account Name"]
    assert {row["id"].isdigit() for row in zoho_rows(out, "Users")} == {True}
    leads = zoho_rows(out, "Leads")
    assert list(leads[0])[:12] == [
        *("Record Id", "Lead Owner.id", "Lead Owner", "Is Converted", "Company", "First Name"),
        *("Last Name", "Email", "Phone", "Mobile", "Lead Source", "Lead Status"),
    ]
    assert all(re.fullmatch(r"zcrm_49549000\d{11}", row["Record Id"]) for row in leads)
    assert list(zoho_rows(out, "PotStageHistory")[0]) == [
        *("Potential ID", "Amount", "Stage", "Probability", "Expected Revenue", "Close Date"),
        *("Modified By", "Last Modified Time"),
    ]


def test_modules_are_cut_into_chunks_and_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    write_demo_exports(whole, customers=200)
    monkeypatch.setattr(zoho, "ROWS_PER_FILE", 100)
    monkeypatch.setattr(zoho, "RENDER_ROWS", 30)
    monkeypatch.setattr(archives.BackupZips.__init__, "__kwdefaults__", {"part_bytes": 30_000})
    write_demo_exports(cut, customers=200)
    parts = sorted((cut / "zoho" / "2026-11-20").glob("Data_*.zip"))
    assert len(parts) > 1
    assert sum("Sales_Orders_" in n for p in parts for n in zipfile.ZipFile(p).namelist()) > 1
    for stem in ("Sales_Orders", "Calls", "Notes"):
        assert zoho_rows(whole, stem) == zoho_rows(cut, stem)


def test_notes_keep_their_line_breaks(clean: tuple[Path, DemoTruth]) -> None:
    notes = zoho_rows(clean[0], "Notes")
    assert {row["Note Content"] for row in notes} <= set(words.NOTES)
    assert any("\n" in row["Note Content"] for row in notes)


def test_fxiaoke_workbook_layout(clean: tuple[Path, DemoTruth]) -> None:
    folder = clean[0] / "fxiaoke" / "2026-11-20"
    book = fastexcel.read_excel(folder / "联系人对象导出结果_20261120.xlsx")
    assert book.sheet_names[0] == "联系人数据"
    assert book.sheet_names[1].startswith("hidden")
    labels = book.load_sheet(0, dtypes="string").to_arrow().schema.names
    assert labels[:4] == ["唯一性ID", "姓名（必填）", "客户名称（必填）", "客户名称_唯一性ID"]
    assert len([label for label in labels[-8:] if "-普通成员-" in label]) == 8
    row = fxiaoke_rows(clean[0], "销售订单")[0]
    assert re.fullmatch(r"[0-9a-f]{24}", row["客户名称_唯一性ID"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row["创建时间"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["下单日期"])


def test_fxiaoke_json_and_workbooks_tell_the_same(tmp_path: Path) -> None:
    write_demo_exports(tmp_path / "x", customers=50, dirt=0)
    write_demo_exports(tmp_path / "j", customers=50, dirt=0, fxiaoke_format="jsonl")
    sheet = fxiaoke_rows(tmp_path / "x", "商机2.0")
    lines = json_rows(tmp_path / "j", "NewOpportunityObj")
    assert [row["唯一性ID"] for row in sheet] == [line["_id"] for line in lines]
    for row, line in zip(sheet, lines, strict=True):
        assert row["商机阶段"] == line["sales_stage__r"]
        assert row["客户名称"] == line["account_id__r"]
        assert Decimal(row["商机金额"]) == Decimal(str(line["amount"]))
        midnight = int(str(line["close_date"])) // 1000 + 8 * 3600
        assert midnight % 86400 == 0
        assert row["预计成交日期"] == date.fromordinal(719163 + midnight // 86400).isoformat()
        assert isinstance(line["owner"], list)
        assert ("lost_reason" in line) == bool(row["输单原因"])


def zoho_order_sums(out: Path) -> list[tuple[str, Decimal, Decimal]]:
    """(order, total it states, total of its parts)."""
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for row in zoho_rows(out, "Ordered_Items"):
        total = Decimal(row["Quantity"]) * Decimal(row["List Price"]) - Decimal(row["Discount"])
        assert total == Decimal(row["Total"])
        lines[row["Parent.id"]] += total
    return [
        (
            row["Record Id"],
            Decimal(row["Grand Total"]),
            lines[row["Record Id"]]
            - Decimal(row["Discount"])
            + Decimal(row["Tax"])
            + Decimal(row["Adjustment"]),
        )
        for row in zoho_rows(out, "Sales_Orders")
    ]


def test_zoho_lines_add_up(clean: tuple[Path, DemoTruth]) -> None:
    sums = zoho_order_sums(clean[0])
    assert len(sums) > 300
    assert all(stated == parts for _, stated, parts in sums)


def test_fxiaoke_lines_add_up(clean: tuple[Path, DemoTruth]) -> None:
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for row in fxiaoke_rows(clean[0], "订单产品"):
        assert Decimal(row["数量"]) * Decimal(row["单价"]) == Decimal(row["小计"])
        lines[row["销售订单编号_唯一性ID"]] += Decimal(row["小计"])
    for row in fxiaoke_rows(clean[0], "销售订单"):
        assert lines[row["唯一性ID"]] == Decimal(row["产品合计"])
        due = lines[row["唯一性ID"]] * Decimal(row["整单折扣(%)"]) / 100
        assert abs(due - Decimal(row["销售订单金额(元)"])) <= Decimal("0.01")


def test_customers_abroad_pay_in_dollars(clean: tuple[Path, DemoTruth]) -> None:
    out, _ = clean
    with (out / "feeds" / "2026-11-18" / "exchange_rates.csv").open(encoding="utf-8") as file:
        rates = {row["rate_date"]: row["rate"] for row in csv.DictReader(file)}
    countries = {r["Account Name"]: r["Billing Country"] for r in zoho_rows(out, "Accounts")}
    dollars = 0
    for row in zoho_rows(out, "Sales_Orders", NIGHTS[0]):
        if row["Currency"] == "USD":
            dollars += 1
            assert row["Exchange Rate"] == rates[row["Order Date"]]
            assert countries.get(row["Account Name"]) != "China"
        else:
            assert (row["Currency"], row["Exchange Rate"]) == ("CNY", "1")
    assert dollars > 5
    amounts = [
        float(row["Grand Total"]) * float(row["Exchange Rate"])
        for row in zoho_rows(out, "Sales_Orders")
        if row["Currency"] == "USD"
    ]
    assert 500 < float(np.median(amounts)) < 5000


def test_one_timers_and_repeats_follow_the_model() -> None:
    model = PurchaseModel()
    ages = np.linspace(1, 720, 60_000)
    who, when = draw_purchases(model, ages, np.random.default_rng(1))
    purchases = np.bincount(who)
    once = float((purchases == 1).mean())
    assert once == pytest.approx(float(model.no_repeat(ages).mean()), abs=0.01)
    assert purchases.mean() - 1 == pytest.approx(model.expected_repeats(ages), rel=0.03)
    assert (when < ages[who]).all()


def test_orders_per_customer_sets_the_mean() -> None:
    ages = np.linspace(1, 720, 60_000)
    model = PurchaseModel().scaled_to(8, ages)
    who, _ = draw_purchases(model, ages, np.random.default_rng(2))
    assert len(who) / len(ages) == pytest.approx(8, rel=0.05)


def test_counted_orders_are_the_purchases_of_the_model(clean: tuple[Path, DemoTruth]) -> None:
    out, truth = clean
    counted = [
        r for r in zoho_rows(out, "Sales_Orders") if r["Status"] in {"Approved", "Delivered"}
    ]
    assert len(counted) == truth.counts["zoho_counted_orders"]
    valid = [r for r in fxiaoke_rows(out, "销售订单") if r["生命状态"] in {"正常", "变更中"}]
    assert len(valid) == truth.counts["fxiaoke_counted_orders"]


@pytest.mark.parametrize("night", NIGHTS)
def test_an_export_knows_nothing_of_the_future(clean: tuple[Path, DemoTruth], night: date) -> None:
    out, _ = clean
    last = night.isoformat() + " 23:59:59"
    for stem in ("Accounts", "Contacts", "Leads", "Deals", "Sales_Orders", "Calls", "Notes"):
        for row in zoho_rows(out, stem, night):
            assert row["Created Time"] <= row["Modified Time"] <= last
    assert all(r["Order Date"] <= last for r in zoho_rows(out, "Sales_Orders", night))
    assert all(r["Last Modified Time"] <= last for r in zoho_rows(out, "PotStageHistory", night))
    for title in ("客户", "销售线索", "商机2.0", "销售订单", "退货单", "销售记录"):
        for row in fxiaoke_rows(out, title, night):
            assert row["创建时间"] <= row["最后修改时间"] <= last
    sessions = pq.read_table(out / "feeds" / night.isoformat() / "web_sessions.parquet")
    started = sessions["started_at"].to_pylist()
    assert max(started) <= last
    if night != NIGHTS[0]:
        assert min(started) >= night.isoformat()


def test_nights_differ_by_new_stages_orders_owners_and_merges(
    clean: tuple[Path, DemoTruth],
) -> None:
    out, _ = clean
    first, last = (
        {row["Record Id"]: row for row in zoho_rows(out, "Deals", night)}
        for night in (NIGHTS[0], NIGHTS[-1])
    )
    assert any(first[i]["Stage"] != last[i]["Stage"] for i in first)
    before, after = (
        {row["Record Id"]: row for row in zoho_rows(out, "Accounts", night)}
        for night in (NIGHTS[0], NIGHTS[-1])
    )
    assert before.keys() - after.keys()
    both = before.keys() & after.keys()
    assert any(before[i]["Account Owner.id"] != after[i]["Account Owner.id"] for i in both)
    orders = [len(zoho_rows(out, "Sales_Orders", night)) for night in NIGHTS]
    assert orders[0] < orders[-1]
    accounts = set(after)
    for stem in ("Sales_Orders", "Deals", "Contacts"):
        linked = {row["Account Name.id"] for row in zoho_rows(out, stem)}
        assert linked - {""} <= accounts


def test_a_stage_row_is_written_when_the_stage_is_left(clean: tuple[Path, DemoTruth]) -> None:
    out, _ = clean
    left = defaultdict(list)
    for row in zoho_rows(out, "PotStageHistory"):
        left[row["Potential ID"]].append(row["Stage"])
    for deal in zoho_rows(out, "Deals"):
        stages = left[deal["Record Id"]]
        assert stages == list(words.ZOHO_STAGES[: len(stages)])
        if not deal["Stage"].startswith("Closed"):
            assert deal["Stage"] == words.ZOHO_STAGES[len(stages)]


def test_a_clean_world_has_nothing_planted(clean: tuple[Path, DemoTruth]) -> None:
    out, truth = clean
    assert truth.planted == ()
    assert (out / "planted.csv").read_text(encoding="utf-8").count("\n") == 1
    for stem in ("Accounts", "Contacts", "Leads", "Deals", "Sales_Orders", "Ordered_Items"):
        ids = [row["Record Id"] for row in zoho_rows(out, stem)]
        assert len(set(ids)) == len(ids)
    for row in zoho_rows(out, "Accounts"):
        place = (row["Billing State"], row["Billing City"])
        assert all(place)
        if row["Billing Country"] == "China":
            assert place in {(city.province, city.city) for city in words.CITIES}
            assert is_credit_code(row["Credit Code"])
    for row in zoho_rows(out, "Deals"):
        assert row["Closing Date"] >= row["Created Time"][:10]
        if not row["Stage"].startswith("Closed"):
            assert min(row["Closing Date"], row["Next Follow Up"]) > NIGHTS[-1].isoformat()
    for row in fxiaoke_rows(out, "客户"):
        assert row["客户名称"]
        assert row["负责人"]
        assert row["邮件"] == row["邮件"].lower()


def test_planted_defects_are_where_the_list_says(dirty: tuple[Path, DemoTruth]) -> None:
    out, truth = dirty
    labels = {
        ("accounts", "name"): ("Accounts", "Account Name"),
        ("accounts", "phone"): ("Accounts", "Phone"),
        ("accounts", "credit_code"): ("Accounts", "Credit Code"),
        ("accounts", "province"): ("Accounts", "Billing State"),
        ("contacts", "email"): ("Contacts", "Email"),
        ("contacts", "birth_date"): ("Contacts", "Date of Birth"),
        ("deals", "close_date"): ("Deals", "Closing Date"),
        ("deals", "loss_reason"): ("Deals", "Reason For Loss"),
        ("orders", "grand_total"): ("Sales_Orders", "Grand Total"),
        ("orders", "account_id"): ("Sales_Orders", "Account Name.id"),
        ("order_lines", "quantity"): ("Ordered_Items", "Quantity"),
        ("order_lines", "list_price"): ("Ordered_Items", "List Price"),
    }
    tables = {
        stem: {row["Record Id"]: row for row in zoho_rows(out, stem)}
        for stem in {stem for stem, _ in labels.values()}
    }
    seen = set()
    for defect in truth.planted:
        found = labels.get((defect.kind, defect.field))
        if defect.source == "zoho" and found:
            assert tables[found[0]][defect.record_id][found[1]] == defect.value
            seen.add(defect.rule_id)
    assert seen >= {"ENT-001", "ENT-009", "ENT-020", "ENT-021", "ENT-022", "ENT-026", "ENT-040"}


def test_every_rule_is_planted_and_listed(dirty: tuple[Path, DemoTruth]) -> None:
    out, truth = dirty
    planted = Counter(defect.rule_id for defect in truth.planted)
    entry = (1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 20, 21, 22, 23, 24, 26, 27, 28, 40, 41, 42, 43, 46)
    wanted = {f"ENT-{n:03d}" for n in entry} | {"STR-003", "STR-008"}
    wanted |= {"UPD-003", "UPD-005", "UPD-008"}
    assert wanted <= planted.keys()
    with (out / "planted.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [tuple(row.values()) for row in listed] == [
        tuple(vars(p).values()) for p in truth.planted
    ]


def test_broken_sums_are_exactly_the_planted_ones(tmp_path: Path) -> None:
    truth = write_demo_exports(tmp_path, customers=300, dirt=0.05)
    planted = {
        p.record_id
        for p in truth.planted
        if p.source == "zoho" and p.kind == "orders" and p.rule_id == "ENT-041"
    }
    unreadable = {p.record_id for p in truth.planted if p.rule_id == "ENT-026"}
    broken = set()
    totals = defaultdict(Decimal)
    for row in zoho_rows(tmp_path, "Ordered_Items"):
        totals[row["Parent.id"]] += Decimal(row["Total"])
    for row in zoho_rows(tmp_path, "Sales_Orders"):
        if row["Record Id"] in unreadable or row["Record Id"] not in totals:
            # Nothing to add up where the tax cannot be read, or the only line is lost.
            continue
        due = totals[row["Record Id"]] - Decimal(row["Discount"]) + Decimal(row["Tax"])
        if due + Decimal(row["Adjustment"]) != Decimal(row["Grand Total"]):
            broken.add(row["Record Id"])
    assert broken == planted


def test_structural_defects_stay_far_below_one_percent(tmp_path: Path) -> None:
    truth = write_demo_exports(tmp_path, customers=600, dirt=0.5)
    structural = Counter(
        (p.source, p.kind, p.rule_id) for p in truth.planted if p.rule_id in {"STR-003", "STR-007"}
    )
    assert structural
    for (source, kind, _), count in structural.items():
        table = {"accounts": "customers", "calls": "activities", "sales_records": "activities"}
        rows = truth.counts[f"{source}_{table.get(kind, kind)}"]
        assert count <= rows * 0.005


def is_credit_code(code: str) -> bool:
    """GB 32100, written the plain way."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    if not re.fullmatch(rf"[{alphabet}]{{18}}", code):
        return False
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return alphabet[(31 - total % 31) % 31] == code[17]


def test_credit_codes_have_the_right_check_characters() -> None:
    assert is_credit_code("91350100M000100Y43")
    assert not is_credit_code("91350100M000100Y44")
    numbers = np.arange(5000)
    codes = people.credit_codes(numbers, numbers % len(words.CITIES)).to_pylist()
    assert all(is_credit_code(code) for code in codes)
    assert len(set(codes)) == len(codes)
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    for code in codes[:500]:
        check = (11 - sum(int(d) * w for d, w in zip(code[8:16], weights, strict=True)) % 11) % 11
        assert code[16] == "0123456789X"[check]


def test_phones_are_valid_and_never_shared_by_accident() -> None:
    numbers = np.arange(200_000)
    phones = people.mobiles(numbers, np.full(len(numbers), -1)).to_pylist()
    assert len(set(phones)) == len(phones)
    assert all(re.fullmatch(r"1[3-9]\d{9}", phone) for phone in phones)
    assert gcd(61_803_419, 10**8 * len(words.GIVEN) * len(words.SURNAMES)) == 1


def test_people_of_both_crms_share_phone_or_code(clean: tuple[Path, DemoTruth]) -> None:
    out, truth = clean
    zoho_keys = {r["Record Id"]: r["Email"] for r in zoho_rows(out, "Accounts")}
    zoho_keys |= {r["Record Id"]: r["Email"] for r in zoho_rows(out, "Contacts")}
    fxiaoke_keys = {r["唯一性ID"]: r["邮件"] for r in fxiaoke_rows(out, "客户")}
    assert len(truth.overlaps) > 10
    for left, right in truth.overlaps:
        assert zoho_keys[left] == fxiaoke_keys[right]


def test_no_lines_and_no_activities_on_request(tmp_path: Path) -> None:
    write_demo_exports(tmp_path, customers=100, lines_per_order=0, activities_per_customer=0)
    assert zoho_rows(tmp_path, "Ordered_Items") == []
    assert zoho_rows(tmp_path, "Calls") == []
    assert len(zoho_rows(tmp_path, "Sales_Orders")) > 20
    names = sorted(p.name for p in (tmp_path / "feeds" / "2026-11-20").iterdir())
    assert names == ["_SUCCESS", "exchange_rates.csv", "holidays.csv", "product_costs.csv"]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--out", str(tmp_path), "--customers", "30", "--days", "200", "--seed", "3"]
    options = ["--nights", "1", "--dirt", "0.1", "--last-date", "2025-06-30"]
    assert main([*arguments, *options, "--fxiaoke-format", "jsonl"]) == 0
    assert "writing 2025-06-30" in capsys.readouterr().err
    assert (tmp_path / "fxiaoke" / "2025-06-30" / "SalesOrderObj.jsonl").exists()


def test_cells_are_escaped() -> None:
    odd = 'a "b", \\c\n<d> & e'
    cells = [text_of([odd, None]), text_of(["1", "2"])]
    assert list(csv.reader(io.StringIO(csv_lines(cells).decode(), newline=""))) == [
        [odd, "1"],
        ["", "2"],
    ]
    lines = json_lines([json_piece("x", cells[0]), json_piece("y", cells[1])]).decode()
    assert [json.loads(line) for line in lines.splitlines()] == [{"x": odd, "y": "1"}, {"y": "2"}]
    assert b"&lt;d&gt; &amp; e" in sheet_rows(cells, [False, True], 2)
