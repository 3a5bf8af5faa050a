"""Compare two relations in DuckDB row by row: how many differ, in which columns, and how.

What is found is added to the temporary tables `differences` and `moves`, for reports to write.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb

from dagster_project.ingest.sql import literal, quoted

ONLY_IN_A, ONLY_IN_B, CHANGED = "only in A", "only in B", "changed"


@dataclass
class Counts:
    """How the rows of a table differ.

    columns: in how many changed rows each column differs. notes: what cannot be compared.
    """

    rows_a: int | None = None
    rows_b: int | None = None
    only_in_a: int = 0
    only_in_b: int = 0
    changed: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows and columns."""
        return not (self.only_in_a or self.only_in_b or self.changed or self.notes)

    def add(self, other: "Counts") -> None:
        """Add the differences of further rows of the same table."""
        self.only_in_a += other.only_in_a
        self.only_in_b += other.only_in_b
        self.changed += other.changed
        self.columns.update(other.columns)
        self.notes += [note for note in other.notes if note not in self.notes]


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of what is found.

    differences: one row per changed value, and per row that only one side has, that as JSON.
    moves: customers by table, date, dimension, class before and class after.
    """
    connection.execute(
        "create temp table differences (table_name varchar, difference varchar, "
        "record varchar, column_name varchar, a varchar, b varchar)"
    )
    connection.execute(
        "create temp table moves (table_name varchar, as_of_date date, dimension varchar, "
        "from_value varchar, to_value varchar, customers bigint)"
    )


def compare(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    relation_a: str,
    relation_b: str,
    *,
    key: Sequence[str],
    left_out: set[str],
) -> Counts:
    """Compare two relations by key, or whole rows without one; leave the pairs in `compared`."""
    types_a, types_b = (types_of(connection, relation) for relation in (relation_a, relation_b))
    counts = Counts()
    for side, these, those in (("A", types_a, types_b), ("B", types_b, types_a)):
        if alone := [name for name in these if name not in those]:
            counts.notes.append(f"columns only in {side} 仅 {side} 有的列: {', '.join(alone)}")
    columns = [name for name in types_a if name in types_b and name not in left_out]
    if not key or not set(key) <= set(columns):
        _compare_whole_rows(
            connection,
            table,
            relations=(relation_a, relation_b),
            columns=columns,
            counts=counts,
        )
        return counts
    values = [name for name in columns if name not in key]
    unequal = {
        name: f"a.{quoted(name)} is distinct from b.{quoted(name)}"
        if types_a[name] == types_b[name]
        else f"cast(a.{quoted(name)} as varchar) is distinct from cast(b.{quoted(name)} as varchar)"
        for name in values
    }
    sides = "".join(
        f", {side}.{quoted(name)} as {quoted(f'{side}_{name}')}" for side in "ab" for name in values
    )
    record = " || '; ' || ".join(
        f"'{name}=' || coalesce(a.{quoted(name)}, b.{quoted(name)})" for name in key
    )
    paired = " and ".join(f"a.{quoted(name)} = b.{quoted(name)}" for name in key)
    is_in_one = f"a.{quoted(key[0])} is null or b.{quoted(key[0])} is null"
    connection.execute(
        f"""
        create or replace temp table compared as
        select
            case
                when b.{quoted(key[0])} is null then '{ONLY_IN_A}'
                when a.{quoted(key[0])} is null then '{ONLY_IN_B}'
                else '{CHANGED}'
            end as difference,
            {record} as record{sides}
        from {relation_a} as a
        full join {relation_b} as b on {paired}
        where {" or ".join([is_in_one, *unequal.values()])}
        """
    )
    by_kind = dict(
        connection.execute(
            "select difference, count(*) from compared group by difference"
        ).fetchall()
    )
    counts.only_in_a = by_kind.get(ONLY_IN_A, 0)
    counts.only_in_b = by_kind.get(ONLY_IN_B, 0)
    counts.changed = by_kind.get(CHANGED, 0)
    _note_rows(connection, table, values)
    if counts.changed:
        counts.columns = _note_values(connection, table, values)
    return counts


def _compare_whole_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    *,
    relations: tuple[str, str],
    columns: Sequence[str],
    counts: Counts,
) -> None:
    relation_a, relation_b = relations
    listed = ", ".join(quoted(name) for name in columns)
    for difference, side, these, those in (
        (ONLY_IN_A, "a", relation_a, relation_b),
        (ONLY_IN_B, "b", relation_b, relation_a),
    ):
        row = connection.execute(
            f"""
            insert into differences (table_name, difference, {side})
            select '{table}', '{difference}', to_json(only_here)
            from (
                select {listed} from {these} except all select {listed} from {those}
            ) as only_here
            """
        ).fetchone()
        number = int(row[0]) if row else 0
        if side == "a":
            counts.only_in_a = number
        else:
            counts.only_in_b = number


def _note_rows(connection: duckdb.DuckDBPyConnection, table: str, values: Sequence[str]) -> None:
    """List the rows that only one side has, each as JSON."""
    for difference, side in ((ONLY_IN_A, "a"), (ONLY_IN_B, "b")):
        packed = ", ".join(f"{quoted(name)}: {quoted(f'{side}_{name}')}" for name in values)
        connection.execute(
            f"insert into differences (table_name, difference, record, {side}) "
            f"select '{table}', difference, record, to_json({{{packed}}}) from compared "
            f"where difference = '{difference}'"
            if values
            else f"insert into differences (table_name, difference, record) "
            f"select '{table}', difference, record from compared "
            f"where difference = '{difference}'"
        )


def _note_values(
    connection: duckdb.DuckDBPyConnection, table: str, values: Sequence[str]
) -> Counter[str]:
    """List the values of changed rows that differ; count them by column."""
    found: Counter[str] = Counter()
    for name in values:
        a, b = (f"cast({quoted(f'{side}_{name}')} as varchar)" for side in "ab")
        row = connection.execute(
            f"insert into differences "
            f"select '{table}', difference, record, {literal(name)}, {a}, {b} from compared "
            f"where difference = '{CHANGED}' and {a} is distinct from {b}"
        ).fetchone()
        if row and row[0]:
            found[name] = int(row[0])
    return found


def note_moves(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    counts: Counts,
    dimensions: Sequence[str],
    *,
    day: date | None,
) -> None:
    """Count the customers of `compared` that moved, by dimension, from and to."""
    for name in dimensions:
        if name in counts.columns:
            a, b = quoted(f"a_{name}"), quoted(f"b_{name}")
            connection.execute(
                f"insert into moves select '{table}', {literal(str(day)) if day else 'null'}, "
                f"'{name}', {a}, {b}, count(*) from compared "
                f"where difference = '{CHANGED}' and {a} is distinct from {b} group by {a}, {b}"
            )


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Give the types of a relation's columns, in order."""
    rows = connection.execute(f"describe select * from {relation}").fetchall()
    return {row[0]: row[1] for row in rows}
