"""The comparison of two publications sees what the engines could do differently."""

from pathlib import Path

import duckdb
import pytest

from tests.spark.support import unequal_tables

ROWS = "select * from (values (1, 'a', 1.50::decimal(9, 2), 0.1::double, date '2026-01-01'), \
(2, null, null, null, null)) as t (n, name, amount, share, day)"
PLANTED = {
    "concat with null": "select n, concat(name, '') as name, amount, share, day from ({rows})",
    "a cent": "select n, name, amount + 0.01::decimal(3, 2) as amount, share, day from ({rows})",
    "a double": "select n, name, amount, share + 1e-8 as share, day from ({rows})",
    "null for a double": "select n, name, amount, null::double as share, day from ({rows})",
    "a day": "select n, name, amount, share, day + 1 as day from ({rows})",
    "a row less": "select * from ({rows}) where n = 1",
    "a row twice": "select * from ({rows}) union all select * from ({rows})",
    "another type": "select n::bigint as n, name, amount, share, day from ({rows})",
    "a column less": "select n, name, amount, share from ({rows})",
    "another order of columns": "select name, n, amount, share, day from ({rows})",
    "an empty text": "select n, coalesce(name, '') as name, amount, share, day from ({rows})",
}
EQUAL = {
    "another order of rows": "select * from ({rows}) order by n desc",
    "a double within the tolerance": (
        "select n, name, amount, share + 1e-11 as share, day from ({rows})"
    ),
}


def make(path: Path, query: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table marts as {query}")
        if connection.execute("select typeof(amount) from marts").fetchone() != ("DECIMAL(9,2)",):
            connection.execute("alter table marts alter amount type decimal(9, 2)")
    return path


@pytest.mark.parametrize("query", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_difference_is_found(tmp_path: Path, query: str) -> None:
    first = make(tmp_path / "first.duckdb", ROWS)
    second = make(tmp_path / "second.duckdb", query.format(rows=ROWS))
    assert unequal_tables(first, second)


@pytest.mark.parametrize("query", EQUAL.values(), ids=EQUAL.keys())
def test_what_is_equal_is_equal(tmp_path: Path, query: str) -> None:
    first = make(tmp_path / "first.duckdb", ROWS)
    second = make(tmp_path / "second.duckdb", query.format(rows=ROWS))
    assert unequal_tables(first, second) == []


def test_a_table_of_one_side_only_is_found(tmp_path: Path) -> None:
    first = make(tmp_path / "first.duckdb", ROWS)
    second = make(tmp_path / "second.duckdb", ROWS)
    with duckdb.connect(str(second)) as connection:
        connection.execute("create table more as select 1 as n")
    assert unequal_tables(first, second)
