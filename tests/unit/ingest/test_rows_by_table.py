"""Counting the rows of tables."""

from pathlib import Path

import duckdb

from dagster_project.ingest.sql import rows_by_table


def test_rows_are_counted_without_the_deleted_ones(tmp_path: Path) -> None:
    path = tmp_path / "kept.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table dates as select range as n from range(500)")
        connection.execute("create schema other")
        connection.execute('create table other."a ""b""" as select 1 as n')
        connection.execute("create table other.nothing (n integer)")
        connection.execute("create schema unasked")
        connection.execute("create table unasked.more as select 1 as n")
        connection.execute("create view looked as from dates")
        connection.execute("checkpoint")
        connection.execute("delete from dates where n % 5 = 0")
        expected = {"a \"b\"": 1, "dates": 400, "nothing": 0}  # fmt: skip
        assert rows_by_table(connection, "kept", "main", "other") == expected
    with duckdb.connect(str(path)) as connection:
        assert rows_by_table(connection, "kept", "main", "other") == expected
        assert rows_by_table(connection, "kept", "none") == {}
