"""JSON lines or arrays (as CRM APIs give them) to cells: one column per key of any record."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import duckdb

from dagster_project.ingest.cells import Cells, Row, write_rows
from dagster_project.ingest.errors import TruncatedFileError, UnreadableFileError
from dagster_project.ingest.sql import literal, quoted

MAX_OBJECT = 64 << 20


def read_json(path: Path, *, name: str, temp: Path, con: duckdb.DuckDBPyConnection) -> Cells:
    """Turn one JSON file into cells; raises UnreadableFileError or TruncatedFileError."""
    target = temp / f"cells-{uuid4().hex}.parquet"
    with path.open("rb") as stream:
        first = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not first:
        raise UnreadableFileError(f"{name}: expected JSON, found an empty file; export it again")
    layout = "array" if first == b"[" else "newline_delimited"
    options = f"format = '{layout}', maximum_object_size = {MAX_OBJECT}"
    try:
        keys = [
            str(row[0])
            for row in con.execute(
                f"select distinct unnest(json_keys(json)) as key "
                f"from read_json_objects({literal(path)}, {options}) order by key"
            ).fetchall()
        ]
        if not keys:
            raise UnreadableFileError(f"{name}: expected JSON objects, found none; export it again")
        # Members are read by name in one pass; a nested one arrives as its JSON text.
        types = ", ".join(f"{literal(key)}: 'VARCHAR'" for key in keys)
        columns = ", ".join(f"{_text(quoted(key))} as c{i}" for i, key in enumerate(keys))
        con.execute(
            f"copy (select {columns} from "
            f"read_json({literal(path)}, {options}, columns = {{{types}}})) "
            f"to {literal(target)} (format parquet, compression snappy)"
        )
    except duckdb.Error as error:
        if layout == "array":
            raise TruncatedFileError(
                f"{name}: expected a JSON array, found one that does not parse ({error}); "
                "export it again"
            ) from error
        return _read_lines(path, target, name)
    return Cells(path=target, headers=tuple(keys), first_row=1, encoding="utf-8")


def _text(value: str) -> str:
    """Text of a JSON value: a one-element list is its element, an object its name."""
    return f"""
        case
            when {value} = '' then null
            when {value} < '[' or {value} >= '|' then {value}
            when starts_with({value}, '["') and json_valid({value})
                then nullif(array_to_string(({value} ->> '$[*]'), ';'), '')
            when {value} = '[]' then null
            when starts_with({value}, '{{"') and json_valid({value})
                then coalesce({value} ->> '$.name', {value})
            else {value}
        end"""


def _read_lines(path: Path, target: Path, name: str) -> Cells:
    """Read line by line, keeping the text of lines that are not JSON objects."""
    keys: dict[str, None] = {}
    last_is_bad = False
    for record, _ in _records(path):
        last_is_bad = record is None
        keys.update(dict.fromkeys(record or ()))
    if not keys:
        raise UnreadableFileError(
            f"{name}: expected one JSON object per line, found none; export it again"
        )

    def rows() -> Iterator[Row]:
        for number, (record, text) in enumerate(_records(path), start=1):
            if record is None:
                yield Row(number, [None] * len(keys), "not a JSON object in UTF-8", text)
            else:
                yield Row(number, [_value_text(record.get(key)) for key in keys])

    write_rows(rows(), target, len(keys))
    return Cells(
        path=target,
        headers=tuple(keys),
        first_row=1,
        has_row_columns=True,
        encoding="utf-8",
        is_truncated=last_is_bad,
    )


def _records(path: Path) -> Iterator[tuple[dict[str, object] | None, str]]:
    with path.open("r", encoding="utf-8-sig", errors="surrogateescape") as stream:
        for line in stream:
            if text := line.strip():
                yield (
                    _record(text),
                    text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
                )


def _record(text: str) -> dict[str, object] | None:
    """Parse one line; null for what is no object, or holds letters that no text can hold."""
    try:
        text.encode()
        # Numbers stay as they were written: 1.10 is not 1.1 in a text column.
        record = json.loads(text, parse_float=Decimal)
        if "\\ud" in text.lower():
            json.dumps(record, ensure_ascii=False, default=str).encode()
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _value_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(text for item in value if (text := _value_text(item))) or None
    if isinstance(value, dict) and "name" in value:
        return _value_text(value["name"])
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
