"""The data test of keys and required columns finds what is broken, in one query."""

from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from dagster_project.settings import PROJECT_DIR

GOOD = [("a", 1, "x"), ("a", 2, "y"), ("b", 1, "z")]


def unique_combination(rows: list[tuple[Any, ...]], **arguments: Any) -> list[tuple[str, int]]:
    """What the data test says of rows of (name, number, label)."""
    path = PROJECT_DIR / "dbt" / "tests" / "generic" / "unique_combination.sql"
    source = path.read_text(encoding="utf-8").replace("{% test ", "{% macro ")
    source = source.replace("{% endtest %}", "{% endmacro %}")
    module: Any = Environment().from_string(source).module  # noqa: S701 - SQL, not HTML
    with duckdb.connect() as connection:
        connection.execute("create table judged (name text, number integer, label text)")
        for row in rows:
            connection.execute("insert into judged values (?, ?, ?)", row)
        return connection.execute(str(module.unique_combination("judged", **arguments))).fetchall()


def test_good_rows_say_nothing() -> None:
    assert unique_combination(GOOD, columns=["name", "number"], not_null=["label"]) == []
    assert unique_combination([], columns=["name"], not_null=["label", "number"]) == []


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (("a", 2, "again"), ("name a number 2", 2)),
        ((None, 2, "x"), ("name null number 2", 1)),
        (("b", None, "x"), ("name b number null", 1)),
        (("c", 1, None), ("without a value: label", 1)),
    ],
)
def test_a_broken_row_is_found(row: tuple[Any, ...], found: tuple[str, int]) -> None:
    rows = [*GOOD, row]
    assert unique_combination(rows, columns=["name", "number"], not_null=["label"]) == [found]


def test_columns_without_a_value_are_named_together() -> None:
    rows = [*GOOD, ("c", None, None), ("d", None, "x")]
    found = unique_combination(rows, columns=["name", "label"], not_null=["number", "name"])
    assert ("without a value: number", 2) in found


def test_a_key_alone_is_judged_alone() -> None:
    assert unique_combination([*GOOD, ("b", 3, None)], columns=["number"]) == [("number 1", 2)]
