"""Views of the readers' database: what would be many times the rows if it were a table."""

import duckdb

from dagster_project.transform.history import HISTORY, IDENTITY

CHANGES = "customer_class_changes"
RANGES = "customer_class_ranges"


def create_views(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Make the validity ranges of classes, from the first date of the history and its changes.

    One row per customer x dimension x range: value, valid_from, valid_to (inclusive; null: still).
    Does nothing if the database lacks one of both tables.
    """
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = ?", (database,)
    ).fetchall()
    if not {(HISTORY,), (CHANGES,)} <= set(tables):
        return
    columns = connection.execute(f"describe {database}.main.{HISTORY}").fetchall()
    lines = ", ".join(
        "{" + f"dimension: '{name}', value: cast({name} as varchar)" + "}"
        for name, *_ in columns
        if name not in IDENTITY
    )
    connection.execute(f"use {database}")
    connection.execute(f"""
        create view {RANGES} as
        with first_date as (
            select min(as_of_date) as as_of_date from {HISTORY}
        ),

        starts as (
            select as_of_date, customer_key, line.dimension as dimension, line.value as value
            from (
                select history.as_of_date, history.customer_key, unnest([{lines}]) as line
                from {HISTORY} as history
                inner join first_date on history.as_of_date = first_date.as_of_date
            )
            union all
            select changes.as_of_date, changes.customer_key, changes.dimension, changes.to_value
            from {CHANGES} as changes
            inner join first_date on changes.as_of_date > first_date.as_of_date
        )

        select * from (
            select
                customer_key, dimension, value, as_of_date as valid_from,
                lead(as_of_date) over (partition by customer_key, dimension order by as_of_date) - 1
                    as valid_to
            from starts
        )
        where value is not null
    """)
    connection.execute("use memory")
