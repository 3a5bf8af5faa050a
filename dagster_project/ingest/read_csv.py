"""Delimited text to cells: encodings, delimiters, quoting, and rows that do not fit.

The fast path is DuckDB's reader with nothing guessed. If it rejects a single record, the exact
path reads the file again record by record, so that the bad rows are kept with their text.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import duckdb

from dagster_project.ingest.cells import Cells, Row, write_rows
from dagster_project.ingest.errors import UnreadableFileError
from dagster_project.ingest.sql import literal, scalar

CHUNK = 1 << 20
MAX_LINE = 32 << 20
DELIMITERS = ",;\t|"
WHITESPACE = "whitespace"
FIRST_ROW = 2
_SEP_LINE = re.compile(r'^sep=([^"])$', re.IGNORECASE)
_UTF8_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True)
class _Layout:
    """What is known of a file before its rows are read."""

    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    skip: int
    notes: tuple[str, ...]


def read_csv(
    path: Path,
    *,
    name: str,
    temp: Path,
    con: duckdb.DuckDBPyConnection,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Cells:
    """Turn one delimited text file into cells; raises UnreadableFileError."""
    found, notes = detect_encoding(path, name=name, declared=encoding)
    source = path
    try:
        if found not in {"utf-8", "utf-8-sig"}:
            source = temp / f"utf8-{uuid4().hex}.csv"
            _transcode(path, source, found)
        layout = _layout(source, name=name, encoding=found, delimiter=delimiter, notes=notes)
        cells = Cells(
            path=temp / f"cells-{uuid4().hex}.parquet",
            headers=layout.headers,
            encoding=found,
            delimiter=layout.delimiter,
            notes=layout.notes,
        )
        if _read_fast(source, layout, cells.path, con):
            return replace(cells, leading=1)
        exact = _ExactReader(source, layout)
        write_rows(exact.rows(), cells.path, len(layout.headers))
        return replace(cells, has_row_columns=True, is_truncated=exact.ends_badly)
    finally:
        if source != path:
            source.unlink(missing_ok=True)


def detect_encoding(path: Path, *, name: str, declared: str | None) -> tuple[str, tuple[str, ...]]:
    """Find the encoding: byte order mark, strict UTF-8, strict GB18030, or an error."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    certain = _by_mark(head)
    if certain is None and declared is None:
        certain = _by_zeros(head)
    if certain is not None and (offset := _bad_byte(path, certain, name)) is not None:
        raise UnreadableFileError(
            f"{name}: begins as {certain.upper()}, but the bytes at offset {offset} are not; the "
            "file is damaged or joined of two encodings: export it again"
        )
    if certain is None:
        for candidate in dict.fromkeys(filter(None, (declared, "utf-8", "gb18030"))):
            if _bad_byte(path, candidate, name) is None:
                certain = candidate.lower()
                break
    if certain is None or (certain == "gb18030" != declared and _is_mostly_utf8(path)):
        offset = _bad_byte(path, declared or "utf-8", name)
        raise UnreadableFileError(
            f"{name}: expected text in {declared or 'UTF-8 or GB18030'}, found a byte at offset "
            f"{offset} that fits neither; save the file as UTF-8 or set `encoding` of the source"
        )
    if (
        declared
        and codecs.lookup(certain).name.split("-")[0]
        != (codecs.lookup(declared).name.split("-")[0])
    ):
        return certain, (f"declared encoding {declared} does not fit; read as {certain}",)
    return certain, ()


def _by_mark(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _by_zeros(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of ASCII text is zero."""
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) > 1 and head[offset::2].count(0) > len(head) // 4:
            return encoding
    return None


def _bad_byte(path: Path, encoding: str, name: str) -> int | None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError as error:
        raise UnreadableFileError(
            f"{name}: `encoding: {encoding}` is not known; use a name such as gb18030 or utf-16"
        ) from error
    done = 0
    with path.open("rb") as stream:
        try:
            while chunk := stream.read(CHUNK):
                pending = len(decoder.getstate()[0])
                decoder.decode(chunk)
                done += len(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return done - (pending if done else 0) + error.start
    return None


def _is_mostly_utf8(path: Path) -> bool:
    """Whether most letters beyond ASCII are UTF-8: damaged UTF-8 can pass for GB18030, as noise."""
    good = bad = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            good += len(_UTF8_LETTER.findall(chunk))
            bad += len(_BEYOND_ASCII.findall(_UTF8_LETTER.sub(b"", chunk)))
    return good > bad


def _transcode(path: Path, target: Path, encoding: str) -> None:
    with (
        path.open("r", encoding=encoding, newline="") as stream,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        while chunk := stream.read(CHUNK):
            out.write(chunk)


def _layout(
    path: Path, *, name: str, encoding: str, delimiter: str | None, notes: tuple[str, ...]
) -> _Layout:
    with path.open("r", encoding="utf-8-sig", newline="") as stream:
        line = stream.readline(CHUNK)
        skip = 0
        if match := _SEP_LINE.match(line.rstrip("\r\n")):
            delimiter, skip = delimiter or match[1], 1
        else:
            stream.seek(0)
        if delimiter == WHITESPACE:
            headers = (line if not skip else stream.readline()).split()
        else:
            if delimiter is None:
                unquoted = re.sub(r'"[^"]*"', "", line)
                delimiter = max(DELIMITERS, key=unquoted.count)
            try:
                headers = next(csv.reader(stream, delimiter=delimiter, strict=True), [])
            except csv.Error as error:
                raise UnreadableFileError(
                    f"{name}: expected a header line, found one with a quote out of place "
                    f"({error}); export it again"
                ) from error
    if not any(header.strip() for header in headers):
        raise UnreadableFileError(
            f"{name}: expected a header line, found an empty file; export it again"
        )
    return _Layout(encoding, delimiter, tuple(h.strip() for h in headers), skip, notes)


def _read_fast(path: Path, layout: _Layout, target: Path, con: duckdb.DuckDBPyConnection) -> bool:
    """Read with DuckDB; False when a record does not fit and the exact path is needed.

    The header is read as a record, too: told to skip it, DuckDB can lose all rows without a word
    (line feeds inside a quoted header of a CRLF file). What it read is counted against the file.
    """
    width = len(layout.headers)
    if layout.delimiter == WHITESPACE or width == 1:
        return False
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
    con.execute("drop table if exists reject_errors; drop table if exists reject_scans")
    try:
        con.execute(
            f"""
            copy (
                select * from read_csv(
                    {literal(path)}, columns = {{{columns}}}, auto_detect = false,
                    header = false, delim = {literal(layout.delimiter)}, quote = '"',
                    escape = '"', skip = {layout.skip}, store_rejects = true, rejects_limit = 1,
                    strict_mode = true, max_line_size = {MAX_LINE},
                    buffer_size = {MAX_LINE + (1 << 20)}
                )
            ) to {literal(target)} (format parquet, compression snappy)
            """
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return False
    if scalar(con, "select count(*) from reject_errors"):
        return False
    rows = scalar(con, f"select count(*) from read_parquet({literal(target)})")
    return rows + layout.skip == _count_records(path)


def _count_records(path: Path) -> int:
    """Count line ends outside quotes: right for every regular file, and only then relied on."""
    count, is_quoted, last = 0, False, b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            pieces = chunk.split(b'"')
            count += sum(piece.count(b"\n") for piece in pieces[is_quoted::2])
            is_quoted ^= not len(pieces) % 2
            last = chunk[-1:]
    return count + (last != b"\n")


class _ExactReader:
    """Record by record, keeping the text of what does not fit."""

    def __init__(self, path: Path, layout: _Layout) -> None:
        self._path = path
        self._layout = layout
        self.ends_badly = False

    def rows(self) -> Iterator[Row]:
        width = len(self._layout.headers)
        number = FIRST_ROW - 1
        for fields, text, problem in self._records():
            if not any(fields) and problem is None:
                continue
            number += 1
            # Blank cells beyond the header are a spreadsheet's habit, not data.
            beyond = any(field.strip() for field in fields[width:])
            extra = len(fields) - width if beyond else min(len(fields) - width, 0)
            error = problem
            if error is None and extra:
                error = f"expected {width} fields, found {len(fields)}"
            self.ends_badly = problem is not None or extra < 0
            if error:
                yield Row(number, [None] * width, error, text)
            else:
                yield Row(number, [field or None for field in fields[:width]])

    def _records(self) -> Iterator[tuple[list[str], str, str | None]]:
        """Fields, raw text and what the parser said, of each record after the header."""
        with self._path.open("r", encoding="utf-8-sig", newline="") as stream:
            for _ in range(self._layout.skip):
                next(stream)
            if self._layout.delimiter == WHITESPACE:
                next(stream)
                for line in stream:
                    yield line.split(), line.rstrip("\r\n"), None
                return
            taken: list[str] = []

            def lines() -> Iterator[str]:
                for line in stream:
                    taken.append(line)
                    yield line

            reader = csv.reader(lines(), delimiter=self._layout.delimiter, strict=True)
            next(reader)
            while True:
                taken.clear()
                problem = None
                fields: list[str] = []
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    problem = str(error)
                yield fields, "".join(taken).rstrip("\r\n"), problem
