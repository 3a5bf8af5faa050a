"""Tiny databases for the quality rules' tests."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    # A folder as users have them: a blank and Chinese in the path.
    folder = tmp_path / "data 客分"
    folder.mkdir()
    return folder / "work_file.duckdb"


@pytest.fixture
def fill(database: Path) -> Callable[..., Path]:
    """Write tables: name -> SQL of its rows."""

    def write(**tables: str) -> Path:
        with duckdb.connect(database) as con:
            con.execute("create schema if not exists intermediate")
            con.execute("create schema if not exists raw")
            for name, query in tables.items():
                schema = "raw" if name == "drop_audit" else "intermediate"
                con.execute(f"create or replace table {schema}.{name} as {query}")
        return database

    return write
