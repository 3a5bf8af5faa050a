"""Fix lists: what each owner should correct in the CRM, as a workbook that a person works from.

Reads the published violations only. What belongs here: the order of the rows and the layout of the
workbooks. What does not: which record breaks a rule. Rows go from the database to the file one
batch at a time; a night has more of them than belong in memory.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import duckdb
import xlsxwriter
from rapidfuzz import process
from rich.table import Table
from xlsxwriter.worksheet import Worksheet

from dagster_project.settings import Settings

UNASSIGNED = "无负责人 unassigned"
# A person works from a sheet; what is below this many rows comes up in the list of a later night.
ROWS_PER_SHEET = 1_000
# What one person asks for may be sorted and filtered by a team as well.
ROWS_PER_SHEET_ASKED = 5_000
PREVIEW_ROWS = 20
BATCH = 5_000
NEAREST = 5
# Of 255 bytes that a file name may have; a character of a name has up to four.
NAME_LENGTH = 40
CELL_LENGTH = 32_767

ENTITIES = {
    "customers": "客户跟进 customers",
    "accounts": "客户 accounts",
    "contacts": "联系人 contacts",
    "leads": "线索 leads",
    "deals": "商机 deals",
    "orders": "订单 orders",
    "order_lines": "订单明细 order_lines",
    "refunds": "退款 refunds",
    "activities": "跟进记录 activities",
    "products": "产品 products",
    "amounts": "金额 amounts",
}
SEVERITIES = {"critical": "严重 critical", "warning": "警告 warning", "info": "提示 info"}
FILLS = {"critical": "#F7C5C0", "warning": "#FDE9BF", "info": "#DBE9F9"}

# Rules about records. Structural rules judge exports, which a salesperson cannot mend.
RECORD_RULES = "(rule_id like 'ENT-%' or rule_id like 'UPD-%')"
VALUES = {
    "as_of_date": "date",
    "rule_id": "varchar",
    "entity": "varchar",
    "crm_source": "varchar",
    "record_id": "varchar",
    "record_name": "varchar",
    "customer_key": "varchar",
    "customer_value_base": "decimal(18, 2)",
    "owner_key": "varchar",
    "owner_name": "varchar",
    "team": "varchar",
    "field": "varchar",
    "value": "varchar",
    "severity": "varchar",
    "description_zh": "varchar",
    "description_en": "varchar",
    "fix_hint_zh": "varchar",
    "fix_hint_en": "varchar",
    "first_seen_on": "date",
    "days_open": "integer",
    "reopened": "integer",
}

Kind = Literal["severity", "text", "long", "money", "date", "count"]


class NoOwnerError(Exception):
    """There is no such owner, or several; the message names who was meant perhaps."""


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its heading, how it is shown, and what of a row it says."""

    heading: str
    kind: Kind
    width: int
    names: tuple[str, ...]


COLUMNS = (
    Column("程度 Severity", "severity", 15, ("severity",)),
    Column("记录编号 Record id", "text", 24, ("record_id",)),
    Column("名称 Name", "text", 26, ("record_name",)),
    Column("字段 Field", "text", 18, ("field",)),
    Column("现在的值 Current value", "text", 26, ("value",)),
    Column("问题 Problem", "long", 48, ("description_zh", "description_en")),
    Column("如何修正 How to fix", "long", 48, ("fix_hint_zh", "fix_hint_en")),
    Column("客户价值 Customer value", "money", 18, ("customer_value_base",)),
    Column("首次发现 First seen", "date", 13, ("first_seen_on",)),
    Column("已开天数 Days open", "count", 11, ("days_open",)),
    Column("复发次数 Reopened", "count", 11, ("reopened",)),
    Column("规则 Rule", "text", 10, ("rule_id",)),
    Column("来源 CRM", "text", 11, ("crm_source",)),
    Column("客户编号 Customer key", "text", 34, ("customer_key",)),
)
SHOWN = (
    "程度 Severity",
    "记录编号 Record id",
    "名称 Name",
    "现在的值 Current value",
    "问题 Problem",
)

ABOUT = (
    "每个表是一种记录；客户价值高的在前，其次按严重程度。",
    "One sheet per kind of record; customers of the highest value first, then by severity.",
    "请在 CRM 中修改记录，不要改本文件；修正后的记录在下一晚的清单中消失。",
    "Correct the record in the CRM, not this file; what is corrected is gone from the next list.",
)


@dataclass(frozen=True)
class Owner:
    """Whose list it is; without a key it is nobody's."""

    key: str | None
    name: str | None = None
    team: str | None = None

    @property
    def label(self) -> str:
        """The name, or what stands for it."""
        return UNASSIGNED if self.key is None else self.name or self.key


@dataclass(frozen=True)
class RuleCount:
    """How many records of an owner break one rule."""

    entity: str
    rule_id: str
    severity: str
    problem: str
    records: int


@dataclass(frozen=True)
class FixList:
    """A workbook that was written: whose, where, how many violations, and its first rows."""

    owner: Owner
    as_of: date | None
    path: Path | None
    violations: int
    first_rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Contents:
    """What all lists need to know before their rows come."""

    as_of: date | None
    owners: dict[str | None, Owner]
    counts: dict[str | None, list[RuleCount]]


def write_fix_lists(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    base_currency: str,
    rows_per_sheet: int = ROWS_PER_SHEET,
) -> list[FixList]:
    """Write a workbook for each owner who has something to correct, and one for nobody's records.

    connection: of a database with the published tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = _source(connection)
    contents = _contents(connection, source)
    names = file_names(contents.owners.values())
    paths = {key: folder / f"{name}.xlsx" for key, name in names.items()}
    rows = _rows(connection, source, rows_per_sheet=rows_per_sheet)
    return list(_write(rows, contents=contents, paths=paths, base_currency=base_currency))


def write_fix_list(settings: Settings, owner: str) -> FixList:
    """Write the workbook of one owner, found by key or name, from the published database.

    Nothing is written for an owner who has nothing to correct.
    Raises NoOwnerError naming candidates if nobody, or more than one, bears the name.
    """
    database = settings.published_dir / "kefen.duckdb"
    if not database.is_file():
        raise NoOwnerError(f"there is no {database}; run `make run` first")
    with duckdb.connect(str(database), read_only=True) as connection:
        source = _source(connection)
        known = _known(connection, source)
        found = _find(known, owner)
        only = "owner_key is null" if found.key is None else "owner_key = $owner_key"
        chosen = f"(select * from {source} where {only})"
        values = {} if found.key is None else {"owner_key": found.key}
        contents = _contents(connection, chosen, values)
        if found.key not in contents.owners:
            return FixList(owner=found, as_of=contents.as_of, path=None, violations=0)
        settings.report_dir.mkdir(parents=True, exist_ok=True)
        name = file_names(known)[found.key]
        path = settings.report_dir / f"fixlist_{name}_{contents.as_of}.xlsx"
        # A command that is stopped leaves no half of a list under its name.
        part = path.with_name(f".{path.name}.part")
        rows = _rows(connection, chosen, values, rows_per_sheet=ROWS_PER_SHEET_ASKED)
        try:
            (written,) = _write(
                rows,
                contents=contents,
                paths={found.key: part},
                base_currency=settings.base_currency,
            )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return FixList(
        owner=found,
        as_of=written.as_of,
        path=path,
        violations=written.violations,
        first_rows=written.first_rows,
    )


def preview_table(done: FixList) -> Table:
    """Lay out the first rows of a list for the console."""
    table = Table(title=f"{done.owner.label}  {done.as_of}  {done.violations:,}")
    columns = [column for column in COLUMNS if column.heading in SHOWN]
    for column in columns:
        table.add_column(column.heading, overflow="fold")
    for row in done.first_rows:
        table.add_row(*(str(_said(column, row) or "") for column in columns))
    return table


def safe_name(name: str) -> str:
    """Make a part of a file name of a text that may hold anything."""
    normal = unicodedata.normalize("NFC", name)
    printable = "".join(letter if letter.isprintable() else "_" for letter in normal)
    safe = re.sub(r'[\\/:*?"<>|]', "_", printable)[:NAME_LENGTH].strip(" .")
    # Names that Windows keeps for devices.
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe):
        safe = f"_{safe}"
    return safe or "_"


def file_names(owners: Iterable[Owner]) -> dict[str | None, str]:
    """Name the file of each owner; those who would share one get their key behind the name."""
    by_name: dict[str, list[Owner]] = defaultdict(list)
    for owner in owners:
        by_name[safe_name(owner.label).casefold()].append(owner)
    names: dict[str | None, str] = {}
    for bearers in by_name.values():
        for owner in bearers:
            name = safe_name(owner.label)
            shared = len(bearers) > 1 and owner.key is not None
            names[owner.key] = f"{name}_{safe_name(str(owner.key))}" if shared else name
    return names


def _source(connection: duckdb.DuckDBPyConnection) -> str:
    """Give the violations of records; columns that an earlier version did not publish are null."""
    found = {
        row[0]
        for row in connection.execute("select column_name from (describe dq_violations)").fetchall()
    }
    columns = ", ".join(
        name if name in found else f"cast(null as {kind}) as {name}"
        for name, kind in VALUES.items()
    )
    return f"(select rowid as violation, {columns} from dq_violations where {RECORD_RULES})"


def _contents(
    connection: duckdb.DuckDBPyConnection, source: str, values: dict[str, str] | None = None
) -> _Contents:
    rows = connection.execute(
        "select owner_key, max(owner_name), max(team), max(as_of_date), entity, rule_id, severity, "
        "max(description_zh), max(description_en), count(*) "
        f"from {source} group by owner_key, entity, rule_id, severity "
        f"order by owner_key nulls last, {_rank('entity', ENTITIES)}, entity, "
        f"{_rank('severity', SEVERITIES)}, rule_id",
        values or {},
    ).fetchall()
    owners: dict[str | None, Owner] = {}
    counts: dict[str | None, list[RuleCount]] = defaultdict(list)
    for key, name, team, _, entity, rule_id, severity, zh, en, records in rows:
        owners.setdefault(key, Owner(key=key, name=name, team=team))
        counts[key].append(
            RuleCount(
                entity=entity,
                rule_id=rule_id,
                severity=severity,
                problem=f"{zh} {en}",
                records=records,
            )
        )
    days = [row[3] for row in rows]
    return _Contents(as_of=max(days) if days else None, owners=owners, counts=counts)


def _rows(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    values: dict[str, str] | None = None,
    *,
    rows_per_sheet: int,
) -> Iterator[dict[str, Any]]:
    """Give the rows of all sheets, one after the other, in the order in which to work on them."""
    # Ranked by narrow rows: only the widths of those that are shown are read.
    cursor = connection.execute(
        "with ranked as (select violation, row_number() over ("
        "partition by owner_key, entity order by customer_value_base desc nulls last, "
        f"{_rank('severity', SEVERITIES)}, record_id, crm_source, rule_id) as position "
        f"from {source} qualify position <= {rows_per_sheet}) "
        f"select shown.* from {source} as shown inner join ranked using (violation) "
        f"order by owner_key nulls last, {_rank('entity', ENTITIES)}, entity, ranked.position",
        values or {},
    )
    names = [column[0] for column in cursor.description or []]
    while batch := cursor.fetchmany(BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))


def _rank(column: str, order: Iterable[str]) -> str:
    whens = " ".join(f"when '{code}' then {rank}" for rank, code in enumerate(order))
    return f"case {column} {whens} else 99 end"


def _write(
    rows: Iterator[dict[str, Any]],
    *,
    contents: _Contents,
    paths: dict[str | None, Path],
    base_currency: str,
) -> Iterator[FixList]:
    for key, of_owner in groupby(rows, key=lambda row: row["owner_key"]):
        counts = contents.counts[key]
        first_rows: list[dict[str, Any]] = []
        with _Workbook(paths[key], base_currency=base_currency) as book:
            book.about(contents.owners[key], as_of=contents.as_of, counts=counts)
            for entity, of_entity in groupby(of_owner, key=lambda row: row["entity"]):
                total = sum(count.records for count in counts if count.entity == entity)
                book.sheet(entity, of_entity, total=total, first_rows=first_rows)
        yield FixList(
            owner=contents.owners[key],
            as_of=contents.as_of,
            path=paths[key],
            violations=sum(count.records for count in counts),
            first_rows=first_rows,
        )


def _said(column: Column, row: dict[str, Any]) -> object:
    if column.kind == "severity":
        return SEVERITIES.get(row["severity"], row["severity"])
    values = [row[name] for name in column.names if row[name] is not None]
    if column.kind in {"money", "date", "count"}:
        return values[0] if values else None
    return " ".join(str(value) for value in values)


def _label(entity: str) -> str:
    return ENTITIES.get(entity, entity)


class _Workbook:
    """The workbook of one owner; rows are on disk as soon as the next one is written."""

    def __init__(self, path: Path, *, base_currency: str) -> None:
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                # What a CRM holds is text, whatever it looks like.
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._money = f"客户价值 Customer value ({base_currency})"
        top = {"valign": "top"}
        add = self._book.add_format
        self._formats = {
            "header": add({"bold": True, "bg_color": "#E8EEF5", "bottom": 1, "text_wrap": True}),
            "title": add({"bold": True, "font_size": 14}),
            "text": add(top),
            # A quote before it: the text stays a text when the cell is edited or copied.
            "quoted": add({**top, "quote_prefix": True}),
            "long": add({**top, "text_wrap": True}),
            "money": add({**top, "num_format": "#,##0.00"}),
            "date": add({**top, "num_format": "yyyy-mm-dd"}),
            "count": add({**top, "num_format": "0"}),
            "more": add({"italic": True}),
            **{code: add({**top, "bg_color": fill}) for code, fill in FILLS.items()},
        }

    def __enter__(self) -> "_Workbook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._book.close()

    def about(self, owner: Owner, *, as_of: date | None, counts: list[RuleCount]) -> None:
        """Write the first sheet: whose list it is, how to use it, how many per rule."""
        sheet = self._book.add_worksheet("说明 About")
        for column, width in enumerate((24, 12, 16, 80, 10)):
            sheet.set_column(column, column, width)
        sheet.write_string(0, 0, "CRM 数据修正清单 CRM fix list", self._formats["title"])
        facts = {
            "负责人 Owner": owner.label,
            "团队 Team": owner.team or "",
            "截至 As of": str(as_of),
            "条数 Rows": f"{sum(count.records for count in counts):,}",
        }
        at = 2
        for name, value in facts.items():
            sheet.write_string(at, 0, name, self._formats["header"])
            self._text(sheet, at, 1, value)
            at += 1
        for line in ABOUT:
            at += 1
            sheet.write_string(at, 0, line)
        at += 2
        for column, heading in enumerate(
            ("表 Sheet", "规则 Rule", "程度 Severity", "问题 Problem", "条数 Rows")
        ):
            sheet.write_string(at, column, heading, self._formats["header"])
        for count in counts:
            at += 1
            self._text(sheet, at, 0, _label(count.entity))
            self._text(sheet, at, 1, count.rule_id)
            self._severity(sheet, at, 2, count.severity)
            self._text(sheet, at, 3, count.problem, style="long")
            sheet.write_number(at, 4, count.records, self._formats["count"])

    def sheet(
        self,
        entity: str,
        rows: Iterable[dict[str, Any]],
        *,
        total: int,
        first_rows: list[dict[str, Any]],
    ) -> None:
        """Write the sheet of one kind of record; the last row says how many it leaves out."""
        sheet = self._book.add_worksheet(re.sub(r"[\[\]:*?/\\]", "_", _label(entity))[:31])
        sheet.freeze_panes(1, 3)
        for at, column in enumerate(COLUMNS):
            heading = self._money if column.kind == "money" else column.heading
            sheet.set_column(at, at, column.width)
            sheet.write_string(0, at, heading, self._formats["header"])
        last = 0
        for last, row in enumerate(rows, start=1):
            if len(first_rows) < PREVIEW_ROWS:
                first_rows.append(row)
            for at, column in enumerate(COLUMNS):
                self._cell(sheet, last, at, column, row)
        sheet.autofilter(0, 0, last, len(COLUMNS) - 1)
        if total > last:
            rest = total - last
            text = f"另有 {rest:,} 条未列出，修正以上后会出现 {rest:,} more are not listed"
            sheet.write_string(last + 1, 0, text, self._formats["more"])

    def _cell(
        self, sheet: Worksheet, at: int, where: int, column: Column, row: dict[str, Any]
    ) -> None:
        value = _said(column, row)
        if column.kind == "severity":
            self._severity(sheet, at, where, row["severity"])
        elif value is None or value == "":
            return
        elif column.kind == "date":
            sheet.write_datetime(at, where, value, self._formats["date"])
        elif column.kind in {"money", "count"}:
            sheet.write_number(at, where, value, self._formats[column.kind])
        else:
            self._text(sheet, at, where, str(value), style=column.kind)

    def _severity(self, sheet: Worksheet, at: int, where: int, code: str) -> None:
        style = self._formats.get(code, self._formats["text"])
        sheet.write_string(at, where, SEVERITIES.get(code, code), style)

    def _text(
        self, sheet: Worksheet, at: int, where: int, text: str, *, style: str = "text"
    ) -> None:
        # A longer text would not be written at all.
        if len(text) > CELL_LENGTH:
            text = text[: CELL_LENGTH - 1] + "…"
        looks_like_formula = text.startswith(("=", "+", "-", "@", "\t", "\r"))
        chosen = self._formats["quoted" if looks_like_formula else style]
        sheet.write_string(at, where, text, chosen)


def _known(connection: duckdb.DuckDBPyConnection, source: str) -> list[Owner]:
    """Give every owner; those of the directory too, who may have nothing to correct."""
    rows = connection.execute(
        "select owner_key, max(owner_name), max(team) from ("
        "select owner_key, owner_name, team from dim_owner "
        f"union all select owner_key, owner_name, team from {source}"
        ") where owner_key is not null group by owner_key order by owner_key"
    ).fetchall()
    return [Owner(key=None), *(Owner(key=key, name=name, team=team) for key, name, team in rows)]


def _find(known: list[Owner], who: str) -> Owner:
    if who in {UNASSIGNED, *UNASSIGNED.split()}:
        return Owner(key=None)
    found = [owner for owner in known if owner.key is not None and who in (owner.key, owner.name)]
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(str(owner.key) for owner in found)
        raise NoOwnerError(f"{len(found)} owners are called {who}; choose a key: {keys}")
    names = sorted({owner.name for owner in known if owner.name})
    nearest = ", ".join(name for name, _, _ in process.extract(who, names, limit=NEAREST))
    raise NoOwnerError(
        f"no owner has the key or name {who}; nearest names: {nearest or '(there are none)'}"
    )
