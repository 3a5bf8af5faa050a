"""From cells to raw rows: the SQL that maps, cleans, hashes and keeps what is not mapped."""

import json
from dataclasses import dataclass
from datetime import date

from dagster_project.ingest.cells import Cells
from dagster_project.ingest.contract import TECHNICAL_COLUMNS
from dagster_project.ingest.dates import DateFormat, iso_text
from dagster_project.ingest.header_maps import Conventions, Mapping
from dagster_project.ingest.sql import literal, quoted

DATE_TYPES = ("date", "datetime")
BLANKS = " \t\r\n\u00a0\u3000"


@dataclass(frozen=True)
class Landing:
    """Where a file's rows come from: the technical columns that are the same in every row."""

    source: str
    export_date: date
    revision: int
    file: str
    source_zone: str
    business_zone: str


def cell(index: int, conventions: Conventions) -> str:
    """Write SQL of a cell: null when it is blank or what the format writes for blank.

    Looking for blanks letter by letter is the dearest part of a load, and only text that begins
    with a blank can be blank: comparing the beginning is nearly free.
    """
    c = f"c{index}"
    nothing = ", ".join(literal(text) for text in conventions.null_texts)
    null_text = f"when {c} in ({nothing}) then null " if nothing else ""
    blanks = ", ".join(literal(text) for text in ("", *conventions.null_texts))
    return (
        f"case {null_text}when ({c} >= '!' and {c} < '\u00a0') or {c} >= '\u3001' then {c} "
        f"when trim({c}, {literal(BLANKS)}) not in ({blanks}) then {c} end"
    )


def trimmed(value: str) -> str:
    """Write SQL of text without blanks around it, cheap for text that has none."""
    return (
        f"case when {value} >= '!' and {value} < '\u00a0' "
        f"and right({value}, 1) between '!' and '~' then {value} "
        f"else trim({value}, {literal(BLANKS)}) end"
    )


def date_columns(cells: Cells, mapping: Mapping, conventions: Conventions) -> tuple[str, list[str]]:
    """Relation of the trimmed text of the mapped date columns, and the fields it has."""
    fields = {
        field: indexes
        for field, indexes in mapping.columns.items()
        if mapping.entity.fields[field] in DATE_TYPES
    }
    used = sorted({i for indexes in fields.values() for i in indexes})
    cleaned = ", ".join(f"{cell(i, conventions)} as _k{i}" for i in used)
    texts = ", ".join(
        f"{trimmed(_first(indexes))} as {quoted(field)}" for field, indexes in fields.items()
    )
    return f"(select {texts} from (select {cleaned} from {cells.relation}))", list(fields)


def _first(indexes: tuple[int, ...]) -> str:
    """Write SQL of the first filled cell among the spellings of a field."""
    cells = ", ".join(f"_k{i}" for i in indexes)
    return f"coalesce({cells})" if len(indexes) > 1 else cells


def raw_rows(
    cells: Cells,
    mapping: Mapping,
    conventions: Conventions,
    *,
    formats: dict[str, DateFormat],
    landing: Landing,
    earlier: str | None,
) -> str:
    """SELECT that turns a cells file into raw rows.

    earlier: SQL list of the raw files of the same drop and kind before this one, for kinds whose
    id is the row itself (content hash and n-th occurrence in the drop).
    """
    fields = mapping.entity.fields
    used = sorted({i for indexes in mapping.columns.values() for i in indexes} | {*mapping.unknown})
    cleaned = ", ".join(f"{cell(i, conventions)} as _k{i}" for i in used)
    trims = "".join(
        f", {trimmed(_first(indexes))} as {quoted(f'_t_{field}')}"
        for field, indexes in mapping.columns.items()
        if fields[field] in {"id", *DATE_TYPES}
    )
    values = {field: _value(field, mapping, conventions, formats, landing) for field in fields}
    selected = ", ".join(f"{sql} as {quoted(field)}" for field, sql in values.items())
    present = [f for f in fields if f in mapping.columns or f in mapping.constants]
    tagged = ", ".join(
        f"coalesce({literal(chr(31) + field + '=')} || {quoted(field)}, '')" for field in present
    )
    if cells.has_row_columns:
        row_columns = "_n, _row_error, _row_text"
    else:
        row_columns = (
            f"{cells.row_number} as _n, null::varchar as _row_error, null::varchar as _row_text"
        )
    record_id, joins = _record_id(mapping, earlier)
    constants = {
        "_source": f"{literal(landing.source)}::varchar",
        "_kind": f"{literal(mapping.kind)}::varchar",
        "_export_date": f"date {literal(landing.export_date.isoformat())}",
        "_revision": f"{landing.revision}::integer",
        "_file": f"{literal(landing.file)}::varchar",
        "_row_number": "_n::bigint",
        "_record_id": record_id,
        "_content_hash": "_content_hash",
        "_is_deleted": "false",
        "_duplicate_of_row": "null::bigint",
        "_row_error": "_row_error",
        "_row_text": "_row_text",
        "_extra": "_extra",
    }
    technical = ", ".join(f"{constants[name]} as {name}" for name in TECHNICAL_COLUMNS)
    names = ", ".join(quoted(field) for field in fields)
    comma = "," if fields else ""
    return f"""
        with cells as (
            select {row_columns}{"," if cleaned else ""} {cleaned}
            from {cells.relation}
        ),
        texts as (select *{trims} from cells),
        mapped as (
            select {selected}{comma} * from texts
        ),
        hashed as (
            select *, {_extra(mapping)} as _extra,
                case when _row_error is null then md5(concat({tagged or "''"}))
                    else md5(coalesce(_row_text, '')) end as _content_hash
            from mapped
        )
        select {names}{comma} {technical}
        from hashed {joins}
        {"order by _n" if mapping.id_fields is None else ""}
    """


def _record_id(mapping: Mapping, earlier: str | None) -> tuple[str, str]:
    if mapping.id_fields is not None:
        joined = " || '|' || ".join(quoted(field) for field in mapping.id_fields)
        return f"({joined})::varchar", ""
    nth = "row_number() over (partition by _content_hash order by _n)"
    if earlier is None:
        return f"case when _row_error is null then _content_hash || '#' || {nth} end", ""
    joins = (
        "left join (select _content_hash as seen_hash, count(*) as seen_count "
        f"from read_parquet({earlier}) group by _content_hash) on _content_hash = seen_hash"
    )
    numbered = f"({nth} + coalesce(seen_count, 0))"
    return f"case when _row_error is null then _content_hash || '#' || {numbered} end", joins


def _value(
    field: str,
    mapping: Mapping,
    conventions: Conventions,
    formats: dict[str, DateFormat],
    landing: Landing,
) -> str:
    indexes = mapping.columns.get(field, ())
    constant = mapping.constants.get(field)
    if not indexes:
        return f"{literal(constant)}::varchar"
    kind = mapping.entity.fields[field]
    text = quoted(f"_t_{field}")
    if kind == "id":
        value = _id_text(text, conventions)
    elif kind in DATE_TYPES:
        value = iso_text(
            text,
            is_date=kind == "date",
            chosen=formats[field],
            source_zone=landing.source_zone,
            business_zone=landing.business_zone,
        )
    else:
        value = _first(indexes)
    if constant is not None:
        value = f"coalesce({value}, {literal(constant)})"
    return value


def _id_text(value: str, conventions: Conventions) -> str:
    for prefix in conventions.id_prefixes:
        value = (
            f"case when starts_with({value}, {literal(prefix)}) "
            f"then right({value}, -{len(prefix)}) else {value} end"
        )
    for nothing in conventions.null_ids:
        value = f"nullif({value}, {literal(nothing)})"
    return value


def _extra(mapping: Mapping) -> str:
    """Write SQL of the JSON of cells that would be lost: unmapped, rewritten, lesser spellings."""
    kept: dict[int, set[str]] = {i: {f"_k{i} is not null"} for i in mapping.unknown}
    for field, indexes in mapping.columns.items():
        first = indexes[0]
        if mapping.entity.fields.get(field) in DATE_TYPES:
            kept.setdefault(first, set()).add(f"_k{first} <> {quoted(field)}")
        chosen = _first(indexes)
        for i in lesser(mapping, field):
            kept.setdefault(i, set()).add(f"_k{i} <> {chosen}")
    if not kept:
        return "null::varchar"
    names = _unique_names(mapping.headers)
    members = ", ".join(
        f"case when {' or '.join(sorted(whens))} "
        f"then {literal(json.dumps(names[i], ensure_ascii=False) + ':')} "
        f"|| to_json(_k{i})::varchar end"
        for i, whens in sorted(kept.items())
    )
    return f"'{{' || nullif(concat_ws(',', {members}), '') || '}}'"


def lesser(mapping: Mapping, field: str) -> list[int]:
    """Give the further spellings of a field that are not a field of their own."""
    elsewhere = {i for other, indexes in mapping.columns.items() if other != field for i in indexes}
    return [i for i in mapping.columns[field][1:] if i not in elsewhere]


def _unique_names(headers: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for i, header in enumerate(headers):
        name = header or f"column_{i + 1}"
        names.append(name if name not in names else f"{name}#{i + 1}")
    return names


def conflicts(cells: Cells, mapping: Mapping, conventions: Conventions) -> str | None:
    """SELECT that counts rows in which two spellings of one field disagree; null = no such pair."""
    pairs = [
        f"count(*) filter ({cell(indexes[0], conventions)} <> {cell(other, conventions)})"
        for field, indexes in mapping.columns.items()
        for other in lesser(mapping, field)
        if not mapping.headers[indexes[0]].startswith(mapping.headers[other])
    ]
    if not pairs:
        return None
    return f"select {' + '.join(pairs)} from {cells.relation}"
