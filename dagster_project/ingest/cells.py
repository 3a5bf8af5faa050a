"""Cells: one table of a file as text, in a temporary Parquet file, before any mapping.

Every reader ends here, so that mapping, hashing and dates are written once for all formats.
Columns are c0, c1, ... in file order; a reader that knows more adds `_n` (row number),
`_row_error` and `_row_text`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.sql import literal

BATCH_ROWS = 50_000
ROW_COLUMNS = ("_n", "_row_error", "_row_text")


@dataclass(frozen=True)
class Cells:
    """A table of text with the headers it was found under."""

    path: Path
    headers: tuple[str, ...]
    first_row: int = 2
    # Records at the top of the file that are not data (the header itself).
    leading: int = 0
    has_row_columns: bool = False
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    is_truncated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        """SQL relation of the data rows, with their position as file_row_number."""
        return (
            f"(select * from read_parquet({literal(self.path)}, file_row_number = true) "
            f"where file_row_number >= {self.leading})"
        )

    @property
    def row_number(self) -> str:
        """SQL of a row's number as a person counts rows in the file."""
        return (
            "_n" if self.has_row_columns else f"file_row_number + {self.first_row - self.leading}"
        )


@dataclass(frozen=True)
class Row:
    """A record read one by one: its number, cells, and what was wrong with it."""

    number: int
    cells: list[str | None]
    error: str | None = None
    text: str | None = None


def write_rows(rows: Iterator[Row], path: Path, width: int) -> None:
    """Stream rows into a cells file."""
    schema = pa.schema(
        [(f"c{i}", pa.string()) for i in range(width)]
        + [("_n", pa.int64()), ("_row_error", pa.string()), ("_row_text", pa.string())]
    )
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) >= BATCH_ROWS:
                writer.write_batch(_batch(batch, schema, width))
                batch = []
        writer.write_batch(_batch(batch, schema, width))


def _batch(rows: list[Row], schema: pa.Schema, width: int) -> pa.RecordBatch:
    columns: list[list[str | int | None]] = [[row.cells[i] for row in rows] for i in range(width)]
    columns += [
        [row.number for row in rows],
        [row.error for row in rows],
        [row.text for row in rows],
    ]
    arrays = [
        pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
