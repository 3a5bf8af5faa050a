"""class_migration: how many customers went from what to what, those who stayed too."""

from collections.abc import Sequence

import duckdb

from dagster_project.changes.kept import NIGHT
from dagster_project.changes.models import DATABASE, ClassModels
from dagster_project.changes.pairs import both_dates

METRICS = "int_purchases__customer_metrics"


def count_moves(
    connection: duckdb.DuckDBPyConnection, dimensions: Sequence[str], *, into: str
) -> None:
    """Add the rows of whatif.pairs to a table of the shape of class_migration."""
    named = ", ".join(
        f"cast(before.{name} as varchar) as {name}_before, "
        f"cast(today.{name} as varchar) as {name}_today"
        for name in dimensions
    )
    sets = ", ".join(f"(as_of_date, previous, {one}_before, {one}_today)" for one in dimensions)
    names, before, today = (
        "case "
        + " ".join(f"when grouping({one}_today) = 0 then {value % one}" for one in dimensions)
        + " end"
        for value in ("'%s'", "%s_before", "%s_today")
    )
    connection.execute(f"""
        insert into {into}
        select as_of_date, previous, {names}, {before}, {today}, count(*),
            coalesce(sum(monetary_base), 0)
        from (
            select everybody.*, money.monetary_base
            from (
                select
                    coalesce(today.pair_date, before.pair_date) as as_of_date,
                    coalesce(today.previous, before.previous) as previous,
                    coalesce(today.customer_key, before.customer_key) as customer_key,
                    {named}
                from {both_dates()}
            ) as everybody
            left join whatif.money as money
                on everybody.as_of_date = money.as_of_date
                and everybody.customer_key = money.customer_key
        )
        group by grouping sets ({sets})
    """)


def store_money(connection: duckdb.DuckDBPyConnection, models: ClassModels) -> None:
    """Write whatif.money: each customer's net amount in the window, on the dates of the pairs."""
    execute = connection.execute
    here = f"(select as_of_date from {NIGHT}.raw.run_context)"
    execute(
        "create table whatif.money as select as_of_date, customer_key, monetary_base "
        f"from {NIGHT}.intermediate.{METRICS} semi join whatif.pairs using (as_of_date)"
    )
    elsewhere = f"whatif.pairs where as_of_date not in {here}"
    if not execute(f"select 1 from {elsewhere}").fetchone():
        return
    # Dates that this run did not compute: the same model on their exports.
    execute(f"attach if not exists ':memory:' as {DATABASE}")
    for schema in ("intermediate", "raw", "seeds"):
        execute(f"drop schema if exists {DATABASE}.{schema} cascade")
        execute(f"create schema {DATABASE}.{schema}")
    execute(f"create table {DATABASE}.raw.run_context as from {elsewhere}")
    for read in ("seeds.class_thresholds", "intermediate.int_purchases__customer_days"):
        execute(f"create view {DATABASE}.{read} as from {NIGHT}.{read}")
    for model in ("int_config__thresholds", METRICS):
        execute(f"create table {DATABASE}.intermediate.{model} as {models.statements[model]}")
    execute(
        "insert into whatif.money select as_of_date, customer_key, monetary_base "
        f"from {DATABASE}.intermediate.{METRICS}"
    )
