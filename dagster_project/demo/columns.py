"""Typed columns of one chunk of one export, and their text as CSV, JSON lines or a worksheet.

What belongs here: rendering, vectorised with Arrow so that ten million rows take seconds.
What does not: what the columns are (zoho, fxiaoke, feeds) or where files go (archives).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
SmallInts = NDArray[np.int8]
Bools = NDArray[np.bool_]
Strings: TypeAlias = Any  # pyarrow.StringArray; pyarrow has no type hints
Kind = Literal[
    "text",
    "number",
    "money",
    "select",
    "bool",
    "date",
    "datetime",
    "id",
    "lookup",
    "person",
    "number",
]

RENDER_ROWS: Final = 20_000
"""Rows that are text in memory at one time."""
NEVER: Final = np.int64(2**62)
"""A point in time that no export reaches."""
NONE: Final = np.int64(-1)
"""No row, no time: written as an empty cell."""
DAY: Final = 86_400
GMT8_SECONDS: Final = 8 * 3600
_TWO_DIGITS: Final = pa.array([f".{i:02d}" for i in range(100)])
_HEX_DIGITS: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One field of a chunk.

    field: canonical name of the input contract, what planted defects are addressed by.
    label: header in the CRM's own export; api: key in its API.
    values: text, or integers for date (days since 1970), datetime (local seconds since 1970)
    and money (cents). names: label of a lookup or select, beside its id or option in values.
    codes: the code of each name, where a planted name changes its code as well.
    """

    field: str
    label: str
    api: str = ""
    kind: Kind = "text"
    values: Any
    names: Any = None
    codes: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Defects:
    """Values that replace those of some rows of one field from a day on; rows ascending."""

    rows: Ints
    values: tuple[str | int | None, ...]
    since_day: int = 0


def epoch_day(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def text_of(values: Iterable[str | None]) -> Strings:
    """Strings as an Arrow array."""
    return pa.array(values, pa.string())


def take(words: Sequence[str | None] | Strings, indices: NDArray[Any]) -> Strings:
    """words[i] for each index; null where the index is negative."""
    words = words if isinstance(words, pa.Array) else text_of(words)
    if len(indices) and indices.min() < 0:
        return pc.take(words, pa.array(indices, mask=indices < 0))
    return pc.take(words, pa.array(indices))


def join(*parts: Strings | str) -> Strings:
    """Concatenate by row; null if any part is null."""
    return pc.binary_join_element_wise(*parts, "")


def integers(values: NDArray[Any]) -> Strings:
    """Decimal text of whole numbers; null where negative."""
    mask = values < 0
    return pa.array(values, mask=mask if mask.any() else None).cast(pa.string())


def padded(values: NDArray[Any], width: int) -> Strings:
    """Whole numbers with leading zeros."""
    digits = pa.array(np.asarray(values, dtype=np.int64) + 10**width).cast(pa.string())
    return pc.utf8_slice_codeunits(digits, 1)


def cents(values: Ints, *, valid: Bools | None = None) -> Strings:
    """Money in cents as a plain decimal number."""
    size = np.abs(values)
    text = join(pa.array(size // 100).cast(pa.string()), pc.take(_TWO_DIGITS, pa.array(size % 100)))
    if (values < 0).any():
        text = pc.if_else(pa.array(values < 0), join("-", text), text)
    return text if valid is None else where(valid, text, None)


def where(condition: Bools, yes: Strings | str | None, no: Strings | str | None) -> Strings:
    """Pick by row; a None branch is null."""
    yes = pa.scalar(yes, pa.string()) if yes is None or isinstance(yes, str) else yes
    no = pa.scalar(no, pa.string()) if no is None or isinstance(no, str) else no
    return pc.if_else(pa.array(condition), yes, no)


def dates(days: Ints) -> Strings:
    """YYYY-MM-DD; null where NONE or NEVER."""
    mask = (days == NONE) | (days >= NEVER)
    safe = np.where(mask, 0, days).astype(np.int32)
    return pa.array(safe, mask=mask).cast(pa.date32()).cast(pa.string())


def datetimes(seconds: Ints) -> Strings:
    """YYYY-MM-DD HH:MM:SS; null where NONE or NEVER."""
    mask = (seconds == NONE) | (seconds >= NEVER)
    safe = np.where(mask, 0, seconds)
    return pa.array(safe, mask=mask).cast(pa.timestamp("s")).cast(pa.string())


def epoch_milliseconds(seconds: Ints) -> Strings:
    """Local seconds (GMT+8) as epoch milliseconds; null where NONE or NEVER."""
    mask = (seconds == NONE) | (seconds >= NEVER)
    moment = (np.where(mask, GMT8_SECONDS, seconds) - GMT8_SECONDS) * 1000
    return pa.array(moment, mask=mask).cast(pa.string())


def hexadecimal(values: NDArray[Any], width: int) -> Strings:
    """Fixed-width lower-case hexadecimal text."""
    shifts = np.arange(width - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
    nibbles = (np.asarray(values, dtype=np.uint64)[:, None] >> shifts) & np.uint64(15)
    return characters(_HEX_DIGITS[nibbles.astype(np.intp)])


def characters(codes: NDArray[np.uint8]) -> Strings:
    """One string per row of ASCII codes."""
    rows, width = codes.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(codes))]
    return pa.Array.from_buffers(pa.string(), rows, buffers)


def with_defects(column: Column, rows: Ints, defects: Defects) -> Column:
    """Put planted values in place; rows are the world's row numbers."""
    if not len(defects.rows):
        return column
    at = np.searchsorted(defects.rows, rows)
    at[at == len(defects.rows)] = 0
    hit = defects.rows[at] == rows
    if not hit.any():
        return column
    planted = [defects.values[i] for i in at[hit]]
    is_date = column.kind in ("date", "datetime")
    if is_date and any(isinstance(value, str) for value in planted):
        # No date at all: the column is spelled out.
        column = replace(column, kind="text", values=plain(column))
    elif is_date:
        numbers = column.values.copy()
        numbers[hit] = [NONE if value is None else value for value in planted]
        return replace(column, values=numbers)
    text = text_of(None if value is None else str(value) for value in planted)
    current = cents(column.values) if column.kind == "money" else column.values
    values = pc.replace_with_mask(current, pa.array(hit), text)
    if column.names is None:
        return replace(
            column, kind="number" if column.kind == "money" else column.kind, values=values
        )
    names = column.names
    if column.codes is not None:
        codes = text_of(value and column.codes[str(value)] for value in planted)
        values = pc.replace_with_mask(column.values, pa.array(hit), codes)
        names = pc.replace_with_mask(names, pa.array(hit), text)
    elif column.kind == "select":
        names = pc.replace_with_mask(names, pa.array(hit), text)
    else:
        blank = hit.copy()
        blank[hit] = [value is None for value in planted]
        names = where(~blank, names, None)
    return replace(column, values=values, names=names)


def plain(column: Column, *, minutes_only: bool = False) -> Strings:
    """Spell the cells as a person sees them."""
    if column.kind == "date":
        return dates(column.values)
    if column.kind == "datetime":
        text = datetimes(column.values)
        return pc.utf8_slice_codeunits(text, 0, 16) if minutes_only else text
    if column.kind == "money":
        return cents(column.values)
    return column.names if column.kind == "select" and column.names is not None else column.values


def csv_lines(cells: Sequence[Strings]) -> bytes:
    """RFC 4180 lines without a header, cells quoted only where they need it."""
    return _lines(
        pc.binary_join_element_wise(
            *(_quoted(cell) for cell in cells), ",", null_handling="replace", null_replacement=""
        )
    )


def csv_header(labels: Sequence[str]) -> bytes:
    """Write the header line."""
    quoted = (f'"{label}"' if "," in label or '"' in label else label for label in labels)
    return (",".join(quoted) + "\n").encode()


def json_lines(pieces: Sequence[Strings]) -> bytes:
    """One object per row from `"key":value` pieces; null pieces are omitted."""
    body = pc.binary_join_element_wise(*pieces, ",", null_handling="skip")
    return _lines(join("{", body, "}"))


def json_piece(key: str, value: Strings, *, quoted: bool = True) -> Strings:
    """`"key":"value"`, escaped; null where the value is null."""
    return join(f'"{key}":"', _escaped(value), '"') if quoted else join(f'"{key}":', value)


def _escaped(value: Strings) -> Strings:
    for plain_text, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = pc.replace_substring(value, plain_text, escaped)
    return value


def _quoted(cell: Strings) -> Strings:
    needs = pc.match_substring_regex(cell, '[",\n]')
    if not pc.any(needs).as_py():
        return cell
    return pc.if_else(needs, join('"', pc.replace_substring(cell, '"', '""'), '"'), cell)


def _lines(lines: Strings) -> bytes:
    if not len(lines):
        return b""
    one = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    text: bytes = pc.binary_join(one, "\n")[0].as_buffer().to_pybytes()
    return text + b"\n"


def sheet_rows(cells: Sequence[Strings], numeric: Sequence[bool], first_row: int) -> bytes:
    """Worksheet rows with inline strings, as the streaming writers of the CRMs make them."""
    count = len(cells[0]) if cells else 0
    row_numbers = pa.array(np.arange(first_row, first_row + count)).cast(pa.string())
    parts = []
    for position, (cell, is_number) in enumerate(zip(cells, numeric, strict=True)):
        reference = join(f'<c r="{column_letters(position)}', row_numbers)
        as_text = join(
            reference, '" t="inlineStr"><is><t xml:space="preserve">', _xml(cell), "</t></is></c>"
        )
        if is_number:
            looks_numeric = pc.match_substring_regex(cell, r"^-?[0-9]+(\.[0-9]+)?$")
            as_text = pc.if_else(looks_numeric, join(reference, '"><v>', cell, "</v></c>"), as_text)
        parts.append(as_text)
    body = pc.binary_join_element_wise(*parts, "", null_handling="skip")
    return _lines(join('<row r="', row_numbers, '">', body, "</row>"))


def _xml(cell: Strings) -> Strings:
    for plain_text, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        cell = pc.replace_substring(cell, plain_text, escaped)
    return cell


def column_letters(position: int) -> str:
    """Name a column: A, B … Z, AA for 0, 1 … 25, 26."""
    letters = ""
    position += 1
    while position:
        position, remainder = divmod(position - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def chunks(rows: Ints, size: int) -> Iterator[Ints]:
    """Cut rows into runs of at most that size, at least one (possibly empty)."""
    for start in range(0, max(len(rows), 1), size):
        yield rows[start : start + size]
