"""The data rules judged from the exported files alone, the plain way.

What belongs here: a second opinion that shares no code with the generator nor with the models.
A rule yields (entity, source, record id) of what breaks it.
"""

import csv
import io
import json
import re
import zipfile
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import fastexcel
import phonenumbers
import pyarrow.parquet as pq
import yaml
from phonenumbers import geocoder
from stdnum.cn import uscc

Row = dict[str, Any]
Found = Iterator[tuple[str, str, str]]
ROOT = Path(__file__).parents[3]
CRMS = ("zoho", "fxiaoke")
ZOHO_KINDS = {
    "Accounts": "accounts",
    "Contacts": "contacts",
    "Leads": "leads",
    "Deals": "deals",
    "PotStageHistory": "stage_history",
    "Sales_Orders": "orders",
    "Ordered_Items": "order_lines",
    "Calls": "calls",
    "Events": "meetings",
    "Notes": "notes",
    "Cases": "cases",
    "Users": "users",
}
FXIAOKE_KINDS = {
    "客户": "accounts",
    "联系人": "contacts",
    "销售线索": "leads",
    "商机2.0": "deals",
    "销售订单": "orders",
    "订单产品": "order_lines",
    "销售记录": "sales_records",
    "人员": "users",
}
OPEN_STAGES = {
    "Qualification": "prospect",
    "Needs Analysis": "intent",
    "Value Proposition": "intent",
    "Identify Decision Makers": "intent",
    "Proposal/Price Quote": "negotiation",
    "Negotiation/Review": "negotiation",
    "验证客户": "prospect",
    "需求确定": "intent",
    "方案/报价": "negotiation",
    "谈判审核": "negotiation",
    "?? 阶段": "unknown",
}
WON = {"Closed Won", "赢单"}
LOST_LEADS = {"Junk Lead", "Lost Lead", "Not Qualified", "无效"}
COUNTED = {"Approved", "Delivered", "已确认", "已收货"}
HOT = {
    *("Online Store", "Web Download", "Web Research", "Chat", "External Referral"),
    *("Employee Referral", "转介绍", "客户介绍", "官网", "在线咨询", "电商平台"),
}
REGIONS = {
    "United States": "US",
    "United Kingdom": "GB",
    "Singapore": "SG",
    "Germany": "DE",
    "Australia": "AU",
    "China": "CN",
    "中国": "CN",
    None: "CN",
}
FORMS = re.compile(r"公司|Inc\.|Ltd\.|LLC|GmbH")
FORMS_OF_ADDRESS = re.compile(r"先生|女士|小姐|老师|经理|总监|\b(Mr|Mrs|Ms|Dr)\.|(\d\D*){7}")


@dataclass
class Night:
    """What is known at the end of a day: the CRMs' full exports and all feed rows until then."""

    day: date
    tables: dict[tuple[str, str], list[Row]]

    def rows(self, source: str, kind: str) -> list[Row]:
        """Records of a kind that are not void."""
        return [r for r in self.tables.get((source, kind), ()) if r.get("life_status") != "作废"]

    def each(self, *kinds: str) -> Iterator[tuple[str, str, Row]]:
        """Kind, source and row of the records of some kinds."""
        for kind in kinds:
            for source in CRMS:
                for row in self.rows(source, kind):
                    yield kind, source, row

    @property
    def today(self) -> str:
        """The day as text."""
        return self.day.isoformat()

    def ago(self, days: int) -> str:
        """A day before."""
        return (self.day - timedelta(days=days)).isoformat()


@cache
def headers(source: str) -> dict[str, dict[str, str]]:
    """Field of each header, by kind."""
    text = (ROOT / f"dagster_project/ingest/header_maps/{source}.yml").read_text(encoding="utf-8")
    maps = {}
    for entry in yaml.safe_load(text)["maps"]:
        columns = entry["columns"].items()
        names = {label: field for field, labels in columns for label in reversed(labels)}
        maps[entry["kind"]] = names
    return maps


def canonical(source: str, kind: str, rows: list[dict[str, str | None]]) -> list[Row]:
    """Rename the headers to fields; an empty cell is None."""
    names = headers(source).get({"cases": "complaints"}.get(kind, kind), {})
    found: dict[str, Row] = {}
    for number, row in enumerate(rows):
        record = {names[k]: v or None for k, v in row.items() if k in names}
        found[record.get("id") or f"row {number}"] = record
    return list(found.values())


def read_night(out: Path, day: date) -> Night:
    """Read the files of one night, and the feeds of all nights until then."""
    tables: dict[tuple[str, str], list[Row]] = {}
    for part in sorted((out / "zoho" / day.isoformat()).glob("*.zip")):
        with zipfile.ZipFile(part) as archive:
            for name in archive.namelist():
                kind = ZOHO_KINDS.get(name.removesuffix("_001.csv"))
                if kind:
                    text = io.StringIO(archive.read(name).decode(), newline="")
                    tables["zoho", kind] = canonical("zoho", kind, list(csv.DictReader(text)))
    for path in (out / "fxiaoke" / day.isoformat()).glob("*.xlsx"):
        kind = FXIAOKE_KINDS.get(path.name.partition("对象")[0])
        if kind:
            sheet = fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_arrow()
            labels = [label.removesuffix("（必填）") for label in sheet.schema.names]
            rows = [dict(zip(labels, r.values(), strict=True)) for r in sheet.to_pylist()]
            tables["fxiaoke", kind] = canonical("fxiaoke", kind, rows)
    for folder in sorted((out / "feeds").iterdir()):
        for path in folder.iterdir() if folder.name <= day.isoformat() else ():
            rows = {r["id"]: r for r in feed_rows(path)}
            old = {r["id"]: r for r in tables.get(("feeds", path.stem), ())}
            tables["feeds", path.stem] = list({**old, **rows}.values())
    return Night(day, tables)


def feed_rows(path: Path) -> list[Row]:
    """Rows of one feed file with ids."""
    if path.suffix == ".parquet":
        rows: list[Row] = pq.read_table(path).to_pylist()
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{k: v or None for k, v in r.items()} for r in csv.DictReader(file)]
    else:
        rows = []
    return [row for row in rows if "id" in row]


RULES: dict[str, Callable[[Night], Found]] = {}


def rule(rule_id: str) -> Callable[[Callable[[Night], Found]], Callable[[Night], Found]]:
    """Register the judge of a rule."""

    def register(judge: Callable[[Night], Found]) -> Callable[[Night], Found]:
        RULES[rule_id] = judge
        return judge

    return register


def missing(rule_id: str, kinds: tuple[str, ...], *fields: str) -> None:
    """Register a rule by which one of some fields is filled."""

    def judge(night: Night) -> Found:
        for kind, source, row in night.each(*kinds):
            if not any(row.get(field) for field in fields):
                yield kind, source, row["id"]

    RULES[rule_id] = judge


def domestic(row: Row) -> bool:
    return row.get("country") in {None, "China", "中国"}


def is_company(source: str, row: Row) -> bool:
    return row.get("customer_type") != "个人"


def is_individual(source: str, kind: str, row: Row) -> bool:
    if kind == "accounts":
        return not is_company(source, row)
    return not row.get("account_id")


def is_open_deal(row: Row) -> bool:
    return row.get("stage") in OPEN_STAGES


def is_open_lead(row: Row) -> bool:
    return row["status"] not in LOST_LEADS | {"已转换"} and row.get("is_converted") != "true"


def number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


missing("ENT-001", ("accounts", "contacts", "leads"), "name", "full_name", "company", "last_name")
missing("ENT-002", ("accounts", "contacts", "leads"), "phone", "mobile", "email")
missing("ENT-003", ("accounts", "leads", "deals"), "owner_id", "owner_name")
missing("ENT-004", ("accounts", "leads"), "source_channel")


@rule("ENT-003")
def no_owner(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "leads", "deals"):
        field = "owner_id" if source == "zoho" else "owner_name"
        if not row.get(field) and not row.get("high_seas"):
            yield kind, source, row["id"]


@rule("ENT-005")
def no_industry(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        if is_company(source, row) and not row["industry"]:
            yield kind, source, row["id"]


@rule("ENT-006")
def no_place(night: Night) -> Found:
    cities = {"北京市", "上海市", "天津市", "重庆市"}
    for kind, source, row in night.each("accounts", "leads"):
        if domestic(row) and not (row["province"] in cities or (row["province"] and row["city"])):
            yield kind, source, row["id"]


@rule("ENT-007")
def no_product(night: Night) -> Found:
    for kind, source, row in night.each("leads", "deals"):
        is_open = is_open_lead(row) if kind == "leads" else is_open_deal(row)
        if is_open and not (row.get("intended_product") or row.get("product_name")):
            yield kind, source, row["id"]


@rule("ENT-008")
def no_amount(night: Night) -> Found:
    for kind, source, row in night.each("deals"):
        late = row["stage"] in WON or OPEN_STAGES.get(row["stage"]) == "negotiation"
        if late and not (row["amount"] and row["close_date"]):
            yield kind, source, row["id"]


@rule("ENT-009")
def no_reason(night: Night) -> Found:
    for kind, source, row in night.each("deals"):
        if not is_open_deal(row) and row["stage"] not in WON and not row["loss_reason"]:
            yield kind, source, row["id"]


@rule("ENT-010")
def no_role(night: Night) -> Found:
    for source in CRMS:
        known = {r["account_id"] for r in night.rows(source, "contacts") if r["title"] or r["role"]}
        deals = {r["account_id"] for r in night.rows(source, "deals") if is_open_deal(r)}
        for row in night.rows(source, "accounts"):
            if is_company(source, row) and row["id"] in deals - known:
                yield "accounts", source, row["id"]


@rule("ENT-011")
def no_size(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        sizes = [row.get(f) for f in ("employees", "company_size", "annual_revenue")]
        if is_company(source, row) and not any(sizes):
            yield kind, source, row["id"]


@rule("ENT-012")
def no_person(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "contacts"):
        if is_individual(source, kind, row):
            occupation = row.get("occupation") or (kind == "contacts" and row.get("title"))
            if not (row.get("birth_date") and occupation):
                yield kind, source, row["id"]


@rule("ENT-013")
def poor_profile(night: Night) -> Found:
    person = ("phone", "email", "source_channel", "province", "city", "birth_date", "occupation")
    company = (*person[:5], "website", "industry", "employees", "credit_code")
    for kind, source, row in night.each("accounts"):
        fields = company if is_company(source, row) else person
        if sum(bool(row.get(field)) for field in fields) < 0.6 * len(fields):
            yield kind, source, row["id"]


@rule("ENT-014")
def no_line(night: Night) -> Found:
    for kind, source, row in night.each("order_lines"):
        price = row["list_price"] or row["line_total"]
        if not ((row["product_id"] or row["product_name"]) and row["quantity"] and price):
            yield kind, source, row["id"]


@cache
def is_phone(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


@rule("ENT-020")
def bad_phone(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "contacts", "leads"):
        region = REGIONS[row.get("country")]
        if any(row.get(f) and not is_phone(row[f], region) for f in ("phone", "mobile")):
            yield kind, source, row["id"]


@rule("ENT-021")
def bad_email(night: Night) -> Found:
    good = re.compile(r"[a-z0-9._%+-]+@(?!mailinator)[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")
    for kind, source, row in night.each("accounts", "contacts", "leads"):
        if row["email"] and not good.fullmatch(row["email"]):
            yield kind, source, row["id"]


@rule("ENT-022")
def bad_code(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        if row["credit_code"] and not uscc.is_valid(row["credit_code"]):
            yield kind, source, row["id"]


@rule("ENT-023")
def bad_name(night: Night) -> Found:
    bad = re.compile(r"测试.*|test[0-9 ]*|[0-9]+|无|n/a|na|none|a{3,}|[ \u3000].*|.*[ \u3000😀]")
    for kind, source, row in night.each("accounts", "contacts", "leads"):
        names = [row.get(f) for f in ("name", "full_name", "company")]
        if any(name and bad.fullmatch(name.lower()) for name in names):
            yield kind, source, row["id"]


@rule("ENT-024")
def no_form(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        if is_company(source, row) and row["name"] and not FORMS.search(row["name"]):
            yield kind, source, row["id"]


@rule("ENT-025")
def bad_date(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "contacts", "leads", "deals", "orders"):
        for field, text in row.items():
            if text and (field.endswith(("_at", "_date"))):
                try:
                    datetime.fromisoformat(text)
                except ValueError:
                    yield kind, source, row["id"]


@rule("ENT-026")
def bad_amount(night: Night) -> Found:
    fields = ("amount", "grand_total", "sub_total", "discount", "tax", "list_price", "line_total")
    for kind, source, row in night.each("deals", "orders", "order_lines"):
        texts = [row[f] for f in fields if row.get(f)]
        if not all(re.fullmatch(r"-?\d+(\.\d{1,2})?", text) for text in texts):
            yield kind, source, row["id"]


@cache
def industries() -> tuple[frozenset[str], tuple[str, ...]]:
    with (ROOT / "seeds/mappings/industries.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    exact = frozenset(r["keyword"].lower() for r in rows if r["match_kind"] == "exact")
    return exact, tuple(r["keyword"].lower() for r in rows if r["match_kind"] != "exact")


@rule("ENT-027")
def unlisted(night: Night) -> Found:
    exact, parts = industries()
    for kind, source, row in night.each("accounts", "contacts", "sales_records"):
        text = (row.get("industry") or "").lower()
        known = not text or text in exact or any(part in text for part in parts)
        known &= row.get("level") in {None, "重点客户", "普通客户", "小客户"}
        known &= row.get("gender") in {None, "男", "女"}
        known &= row.get("manner") in {None, "电话", "拜访", "微信", "邮件"}
        if not known:
            yield {"sales_records": "activities"}.get(kind, kind), source, row["id"]


@cache
def places() -> frozenset[tuple[str, str]]:
    with (ROOT / "seeds/mappings/cities.csv").open(encoding="utf-8") as file:
        return frozenset((r["province"], r["city"]) for r in csv.DictReader(file))


@rule("ENT-028")
def bad_place(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "leads"):
        filled = row["province"] and row["city"]
        if domestic(row) and filled and (row["province"], row["city"]) not in places():
            yield kind, source, row["id"]


@rule("ENT-029")
def bad_site(night: Night) -> Found:
    good = re.compile(r"(https?://)?[\w-]+(\.[\w-]+)+(:\d+)?(/.*)?")
    for kind, source, row in night.each("accounts"):
        if row["website"] and not good.fullmatch(row["website"]):
            yield kind, source, row["id"]


@rule("ENT-030")
def title_in_name(night: Night) -> Found:
    for kind, source, row in night.each("contacts", "leads"):
        if FORMS_OF_ADDRESS.search(row["full_name"] or ""):
            yield kind, source, row["id"]


def outliers(values: list[tuple[str, float]]) -> set[str]:
    """Ids of what is far from the rest, in logarithms."""
    logs = [(key, log(value)) for key, value in values if value > 0]
    if len(logs) < 20:
        return set()
    middle = median(x for _, x in logs)
    spread = max(median(abs(x - middle) for _, x in logs), 0.1)
    return {key for key, x in logs if 0.6745 * abs(x - middle) / spread > 6}


@rule("ENT-040")
def odd_price(night: Night) -> Found:
    for source in CRMS:
        rates = {r["id"]: float(r.get("exchange_rate") or 1) for r in night.rows(source, "orders")}
        prices: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for row in night.rows(source, "order_lines"):
            price = number(row["list_price"])
            if price and row["order_id"] in rates:
                base = price * rates[row["order_id"]]
                prices[row["product_id"]].append((row["order_id"], base))
        for order in set().union(*(outliers(found) for found in prices.values())):
            yield "orders", source, order
        deals = [
            (r["id"], (number(r["amount"]) or 0) * float(r.get("exchange_rate") or 1))
            for r in night.rows(source, "deals")
        ]
        for deal in outliers(deals):
            yield "deals", source, deal


@rule("ENT-041")
def bad_sum(night: Night) -> Found:
    for source in CRMS:
        sums: dict[str, list[float]] = defaultdict(list)
        for row in night.rows(source, "order_lines"):
            quantity, price = number(row["quantity"]), number(row["list_price"])
            total, off = number(row["line_total"]), number(row.get("discount")) or 0
            sums[row["order_id"]].append(total or 0)
            if quantity and price and abs(quantity * price - off - (total or 0)) > 0.011:
                yield "order_lines", source, row["id"]
        for row in night.rows(source, "orders"):
            sub, grand = number(row["sub_total"]), number(row["grand_total"]) or 0
            if sub is None:
                continue
            paid = sub * float(row.get("discount_pct") or 100) / 100
            added = [number(row.get(f)) or 0 for f in ("tax", "adjustment")]
            due = paid - (number(row.get("discount")) or 0) + sum(added)
            apart = row["id"] in sums and abs(sum(sums[row["id"]]) - sub) > 0.011
            if apart or abs(due - grand) > 0.011:
                yield "orders", source, row["id"]


@rule("ENT-042")
def bad_order_of_dates(night: Night) -> Found:
    for kind, source, row in night.each("deals", "orders", "accounts", "contacts"):
        bad = kind == "deals" and (row["close_date"] or "9") < row["created_at"][:10]
        bad |= kind == "orders" and row["order_date"] > night.today
        birth = row.get("birth_date") or "1980"
        if bad or birth > night.today or birth < night.ago(120 * 365):
            yield kind, source, row["id"]


@rule("ENT-043")
def bad_probability(night: Night) -> Found:
    for kind, source, row in night.each("deals"):
        chance = float(row["probability"])
        right = chance == 100 if row["stage"] in WON else chance == 0
        if chance == 100 if is_open_deal(row) else not right:
            yield kind, source, row["id"]


@cache
def area(text: str) -> str:
    try:
        found = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return ""
    fixed = phonenumbers.number_type(found) == phonenumbers.PhoneNumberType.FIXED_LINE
    return str(geocoder.description_for_number(found, "zh")) if fixed else ""


@rule("ENT-044")
def far_phone(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        if row["phone"] and row["province"] and domestic(row):
            place = area(row["phone"])
            if place and place[:2] != row["province"][:2]:
                yield kind, source, row["id"]


@rule("ENT-045")
def bad_size(night: Night) -> Found:
    steps = (10, 20, 50, 100, 300, 1000)
    for kind, source, row in night.each("accounts"):
        text, people = row.get("company_size"), row.get("employees")
        if text and people:
            least = re.match(r"\d+", text)
            stated = bisect_right(steps, int(least[0])) if least else -1
            stated = 0 if text == "10人以下" else stated
            if stated != bisect_right(steps, int(people)):
                yield kind, source, row["id"]


@rule("ENT-046")
def duplicates(night: Night) -> Found:
    for source in CRMS:
        bearers: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for kind in ("accounts", "contacts"):
            for row in night.rows(source, kind):
                if kind == "contacts" and not is_individual(source, kind, row):
                    continue
                name = re.sub(r"\W", "", row.get("name") or row.get("full_name") or "").lower()
                found = [("name", name)] if name else []
                for field in ("phone", "mobile", "email", "credit_code"):
                    found += [(field, row[field].lower())] if row.get(field) else []
                for key in found:
                    bearers[key].add((kind, row["id"]))
        for records in bearers.values():
            for kind, record_id in records if len(records) > 1 else ():
                yield kind, source, record_id


@rule("ENT-047")
def entered_again(night: Night) -> Found:
    for source in CRMS:
        seen: dict[str, str] = {}
        for row in sorted(night.rows(source, "leads"), key=lambda r: r["created_at"]):
            day = row["created_at"][:10]
            since = (date.fromisoformat(day) - timedelta(days=90)).isoformat()
            points = [row[f] for f in ("mobile", "email") if row.get(f)]
            if any(seen.get(point, "") >= since for point in points):
                yield "leads", source, row["id"]
            seen.update(dict.fromkeys(points, day))


@rule("ENT-048")
def converted_to_nothing(night: Night) -> Found:
    for kind, source, row in night.each("leads"):
        to = row.get("converted_account_id") or row.get("converted_contact_id")
        if (row["converted_at"]) and not (to and row["converted_deal_id"]):
            yield kind, source, row["id"]


@rule("ENT-049")
def won_nothing(night: Night) -> Found:
    for source in CRMS:
        sold = {r["deal_id"] for r in night.rows(source, "orders")}
        for row in night.rows(source, "deals"):
            if row["stage"] in WON and row["id"] not in sold and not number(row["amount"]):
                yield "deals", source, row["id"]


def counted_orders(night: Night, source: str) -> list[Row]:
    rows = night.rows(source, "orders")
    return [r for r in rows if r["status"] in COUNTED and r.get("life_status") != "审核中"]


def status_of(source: str, account: Row) -> str | None:
    text = account["account_type"] if source == "zoho" else account["status"]
    return "prospect" if text in {"Prospect", "未成交"} else "existing"


@rule("ENT-050")
def order_of_prospect(night: Night) -> Found:
    for source in CRMS:
        status = {r["id"]: status_of(source, r) for r in night.rows(source, "accounts")}
        for row in counted_orders(night, source):
            if row["order_date"] < night.today and status.get(row["account_id"]) == "prospect":
                yield "orders", source, row["id"]


@rule("ENT-051")
def sold_nothing(night: Night) -> Found:
    for source in CRMS:
        sold = {r["account_id"] for r in counted_orders(night, source)}
        sold |= {r["account_id"] for r in night.rows(source, "deals") if r["stage"] in WON}
        for row in night.rows(source, "accounts"):
            if status_of(source, row) == "existing" and row["id"] not in sold:
                yield "accounts", source, row["id"]


@rule("UPD-001")
def status_kept(night: Night) -> Found:
    for source in CRMS:
        sold = {
            r["account_id"] for r in counted_orders(night, source) if r["order_date"] < night.today
        }
        for row in night.rows(source, "accounts"):
            if status_of(source, row) == "prospect" and row["id"] in sold:
                yield "accounts", source, row["id"]


@rule("UPD-003")
def close_date_past(night: Night) -> Found:
    for kind, source, row in night.each("deals"):
        if is_open_deal(row) and row["close_date"] and row["close_date"] < night.today:
            yield kind, source, row["id"]


def days_between(first: str, last: str) -> int:
    return (date.fromisoformat(last[:10]) - date.fromisoformat(first[:10])).days


@rule("UPD-004")
def slow(night: Night) -> Found:
    lasted: dict[str, list[int]] = defaultdict(list)
    entered = {}
    history = sorted(night.rows("zoho", "stage_history"), key=lambda r: r["modified_at"])
    at = {r["id"]: ("prospect", r["created_at"]) for r in night.rows("zoho", "deals")}
    stages = {r["id"]: r["stage"] for r in night.rows("zoho", "deals")}
    passed: dict[str, list[Row]] = defaultdict(list)
    for row in history:
        passed[row["deal_id"]].append(row)
    for deal, rows in passed.items():
        nexts = [OPEN_STAGES.get(r["stage"], "") for r in rows[1:]]
        for row, following in zip(rows, [*nexts, OPEN_STAGES.get(stages[deal], "")], strict=True):
            if following != at[deal][0]:
                lasted[at[deal][0]].append(days_between(at[deal][1], row["modified_at"]))
                at[deal] = (following, row["modified_at"])
    entered = {("zoho", deal): found for deal, found in at.items()}
    for row in night.rows("fxiaoke", "deals"):
        stage = OPEN_STAGES.get(row["stage"], "")
        entered["fxiaoke", row["id"]] = (stage, row["stage_changed_at"])
    for (source, deal), (stage, since) in entered.items():
        done = sorted(lasted.get(stage, ()))
        if done and days_between(since, night.today) > done[int(0.9 * (len(done) - 1))]:
            yield "open_deals", source, deal


def talks(night: Night, *, tried: bool = False) -> dict[tuple[str, str], list[str]]:
    """Days of two-way contacts (or of attempts) of each customer."""
    days: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in [*night.rows("zoho", "calls"), *night.rows("zoho", "meetings")]:
        held = "duration_seconds" not in row or float(row["duration_seconds"] or 0) > 0
        customer = row["related_id"] or row["contact_id"]
        if (held or (tried and row["direction"] == "Outbound")) and customer:
            days["zoho", customer].append(row["started_at"][:10])
    for row in night.rows("fxiaoke", "sales_records"):
        thing = json.loads(row["related_objects"])[0]
        held = row["manner"] == "拜访" or (row["manner"] == "电话" and row["result"] == "已接通")
        if (held or (tried and row["manner"])) and thing["describe_api_name"] == "AccountObj":
            days["fxiaoke", thing["id"]].append(row["created_at"][:10])
    for kind in ("call_logs", "store_visits", "web_sessions"):
        for row in night.tables.get(("feeds", kind), ()):
            two_way = float(row.get("duration_seconds") or 0) > 0 or kind == "store_visits"
            if row["record_id"] and (two_way or row.get("event") == "form_submit"):
                days[row["crm_source"], row["record_id"]].append(row["started_at"][:10])
    return days


def customers(night: Night) -> Iterator[tuple[str, Row]]:
    for kind, source, row in night.each("accounts", "contacts"):
        if kind == "accounts" or is_individual(source, kind, row):
            yield source, row


@rule("UPD-005")
def silent(night: Night) -> Found:
    days = talks(night)
    for source, row in customers(night):
        held = days.get((source, row["id"]))
        if held and max(held) < night.ago(14):
            yield "customers", source, row["id"]


def touches(night: Night) -> dict[tuple[str, str], list[str]]:
    """Times of the activities with each lead."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in night.rows("zoho", "calls"):
        if row["related_module"] == "Leads":
            found["zoho", row["related_id"]].append(row["started_at"][:16])
    for row in night.rows("fxiaoke", "sales_records"):
        thing = json.loads(row["related_objects"])[0]
        if thing["describe_api_name"] == "LeadsObj":
            found["fxiaoke", thing["id"]].append(row["created_at"][:16])
    return found


@rule("UPD-006")
def touched_late(night: Night) -> Found:
    found = touches(night)
    for kind, source, row in night.each("leads"):
        if night.ago(30) <= row["created_at"][:10] < night.today:
            hours = 4 if row["source_channel"] in HOT else 24
            limit = datetime.fromisoformat(row["created_at"][:16]) + timedelta(hours=hours)
            first = min(found.get((source, row["id"]), ["9999-01-01"]))
            if datetime.fromisoformat(first) > limit:
                yield kind, source, row["id"]


@rule("UPD-007")
def forgotten(night: Night) -> Found:
    found = touches(night)
    for kind, source, row in night.each("leads"):
        last = max([row["created_at"][:10], *found.get((source, row["id"]), ())])
        if is_open_lead(row) and last < night.ago(30):
            yield kind, source, row["id"]


@rule("UPD-008")
def no_next_step(night: Night) -> Found:
    for kind, source, row in night.each("leads", "deals"):
        is_open = is_open_lead(row) if kind == "leads" else is_open_deal(row)
        if is_open and (row["next_follow_at"] or "") < night.today:
            yield kind, source, row["id"]


@rule("UPD-009")
def owner_left(night: Night) -> Found:
    for kind, source, row in night.each("accounts", "leads", "deals"):
        field, name = ("owner_id", "id") if source == "zoho" else ("owner_name", "full_name")
        users = night.rows(source, "users")
        here = {r[name] for r in users if r["status"] in {"active", "启用"}}
        if row[field] and row[field].removeprefix("zcrm_") not in here:
            yield kind, source, row["id"]


@rule("UPD-010")
def not_reviewed(night: Night) -> Found:
    for kind, source, row in night.each("accounts"):
        if row["modified_at"][:10] < night.ago(180):
            yield kind, source, row["id"]


@cache
def needs() -> re.Pattern[str]:
    with (ROOT / "seeds/rules/need_keywords.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["need_group"] == "need"]
    words = [r"\b" * (r["is_word"] == "true") + re.escape(r["keyword"]) for r in rows]
    return re.compile("|".join(words), re.IGNORECASE)


@rule("UPD-011")
def need_unknown(night: Night) -> Found:
    said: dict[tuple[str, str], str] = defaultdict(str)
    for row in night.rows("zoho", "notes"):
        if needs().search(row["content"]):
            key = ("zoho", row["parent_id"])
            said[key] = max(said[key], row["created_at"][:10])
    for row in night.rows("fxiaoke", "sales_records"):
        thing = json.loads(row["related_objects"])[0]
        if needs().search(row["content"]):
            key = ("fxiaoke", thing["id"])
            said[key] = max(said[key], row["created_at"][:10])
    days = talks(night)
    for source, row in customers(night):
        since = said.get((source, row["id"]), "")
        if sum(day > since for day in days.get((source, row["id"]), ())) >= 3:
            yield "customers", source, row["id"]


@rule("UPD-012")
def unreachable(night: Night) -> Found:
    feeds = night.tables
    dead = {r["email"] for r in feeds.get(("feeds", "email_events"), ()) if r["event"] == "bounced"}
    calls = feeds.get(("feeds", "call_logs"), ())
    dead |= {r["phone"] for r in calls if r["result"] == "invalid number"}
    for kind, source, row in night.each("accounts", "contacts", "leads"):
        if dead & {row.get("email"), row.get("phone"), row.get("mobile")} - {None}:
            yield kind, source, row["id"]


@rule("UPD-013")
def not_asked(night: Night) -> Found:
    answers: dict[str, list[str]] = defaultdict(list)
    for row in night.tables.get(("feeds", "surveys"), ()):
        answers[row["record_id"] or ""].append(row["answered_at"][:10])
    for kind, source, row in night.each("orders"):
        delivered = row.get("delivery_date") or ""
        if night.ago(90) <= delivered <= night.ago(30):
            until = (date.fromisoformat(delivered) + timedelta(days=30)).isoformat()
            if not any(delivered <= day <= until for day in answers[row["account_id"]]):
                yield kind, source, row["id"]


@rule("UPD-014")
def complaint_open(night: Night) -> Found:
    rows = [("feeds", r) for r in night.tables.get(("feeds", "complaints"), ())]
    rows += [("zoho", r) for r in night.rows("zoho", "cases")]
    limit = (datetime.fromisoformat(night.today) - timedelta(days=1)).isoformat(" ")
    for source, row in rows:
        if row["status"] in {"open", "New"} and row["created_at"] < limit:
            yield "feedback", source, row["id"]


@rule("UPD-015")
def dormant(night: Night) -> Found:
    days, attempts = talks(night), talks(night, tried=True)
    bought: dict[str, str] = defaultdict(str)
    for source in CRMS:
        for row in counted_orders(night, source):
            if row["order_date"] <= night.today:
                key = row["account_id"] or row.get("contact_id") or ""
                bought[key] = max(bought[key], row["order_date"])
    for source, row in customers(night):
        last = max([bought[row["id"]], *days.get((source, row["id"]), ())])
        tried = max(attempts.get((source, row["id"]), [""]))
        if last and last < night.ago(120) and tried < night.ago(30):
            yield "customers", source, row["id"]


def broken(night: Night) -> Counter[tuple[str, str, str, str]]:
    """Judge all rules: rule, entity, source and record id of every violation, once each."""
    found = {
        (rule_id, *violation) for rule_id, judge in RULES.items() for violation in judge(night)
    }
    return Counter(found)


def changed_after_closing(before: Night, after: Night) -> Found:
    """UPD-016: the amount of a closed deal is another one on a later night."""
    for source in CRMS:
        closed = {r["id"]: r["amount"] for r in before.rows(source, "deals") if not is_open_deal(r)}
        for row in after.rows(source, "deals"):
            if closed.get(row["id"], row["amount"]) != row["amount"]:
                yield "deals", source, row["id"]


def results_ignored(before: Night, after: Night) -> Found:
    """UPD-002: a result that shows interest, or none, and the lead's status stayed."""
    was = {r["id"]: r["status"] for _, _, r in before.each("leads")}
    now = {r["id"]: r["status"] for _, _, r in after.each("leads")}
    for kind, source, row in after.each("calls", "sales_records"):
        lead = row.get("related_id")
        if kind == "sales_records":
            thing = json.loads(row["related_objects"])[0]
            lead = thing["id"] if thing["describe_api_name"] == "LeadsObj" else None
        means = row["result"] in {"Interested", "Not interested", "有意向", "无意向"}
        if lead in was and means and was[lead] == now[lead]:
            yield "activities", source, row["id"]
