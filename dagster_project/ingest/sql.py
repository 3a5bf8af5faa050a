"""Small helpers for the SQL this package builds, and connections with the configured limits."""

from pathlib import Path

import duckdb


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | Path | None) -> str:
    """Write a value as a SQL literal."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def path_list(paths: list[Path]) -> str:
    """Write paths as a SQL list literal."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"


def connect(
    *, threads: int | None = None, memory_limit: str | None = None, temp: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that spills below `temp`."""
    con = duckdb.connect()
    if threads:
        con.execute(f"set threads = {threads}")
    con.execute("set enable_progress_bar = false")
    con.execute("set timezone = 'UTC'")
    if memory_limit:
        con.execute(f"set memory_limit = {literal(memory_limit)}")
    if temp:
        con.execute(f"set temp_directory = {literal(temp)}")
    return con


def rows_by_table(con: duckdb.DuckDBPyConnection, database: str, *schemas: str) -> dict[str, int]:
    """Count the rows of every table of some schemas, which share no table name.

    Counted, since the sizes in duckdb_tables() hold deleted rows too.
    """
    tables = con.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = ? and list_contains(?, schema_name) order by table_name",
        [database, list(schemas)],
    ).fetchall()
    if not tables:
        return {}
    counts = " union all by name ".join(
        f"select {literal(table)} as name, count(*) as rows "
        f"from {quoted(database)}.{quoted(schema)}.{quoted(table)}"
        for schema, table in tables
    )
    return dict(con.execute(f"from ({counts}) order by name").fetchall())


def scalar(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Run a query that gives one whole number."""
    row = con.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
