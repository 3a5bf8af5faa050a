"""纷享销客 exports: one workbook per object as the UI writes it, or Open API JSON lines.

What belongs here: objects, labels, API names and option values of 纷享.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from dagster_project.demo import vocabulary as words
from dagster_project.demo.archives import write_workbook
from dagster_project.demo.columns import (
    DAY,
    NONE,
    RENDER_ROWS,
    Bools,
    Column,
    Ints,
    Strings,
    chunks,
    epoch_milliseconds,
    hexadecimal,
    integers,
    join,
    json_lines,
    json_piece,
    padded,
    plain,
    take,
    where,
)
from dagster_project.demo.dirt import Dirt
from dagster_project.demo.people import credit_codes, emails, landlines, mobiles, websites
from dagster_project.demo.snapshot import Snapshot, delivery_days, order_status_since
from dagster_project.demo.world import OWNERS_PER_CRM, account_numbers

Form = Literal["xlsx", "jsonl"]
Build = Callable[[Snapshot, Ints], list[Column]]

_ROWS_PER_WORKBOOK: Final = 500_000
_FIRST_OWNER: Final = len(words.OWNERS) - OWNERS_PER_CRM
_TEAM_COLUMNS: Final = tuple(
    f"{who}-普通成员-{right}"
    for who in ("人员", "部门", "用户组", "角色")
    for right in ("只读", "读写")
)
_REQUIRED: Final = {"客户名称", "姓名", "商机名称", "下单日期", "负责人", "产品名称"}
_LIFE: Final = {
    "正常": "normal",
    "变更中": "in_change",
    "作废": "invalid",
    "审核中": "under_review",
}


def record_ids(kind: str, rows: Ints) -> Strings:
    """24 hexadecimal digits, as MongoDB makes them; null where the row is NONE."""
    safe = np.maximum(rows, 0)
    text = join(f"5dc4cefa{zlib.crc32(kind.encode()):08x}", hexadecimal(safe, 8))
    return where(rows >= 0, text, None) if (rows < 0).any() else text


def write_fxiaoke(
    folder: Path, snapshot: Snapshot, dirt: Dirt, *, export_date: date, form: Form
) -> None:
    """One full export of every object."""
    for title, api, kind, build, rows in _objects(snapshot):
        written = dirt.rows_with_repeats("fxiaoke", kind, rows)
        content = _chunks_of(snapshot, kind, build, written, dirt)
        if form == "jsonl":
            if written.size == 0:  # an exporter without records writes no file
                continue
            with (folder / f"{api}.jsonl").open("wb") as file:
                for columns in content:
                    file.write(json_lines([piece for c in columns for piece in _pieces(c)]))
        else:
            stem = f"{title}对象导出结果_{export_date:%Y%m%d}"
            _write_workbooks(folder, stem, f"{title}数据", content)


def _chunks_of(
    snapshot: Snapshot, kind: str, build: Build, rows: Ints, dirt: Dirt
) -> Iterator[list[Column]]:
    for part in chunks(rows, RENDER_ROWS):
        columns = build(snapshot, part)
        yield dirt.applied("fxiaoke", kind, columns, rows=part, day=snapshot.day)


def _write_workbooks(folder: Path, stem: str, title: str, content: Iterator[list[Column]]) -> None:
    number = 0
    held: list[list[Column]] = []
    for columns in content:
        held.append(columns)
        if sum(len(part[0].values) for part in held) >= _ROWS_PER_WORKBOOK:
            number += 1
            _write_one(folder / f"{stem}{f'({number})' if number > 1 else ''}.xlsx", title, held)
            held = []
    if held:
        number += 1
        _write_one(folder / f"{stem}{f'({number})' if number > 1 else ''}.xlsx", title, held)


def _write_one(path: Path, title: str, parts: Sequence[list[Column]]) -> None:
    labels, numeric = _sheet_header(parts[0])
    write_workbook(
        path,
        title=title,
        header=labels,
        numeric=numeric,
        row_chunks=(_cells(columns) for columns in parts),
    )


def _sheet_header(columns: Sequence[Column]) -> tuple[list[str], list[bool]]:
    labels: list[str] = []
    numeric: list[bool] = []
    for column in columns:
        required = "（必填）" if column.label in _REQUIRED else ""
        labels.append(column.label + required)
        numeric.append(column.kind in ("money", "number"))
        if column.kind == "lookup":
            labels.append(f"{column.label}_唯一性ID")
            numeric.append(False)
    return [*labels, *_TEAM_COLUMNS], [*numeric, *(False for _ in _TEAM_COLUMNS)]


def _cells(columns: Sequence[Column]) -> list[Strings]:
    cells = []
    for column in columns:
        if column.kind == "lookup":
            cells += [column.names, column.values]
        elif column.kind == "person":
            cells.append(column.names)
        else:
            cells.append(plain(column, minutes_only=True))
    blank = pa.nulls(len(cells[0]), pa.string())
    return [*cells, *(blank for _ in _TEAM_COLUMNS)]


def _pieces(column: Column) -> list[Strings]:
    if column.kind in ("date", "datetime"):
        seconds = column.values
        if column.kind == "date":
            seconds = np.where(seconds == NONE, NONE, seconds * DAY)
        return [json_piece(column.api, epoch_milliseconds(seconds), quoted=False)]
    if column.kind == "person":
        listed = join('["', column.values, '"]')
        return [
            json_piece(column.api, listed, quoted=False),
            json_piece(f"{column.api}__r", column.names),
        ]
    if column.names is not None:
        return [json_piece(column.api, column.values), json_piece(f"{column.api}__r", column.names)]
    return [json_piece(column.api, plain(column))]


def _text(field: str, label: str, api: str, values: Strings) -> Column:
    return Column(field=field, label=label, api=api, values=values)


def _id(kind: str, rows: Ints) -> Column:
    return Column(field="id", label="唯一性ID", api="_id", kind="id", values=record_ids(kind, rows))


def _lookup(field: str, label: str, api: str, values: tuple[Strings, Strings]) -> Column:
    return Column(
        field=field, label=label, api=api, kind="lookup", values=values[0], names=values[1]
    )


def _moment(field: str, label: str, api: str, values: Ints) -> Column:
    return Column(field=field, label=label, api=api, kind="datetime", values=values)


def _day(field: str, label: str, api: str, values: Ints) -> Column:
    return Column(field=field, label=label, api=api, kind="date", values=values)


def _money(field: str, label: str, api: str, values: Ints) -> Column:
    return Column(field=field, label=label, api=api, kind="money", values=values)


def _number(field: str, label: str, api: str, values: Strings) -> Column:
    return Column(field=field, label=label, api=api, kind="number", values=values)


def _select(field: str, label: str, api: str, names: Strings, options: Strings = None) -> Column:
    """Make a picklist: its label in a workbook, the option (label in __r) in the API."""
    values = names if options is None else options
    return Column(field=field, label=label, api=api, kind="select", values=values, names=names)


def _person(field: str, label: str, api: str, owners: Ints) -> Column:
    names = [owner.name for owner in words.OWNERS[_FIRST_OWNER:]]
    codes = [str(1000 + number) for number in range(len(names))]
    return Column(
        field=field,
        label=label,
        api=api,
        kind="person",
        values=take(codes, owners),
        names=take(names, owners),
        codes=dict(zip(names, codes, strict=True)),
    )


def _tail(created: Ints, modified: Ints, owner: Ints, life: Strings | None = None) -> list[Column]:
    """Make the columns that every object ends with."""
    size = len(created)
    life = pa.repeat(pa.scalar("正常"), size) if life is None else life
    codes = pa.compute.index_in(life, pa.array(list(_LIFE))).to_numpy(zero_copy_only=False)
    lock = pa.repeat(pa.scalar("未锁定"), size)
    record_type = pa.repeat(pa.scalar("预设业务类型"), size)
    return [
        _person("owner_name", "负责人", "owner", owner),
        _select(
            "record_type", "业务类型", "record_type", record_type, pa.repeat("default__c", size)
        ),
        _select("life_status", "生命状态", "life_status", life, take(list(_LIFE.values()), codes)),
        _select("lock_status", "锁定状态", "lock_status", lock, pa.repeat("0", size)),
        _person("created_by", "创建人", "created_by", owner),
        _moment("created_at", "创建时间", "create_time", created),
        _person("modified_by", "最后修改人", "last_modified_by", owner),
        _moment("modified_at", "最后修改时间", "last_modified_time", modified),
    ]


def _customer(snapshot: Snapshot, rows: Ints) -> tuple[Strings, Strings]:
    """Id and name of customer records, after merges."""
    now = snapshot.winner[rows]
    return record_ids("accounts", now), snapshot.crm.customers.names.take(now)


def _accounts(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, parties = snapshot.crm, snapshot.world.parties
    table = crm.customers
    party, created, owner = table.party[rows], table.created[rows], snapshot.owner[rows]
    company, abroad, city = parties.company[party], parties.abroad[party], parties.city[party]
    foreign, away = abroad >= 0, np.maximum(abroad, 0)
    merged = table.merged_into[rows] >= 0
    number = account_numbers(parties, table, rows)
    landline = landlines(number, city)
    phone = where(company & ~foreign, landline, mobiles(number, abroad))
    orders = np.minimum(snapshot.order_count[rows], 2)
    cities, far = words.CITIES, words.ABROAD
    industry = where(company, take([i[1] for i in words.INDUSTRIES], parties.industry[party]), None)
    kind = where(company, "企业", "个人")
    claimed = np.maximum(created, snapshot.known(table.owner_changed[rows]))
    street = join(
        take(words.STREETS, number % len(words.STREETS)), integers(number % 998 + 1), "号"
    )
    from_size = np.array([least for least, _ in words.SIZE_TEXTS])
    ranges = np.searchsorted(from_size, parties.employees[party], side="right") - 1
    size = take([text for _, text in words.SIZE_TEXTS], np.where(company, ranges, NONE))
    code = where(~company | foreign | merged, None, credit_codes(party, city))
    return [
        _id("accounts", rows),
        _text("name", "客户名称", "name", table.names.take(rows)),
        _text("account_number", "客户编号", "account_no", join("KH", padded(rows + 1, 8))),
        _select("level", "客户级别", "account_level", take(words.LEVELS, party % 3)),
        _select(
            "account_type",
            "客户类型",
            "account_type",
            take(("直接客户", "渠道客户"), party // 3 % 2),
        ),
        _select("customer_type", "客户性质", "customer_type__c", kind),
        _select(
            "source_channel",
            "来源",
            "account_source",
            take(words.FXIAOKE_SOURCES, parties.source[party]),
        ),
        _select("industry", "1级行业", "industry_level1", industry),
        _select(
            "status",
            "成交状态",
            "deal_status",
            take(("未成交", "已成交", "多次成交"), orders),
            integers(orders + 1),
        ),
        _select("biz_status", "分配状态", "biz_status", pa.repeat(pa.scalar("已分配"), len(rows))),
        _text(
            "owner_department", "负责人主属部门", "owner_department", take(words.TEAMS, owner % 4)
        ),
        _text(
            "high_seas", "所属公海", "high_seas_id__r", where(is_pooled(party), "华东公海", None)
        ),
        _moment("claimed_at", "领取/分配时间", "claimed_time", claimed),
        _moment(
            "last_followed_at", "最后跟进时间", "last_followed_time", snapshot.last_contact[rows]
        ),
        _moment(
            "next_follow_at",
            "下次跟进时间",
            "next_followed_time",
            snapshot.follow_up_day(rows) * DAY + 36000,
        ),
        _moment(
            "last_deal_at", "最后一次成交时间", "last_deal_closed_time", snapshot.last_order[rows]
        ),
        _text("phone", "电话", "tel", phone),
        _text("email", "邮件", "email", emails(number)),
        _text("website", "网址", "url", where(company, websites(number), None)),
        _select(
            "country",
            "国家",
            "country",
            where(foreign, take([p.country for p in far], away), "中国"),
        ),
        _select(
            "province",
            "省",
            "province",
            where(foreign, None, take([p.province for p in cities], city)),
        ),
        _select("city", "市", "city", where(foreign, None, take([p.city for p in cities], city))),
        _text(
            "address",
            "详细地址",
            "address",
            where(foreign, take([p.city for p in far], away), street),
        ),
        _text("credit_code", "统一社会信用代码", "uniform_social_credit_code", code),
        _number(
            "employees",
            "员工人数",
            "employee_number__c",
            where(company, integers(parties.employees[party]), None),
        ),
        _select("company_size", "人员规模", "company_size__c", size),
        _day(
            "birth_date", "生日", "birthday__c", np.where(company, NONE, parties.birth_day[party])
        ),
        _text(
            "occupation",
            "职业",
            "occupation__c",
            where(company, None, take(words.OCCUPATIONS, party % 8)),
        ),
        _text("description", "备注", "remark", pa.nulls(len(rows), pa.string())),
        *_tail(created, snapshot.customer_modified(rows), owner),
    ]


def _contacts(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, parties = snapshot.crm, snapshot.world.parties
    table = crm.contacts
    customer, person = table.customer[rows], table.person[rows]
    party, title = crm.customers.party[customer], table.title[rows]
    english = parties.english[party]
    titles = where(english, take(words.TITLES_EN, title), take(words.TITLES_ZH, title))
    decides = take(words.CONTACT_ROLES, title)
    return [
        _id("contacts", rows),
        _text("full_name", "姓名", "name", table.names.take(rows)),
        _lookup("account_id", "客户名称", "account_id", _customer(snapshot, customer)),
        _text("department", "部门", "department", take(words.DEPARTMENTS, title)),
        _text("title", "职务", "job_title", titles),
        _select("role", "关键决策人", "primary_contact__c", decides),
        _select("gender", "性别", "gender", take(("男", "女"), person % 2)),
        _day("birth_date", "生日", "date_of_birth", table.birth_day[rows]),
        _text("mobile", "手机1", "mobile1", mobiles(person, parties.abroad[party])),
        _text("email", "邮件", "email", emails(person)),
        _text("wechat", "微信", "wechat", join("wx_", integers(person + 10_000))),
        _select(
            "source_channel", "来源", "source", take(words.FXIAOKE_SOURCES, parties.source[party])
        ),
        *_tail(table.created[rows], table.created[rows], snapshot.owner[customer]),
    ]


def _leads(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm = snapshot.crm
    table = crm.leads
    customer, person, city = table.customer[rows], table.person[rows], table.city[rows]
    own = customer >= 0
    safe = np.maximum(customer, 0)
    abroad = np.where(own, snapshot.world.parties.abroad[crm.customers.party[safe]], NONE)
    over = snapshot.before(table.closed[rows])
    done = over & own
    contacted = snapshot.before(table.contacted[rows])
    status = where(contacted, "跟进中", "未处理")
    status = where(over, where(own, "已转换", "无效"), status)
    stage = where(snapshot.before(table.qualified[rows]), "MQL", "跟进中")
    changes = (table.created, table.contacted, table.qualified, table.closed)
    modified = np.maximum.reduce([snapshot.known(change[rows]) for change in changes])
    owner = snapshot.lead_owner(rows)
    next_day = np.where(over, NONE, snapshot.follow_up_day(rows) * DAY + 36000)
    now = np.where(done, customer, NONE)
    cities = words.CITIES
    products = [p.name for p in words.PRODUCTS]
    deal = np.where(done, crm.first_deal[safe], NONE)
    reason = take(words.LOSS_REASONS_ZH, table.outcome[rows])
    return [
        _id("leads", rows),
        _text("full_name", "姓名", "name", table.names.take(rows)),
        _text("company", "公司", "company", table.companies.take(rows)),
        _text("mobile", "手机", "mobile", mobiles(person, abroad)),
        _text("email", "邮件", "email", emails(person)),
        _select(
            "source_channel", "来源", "source", take(words.FXIAOKE_SOURCES, table.source[rows])
        ),
        _select("stage", "线索阶段", "leads_stage", stage),
        _select("status", "业务状态", "biz_status", status),
        _select(
            "industry",
            "1级行业",
            "industry_level1",
            take([i[1] for i in words.INDUSTRIES], table.industry[rows]),
        ),
        _select(
            "province",
            "省",
            "province",
            where(abroad >= 0, None, take([p.province for p in cities], city)),
        ),
        _select(
            "city", "市", "city", where(abroad >= 0, None, take([p.city for p in cities], city))
        ),
        _select(
            "country",
            "国家",
            "country",
            where(
                abroad >= 0, take([p.country for p in words.ABROAD], np.maximum(abroad, 0)), "中国"
            ),
        ),
        _select(
            "intended_product",
            "意向产品",
            "intended_product__c",
            take(products, table.product[rows]),
        ),
        _moment(
            "last_activity_at",
            "最后跟进时间",
            "last_follow_time",
            np.maximum(snapshot.known(table.contacted[rows]), snapshot.last_touch[rows]),
        ),
        _moment("next_follow_at", "下次跟进时间", "next_followed_time", next_day),
        _moment("assigned_at", "分配时间", "assigned_time", table.created[rows]),
        _moment(
            "converted_at", "转换时间", "transform_time", np.where(done, table.closed[rows], NONE)
        ),
        _lookup(
            "converted_account_id",
            "转换客户",
            "account_id",
            _named(snapshot, "accounts", now, crm.customers.names),
        ),
        _lookup(
            "converted_deal_id",
            "转换商机",
            "new_opportunity_id",
            (record_ids("deals", deal), _deal_names(snapshot, deal)),
        ),
        _select("loss_reason", "线索无效原因", "close_reason", where(over & ~own, reason, None)),
        *_tail(table.created[rows], modified, owner),
    ]


def is_pooled(party: Ints) -> Bools:
    """Tell which customers stand in a public pool (公海)."""
    pooled: Bools = party % 10 == 0
    return pooled


def _named(_: Snapshot, kind: str, rows: Ints, names: Strings) -> tuple[Strings, Strings]:
    return record_ids(kind, rows), take(names, rows)


def _deal_names(snapshot: Snapshot, deals: Ints) -> Strings:
    table, customers = snapshot.crm.deals, snapshot.crm.customers
    if not len(table.customer):
        return pa.nulls(len(deals), pa.string())
    safe = np.maximum(deals, 0)
    product = take([p.name for p in words.PRODUCTS], table.product[safe])
    names = join(customers.names.take(table.customer[safe]), "-", product)
    return where(deals >= 0, names, None)


def _deals(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, table = snapshot.crm, snapshot.crm.deals
    customer = table.customer[rows]
    stage, closed = snapshot.deal_stage(rows)
    outcome, amount = table.outcome[rows], table.amount[rows]
    names = where(closed, take(words.FXIAOKE_CLOSED, outcome), take(words.FXIAOKE_STAGES, stage))
    option = np.where(closed, 5 + outcome, stage + 1)
    status = where(closed, take(words.FXIAOKE_CLOSED, outcome), "进行中")
    chances = np.array(words.FXIAOKE_STAGE_PROBABILITY)
    probability = np.where(closed, np.where(outcome == 0, 100, 0), chances[stage])
    close_day = np.where(closed, table.closed[rows] // DAY, table.expected_close_day[rows])
    changed = snapshot.deal_modified(rows)
    lead = table.lead[rows]
    party = crm.customers.party[customer]
    source = take(words.FXIAOKE_SOURCES, snapshot.world.parties.source[party])
    next_day = np.where(closed, NONE, snapshot.follow_up_day(rows) * DAY + 36000)
    reason = where(closed & (outcome > 0), take(words.LOSS_REASONS_ZH, table.reason[rows]), None)
    return [
        _id("deals", rows),
        _text("name", "商机名称", "name", _deal_names(snapshot, rows)),
        _lookup("account_id", "客户名称", "account_id", _customer(snapshot, customer)),
        _money("amount", "商机金额", "amount", amount),
        _day("close_date", "预计成交日期", "close_date", close_day),
        _select(
            "pipeline",
            "销售流程",
            "sales_process_id",
            pa.repeat(pa.scalar("标准销售流程"), len(rows)),
        ),
        _select("stage", "商机阶段", "sales_stage", names, integers(option)),
        _select("status", "阶段状态", "sales_status", status),
        _number("probability", "赢率", "probability", integers(probability)),
        _money("expected_revenue", "预测金额", "probability_amount", amount * probability // 100),
        _moment("stage_changed_at", "阶段变更时间", "stg_changed_time", changed),
        _moment(
            "last_activity_at",
            "最后跟进时间",
            "last_followed_time",
            np.maximum(changed, snapshot.last_contact[customer]),
        ),
        _moment("next_follow_at", "下次跟进时间", "next_followed_time", next_day),
        _lookup("lead_id", "源线索", "leads_id", _named(snapshot, "leads", lead, crm.leads.names)),
        _select("loss_reason", "输单原因", "lost_reason", reason),
        _select(
            "product_name",
            "意向产品",
            "intended_product__c",
            take([p.name for p in words.PRODUCTS], table.product[rows]),
        ),
        _select("source_channel", "来源", "source__c", source),
        *_tail(table.created[rows], changed, snapshot.owner[customer]),
    ]


def _order_numbers(rows: Ints) -> Strings:
    return join("XSDD", padded(rows + 1, 9))


def _orders(snapshot: Snapshot, rows: Ints) -> list[Column]:
    crm, table = snapshot.crm, snapshot.crm.orders
    customer, at, counted = table.customer[rows], table.at[rows], table.counted[rows]
    delivered, cancelled = order_status_since(crm, rows)
    voided = snapshot.before(cancelled)
    shipped = snapshot.before(delivered)
    status = where(counted, where(shipped, "已收货", "已确认"), where(voided, "已作废", "确认中"))
    life = where(
        counted,
        where(~shipped & (rows % 9 == 0), "变更中", "正常"),
        where(voided, "作废", "审核中"),
    )
    deal = table.deal[rows]
    modified = np.maximum.reduce([at, snapshot.known(delivered), snapshot.known(cancelled)])
    total = table.total(rows)
    returned, refunded = _given_back(snapshot)
    paid = np.where(counted & shipped, total, 0)
    return [
        _id("orders", rows),
        _text("document_number", "销售订单编号", "name", _order_numbers(rows)),
        _lookup("account_id", "客户名称", "account_id", _customer(snapshot, customer)),
        _lookup(
            "deal_id",
            "商机名称",
            "new_opportunity_id",
            (record_ids("deals", deal), _deal_names(snapshot, deal)),
        ),
        _day("order_date", "下单日期", "order_time", at // DAY),
        _money("grand_total", "销售订单金额(元)", "order_amount", total),
        _money("sub_total", "产品合计", "product_amount", table.sub_total[rows]),
        _number(
            "discount_pct", "整单折扣(%)", "discount", integers(100 - table.discount_pct[rows])
        ),
        _money("returned_amount", "退货金额", "returned_goods_amount", returned[rows]),
        _money("refund_amount", "退款金额", "refund_amount", refunded[rows]),
        _money("payment_amount", "已回款金额", "payment_amount", paid),
        _money(
            "receivable_amount",
            "待回款金额",
            "receivable_amount",
            np.where(counted, total - paid, 0),
        ),
        _select(
            "logistics_status", "发货状态", "logistics_status", where(shipped, "已收货", "待发货")
        ),
        _day("delivery_date", "交货日期", "delivery_date", delivery_days(crm, rows)),
        _select("status", "订单状态", "order_status", status),
        _select(
            "channel",
            "下单渠道",
            "order_channel__c",
            take(("线上商城", "线下门店", "销售代表"), rows % 3),
        ),
        _text("description", "备注", "remark", pa.nulls(len(rows), pa.string())),
        *_tail(at, modified, crm.customers.owner_at(at, customer), life),
    ]


def _given_back(snapshot: Snapshot) -> tuple[Ints, Ints]:
    """Amounts returned and refunded so far, by order."""
    returns, count = snapshot.crm.returns, len(snapshot.crm.orders.at)
    sums = []
    for goods in (True, False):
        rows = np.flatnonzero((returns.goods == goods) & snapshot.before(returns.at))
        amount = np.zeros(count, dtype=np.int64)
        np.add.at(amount, returns.order[rows], returns.amount[rows])
        sums.append(amount)
    return sums[0], sums[1]


def _lines(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table, orders = snapshot.crm.lines, snapshot.crm.orders
    order, product = orders.of_lines(rows), table.product[rows].astype(np.int64)
    at = orders.at[order]
    listed = words.PRODUCTS
    owner = snapshot.crm.customers.owner_at(at, orders.customer[order])
    return [
        _id("order_lines", rows),
        _lookup(
            "product_id",
            "产品名称",
            "product_id",
            (record_ids("products", product), take([p.name for p in listed], product)),
        ),
        _lookup(
            "order_id",
            "销售订单编号",
            "order_id",
            (record_ids("orders", order), _order_numbers(order)),
        ),
        _number("quantity", "数量", "quantity", integers(table.quantity[rows])),
        _money("list_price", "单价", "sales_price", table.price[rows]),
        _number("discount_pct", "折扣", "discount", pa.repeat(pa.scalar("100"), len(rows))),
        _money("line_total", "小计", "subtotal", table.price[rows] * table.quantity[rows]),
        _select("unit", "单位", "unit", take([p.unit for p in listed], product)),
        *_tail(at, at, owner),
    ]


def _returned_goods(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table, orders = snapshot.crm.returns, snapshot.crm.orders
    order, at = table.order[rows], table.at[rows]
    customer = orders.customer[order]
    return [
        _id("returns", rows),
        _text("document_number", "退货单编号", "name", join("THD", padded(rows + 1, 8))),
        _lookup("account_id", "客户名称", "account_id", _customer(snapshot, customer)),
        _lookup(
            "order_id",
            "销售订单编号",
            "order_id",
            (record_ids("orders", order), _order_numbers(order)),
        ),
        _day("refund_date", "退货日期", "returned_goods_time", at // DAY),
        _money("amount", "退货金额", "returned_goods_inv_amount", table.amount[rows]),
        _select(
            "reason",
            "退货原因",
            "returned_goods_reason",
            take(words.RETURN_REASONS, table.reason[rows]),
        ),
        *_tail(at, at, snapshot.crm.customers.owner_at(at, customer)),
    ]


def _refunds(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table, orders = snapshot.crm.returns, snapshot.crm.orders
    order, at = table.order[rows], table.at[rows]
    customer = orders.customer[order]
    return [
        _id("refunds", rows),
        _text("document_number", "退款编号", "name", join("TK", padded(rows + 1, 8))),
        _lookup("account_id", "客户名称", "account_id", _customer(snapshot, customer)),
        _lookup(
            "order_id",
            "销售订单编号",
            "order_id",
            (record_ids("orders", order), _order_numbers(order)),
        ),
        _day("refund_date", "退款日期", "refunded_time", at // DAY),
        _money("amount", "退款金额", "refunded_amount", table.amount[rows]),
        _select(
            "reason", "退款原因", "refunded_reason", take(words.RETURN_REASONS, table.reason[rows])
        ),
        *_tail(at, at, snapshot.crm.customers.owner_at(at, customer)),
    ]


def _records(snapshot: Snapshot, rows: Ints) -> list[Column]:
    table = snapshot.crm.activities
    at, topic, customer = table.at[rows], table.topic[rows], table.customer[rows]
    ids, names = _customer(snapshot, np.maximum(customer, 0))
    lead = table.lead[rows]
    with_lead = lead >= 0
    ids = where(with_lead, record_ids("leads", lead), ids)
    names = where(with_lead, take(snapshot.crm.leads.names, lead), names)
    thing = where(with_lead, "LeadsObj", "AccountObj")
    related = join('[{"describe_api_name":"', thing, '","id":"', ids, '","name":"', names, '"}]')
    scenario = take(("客户跟进", "售后回访"), topic % 2)
    which = topic % len(words.MANNERS)
    # What was said names a need, as there is no object for notes.
    said = take(words.NOTES, topic // 64 % len(words.NOTES))
    content = join(take(words.FOLLOW_UPS, which), "。", said)
    by_phone = np.asarray(words.MANNERS)[which] == "电话"
    answer = where(table.seconds[rows] > 0, "已接通", "未接通")
    return [
        _id("activities", rows),
        _text("content", "跟进内容", "active_record_content", content),
        _select("manner", "跟进类型", "active_record_type", take(words.MANNERS, which)),
        _select("purpose", "互动场景", "interactive_scenario", scenario),
        _select("result", "跟进结果", "interactive_result__c", where(by_phone, answer, None)),
        _text("related_objects", "关联业务数据", "related_object_data", related),
        *_tail(at, at, snapshot.activity_owner(rows)),
    ]


def _products(snapshot: Snapshot, rows: Ints) -> list[Column]:
    listed = words.PRODUCTS
    since = np.full(len(rows), (snapshot.world.first_day - 60) * DAY + 9 * 3600)
    price = np.array([round(p.price * 100) for p in listed])
    return [
        _id("products", rows),
        _text("name", "产品名称", "name", take([p.name for p in listed], rows)),
        _text("product_code", "产品编码", "product_code", take([p.code for p in listed], rows)),
        _select("category", "分类", "category", take([p.category for p in listed], rows)),
        _select("unit", "单位", "unit", take([p.unit for p in listed], rows)),
        _money("unit_price", "标准价格(元)", "price", price[rows]),
        _select(
            "is_active",
            "上下架",
            "product_status",
            pa.repeat(pa.scalar("已上架"), len(rows)),
            pa.repeat("1", len(rows)),
        ),
        *_tail(since, since, np.zeros(len(rows), dtype=np.int64)),
    ]


def _personnel(snapshot: Snapshot, rows: Ints) -> list[Column]:
    owners = words.OWNERS[_FIRST_OWNER:]
    since = np.full(len(rows), (snapshot.world.first_day - 400) * DAY)
    left = snapshot.has_left(rows)
    return [
        Column(field="id", label="唯一性ID", api="_id", kind="id", values=integers(rows + 1000)),
        _text("full_name", "姓名", "name", take([o.name for o in owners], rows)),
        _text("email", "邮箱", "email", take([f"{o.pinyin}@kefen-demo.com" for o in owners], rows)),
        _text(
            "department", "主属部门", "main_department", take(words.TEAMS, rows % len(words.TEAMS))
        ),
        _text("role", "职位", "position", where(rows % 4 == 0, "销售主管", "销售代表")),
        _select("status", "状态", "status", where(left, "停用", "启用"), where(left, "1", "0")),
        _moment("created_at", "创建时间", "create_time", since),
    ]


def _objects(snapshot: Snapshot) -> list[tuple[str, str, str, Build, Ints]]:
    """Title, API name, kind, columns and rows of every object."""
    crm = snapshot.crm
    orders = len(snapshot.orders)
    given_back = np.flatnonzero(snapshot.before(crm.returns.at))
    goods = crm.returns.goods[given_back]
    return [
        ("客户", "AccountObj", "accounts", _accounts, snapshot.customers),
        ("联系人", "ContactObj", "contacts", _contacts, snapshot.contacts),
        ("销售线索", "LeadsObj", "leads", _leads, snapshot.leads),
        ("商机2.0", "NewOpportunityObj", "deals", _deals, snapshot.deals),
        ("销售订单", "SalesOrderObj", "orders", _orders, snapshot.orders),
        (
            "订单产品",
            "SalesOrderProductObj",
            "order_lines",
            _lines,
            np.arange(crm.orders.first_line[orders]),
        ),
        ("退货单", "ReturnedGoodsInvoiceObj", "returns", _returned_goods, given_back[goods]),
        ("退款", "RefundObj", "refunds", _refunds, given_back[~goods]),
        ("销售记录", "ActiveRecordObj", "sales_records", _records, snapshot.activities),
        ("产品", "ProductObj", "products", _products, np.arange(len(words.PRODUCTS))),
        ("人员", "PersonnelObj", "users", _personnel, np.arange(OWNERS_PER_CRM)),
    ]
