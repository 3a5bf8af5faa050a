"""Excel sheets to cells: every visible sheet with a header, all cells as text."""

import zipfile
from functools import reduce
from pathlib import Path
from uuid import uuid4

import fastexcel
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.ingest.cells import Cells
from dagster_project.ingest.errors import TruncatedFileError
from dagster_project.ingest.parts import BAD_ARCHIVE

FIRST_ROW = 2


def read_excel(path: Path, *, name: str, temp: Path, template_words: frozenset[str]) -> list[Cells]:
    """Turn the sheets of a workbook into cells; raises TruncatedFileError for a damaged one.

    template_words: what row 2 of an import template says about each column's type.
    """
    _prove(path, name)
    try:
        book = fastexcel.read_excel(path)
        sheets = [
            (sheet, book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string"))
            for sheet in book.sheet_names
            if not sheet.lower().startswith("hidden")
        ]
    except fastexcel.FastExcelError as error:
        raise TruncatedFileError(
            f"{name}: expected an Excel workbook, found one that cannot be opened ({error}); "
            "export it again"
        ) from error
    found = [
        cells
        for title, sheet in sheets
        if sheet.visible == "visible"
        and (cells := _cells(pa.table(sheet.to_arrow()), temp, title, template_words))
    ]
    if not found:
        raise TruncatedFileError(
            f"{name}: expected a sheet with a header row, found none; export it again"
        )
    return found


def _prove(path: Path, name: str) -> None:
    """Prove the checksums: the reader stops at the last row, and a changed byte can be a value."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (*BAD_ARCHIVE, OSError, RuntimeError) as error:
        damaged = str(error)
    if damaged is not None:
        raise TruncatedFileError(
            f"{name}: expected an Excel workbook, found one that is damaged ({damaged}); "
            "export or copy it again"
        )


def _cells(table: pa.Table, temp: Path, title: str, template_words: frozenset[str]) -> Cells | None:
    if not table.num_rows or not table.num_columns:
        return None
    headers = tuple(str(column[0].as_py() or "").strip() for column in table.columns)
    if not any(headers):
        return None
    body = table.slice(1)
    number = FIRST_ROW
    if body.num_rows and _is_template_row(body, template_words):
        body, number = body.slice(1), number + 1
    numbers = pa.array(range(number, number + body.num_rows), type=pa.int64())
    filled = reduce(pc.or_, (pc.is_valid(column) for column in body.columns))
    body, numbers = body.filter(filled), numbers.filter(filled.combine_chunks())
    nothing = pa.nulls(body.num_rows, pa.string())
    names = [f"c{i}" for i in range(len(headers))]
    cells = pa.table(
        [*(column.cast(pa.string()) for column in body.columns), numbers, nothing, nothing],
        names=[*names, "_n", "_row_error", "_row_text"],
    )
    path = temp / f"cells-{uuid4().hex}.parquet"
    pq.write_table(cells, path, compression="snappy")
    return Cells(path=path, headers=headers, has_row_columns=True, sheet=title)


def _is_template_row(body: pa.Table, template_words: frozenset[str]) -> bool:
    values = [value for column in body.columns if (value := column[0].as_py())]
    return bool(values) and all(any(word in value for word in template_words) for value in values)
