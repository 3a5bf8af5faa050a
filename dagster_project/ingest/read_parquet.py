"""Parquet feeds to cells: every column cast to text as DuckDB writes it (ISO dates)."""

from pathlib import Path
from uuid import uuid4

import duckdb

from dagster_project.ingest.cells import Cells
from dagster_project.ingest.errors import TruncatedFileError
from dagster_project.ingest.sql import literal, quoted


def read_parquet(path: Path, *, name: str, temp: Path, con: duckdb.DuckDBPyConnection) -> Cells:
    """Turn one Parquet file into cells; raises TruncatedFileError for a damaged one."""
    target = temp / f"cells-{uuid4().hex}.parquet"
    try:
        described = con.execute(f"describe select * from read_parquet({literal(path)})").fetchall()
        headers = tuple(str(row[0]) for row in described)
        casts = ", ".join(f"{quoted(h)}::varchar as c{i}" for i, h in enumerate(headers))
        con.execute(
            f"copy (select {casts} from read_parquet({literal(path)})) to {literal(target)} "
            "(format parquet, compression snappy)"
        )
    except duckdb.Error as error:
        raise TruncatedFileError(
            f"{name}: expected a Parquet file, found a damaged one ({error}); write it again"
        ) from error
    return Cells(path=target, headers=headers, first_row=1)
