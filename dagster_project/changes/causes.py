"""customer_class_changes and class_migration: what changed since the date before, and why.

A cause is the first in the order of CAUSES that alone brings the new value. Time passes with every
new fact: a change that time alone brings is time decay, whatever else happened. `combined`: no
single cause does.
"""

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa

from dagster_project.changes.kept import (
    CHANGES,
    KEPT,
    NIGHT,
    forget_lines,
    keep_lines,
    note_waiting,
)
from dagster_project.changes.migration import count_moves, store_money
from dagster_project.changes.models import class_models
from dagster_project.changes.pairs import (
    HISTORY,
    Neighbours,
    both_databases,
    both_dates,
    kept_file,
    store_pairs,
)
from dagster_project.changes.questions import ask
from dagster_project.changes.whatif import KINDS
from dagster_project.ingest.sql import literal
from dagster_project.settings import Settings
from dagster_project.transform.context import AsOf
from dagster_project.transform.dbt import duckdb_limits
from dagster_project.transform.engines import Engine
from dagster_project.transform.history import IDENTITY

MIGRATION = "class_migration"
# The cause that a scenario stands for, in the order in which they are tried.
CAUSES = {
    "rules": "rule_change",
    "late": "late_data",
    "purchase": "new_purchase",
    "contact": "new_contact",
    "feedback": "new_feedback",
    "record": "record_change",
    "drift": "threshold_drift",
    "decay": "time_decay",
}
_TABLES = {
    CHANGES: (
        "as_of_date date, previous_as_of_date date, customer_key varchar, dimension varchar, "
        "from_value varchar, to_value varchar, cause varchar, cause_label_zh varchar, "
        "cause_label_en varchar"
    ),
    MIGRATION: (
        "as_of_date date, previous_as_of_date date, dimension varchar, from_value varchar, "
        "to_value varchar, customers bigint, monetary_base decimal(38, 2)"
    ),
}


def find_changes(
    settings: Settings,
    engine: Engine,
    dates: Sequence[AsOf],
    *,
    beside: Neighbours,
    rules_changed: Sequence[date],
) -> int:
    """Keep the lines of a run's dates, and find what changed on them and on the dates after them.

    dates: what the run computed, and what it is compared with, as it is known. beside: which date
    is compared with which. rules_changed: dates on which other rules may hold than on the date
    before. Gives the number of changes.
    """
    with both_databases(settings, engine) as connection:
        keep_lines(connection)
        _restore(connection, settings)
        store_pairs(connection, dates, previous=beside.previous, rules_changed=rules_changed)
        found = _find(connection, dates, beside)
        forget_lines(connection, HISTORY)
    return found


def copy_changes(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Copy both tables into schema main of the working database, from where they are published."""
    connection.execute(f"attach {literal(kept_file(settings))} as {KEPT} (read_only)")
    for table in _TABLES:
        connection.execute(f"create or replace table main.{table} as from {KEPT}.main.{table}")
    connection.execute(f"detach {KEPT}")


def restore_changes(settings: Settings) -> None:
    """Take both tables back from the publication if what is kept beside the history is lost.

    Which dates are a pair depends on what is noted: to be called before they are looked for.
    """
    with duckdb.connect(config=duckdb_limits(settings)) as connection:
        connection.execute(f"attach {literal(kept_file(settings))} as {KEPT}")
        _restore(connection, settings)


def tier_changes(settings: Settings, *, before: date) -> pa.Table:
    """Give the changes of tiers that are noted of dates before one, as raw.tier_changes."""
    with duckdb.connect(config=duckdb_limits(settings)) as connection:
        connection.execute(f"attach {literal(kept_file(settings))} as {KEPT}")
        _restore(connection, settings)
        return connection.execute(
            "select as_of_date, customer_key, from_value as from_tier, to_value as to_tier "
            f"from {KEPT}.main.{CHANGES} where dimension = 'abc_tier' and as_of_date < ?",
            [before],
        ).to_arrow_table()


def _restore(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make both tables if the kept database is new, and take what was published back."""
    for table, columns in _TABLES.items():
        connection.execute(f"create table if not exists {KEPT}.main.{table} ({columns})")
        path = settings.published_dir / "current" / f"{table}.parquet"
        row = connection.execute(f"select count(*) from {KEPT}.main.{table}").fetchone()
        if path.exists() and not (row and row[0]):
            connection.execute(
                f"insert into {KEPT}.main.{table} by name from read_parquet({literal(path)})"
            )


def _find(connection: duckdb.DuckDBPyConnection, dates: Sequence[AsOf], beside: Neighbours) -> int:
    execute = connection.execute
    columns = [row[0] for row in execute(f"describe {HISTORY}").fetchall()]
    dimensions = [column for column in columns if column not in IDENTITY]
    _store_changed(connection, dimensions)
    ask(connection, class_models(), dimensions)
    store_money(connection, class_models())
    execute("begin")
    for table in _TABLES:
        execute(f"delete from {KEPT}.main.{table} where as_of_date in ({_DATES})")
    execute(f"""
        insert into {KEPT}.main.{CHANGES}
        select causes.*, labels.label_zh, labels.label_en
        from ({_causes()}) as causes
        left join {NIGHT}.seeds.class_labels as labels
            on labels.dimension = 'change_cause' and causes.cause = labels.code
    """)
    count_moves(connection, dimensions, into=f"{KEPT}.main.{MIGRATION}")
    seen = {one.as_of_date for one in dates}
    note_waiting(connection, compared=seen.union(beside.previous), waiting=beside.waiting)
    execute("commit")
    row = execute(
        f"select count(*) from {KEPT}.main.{CHANGES} where as_of_date in ({_DATES})"
    ).fetchone()
    return int(row[0]) if row else 0


_DATES = "select as_of_date from whatif.pairs"


def _store_changed(connection: duckdb.DuckDBPyConnection, dimensions: Sequence[str]) -> None:
    """Write whatif.changed: customer, dimension, before and after, where they differ."""
    lines = ", ".join(
        "{" + f"dimension: '{name}', from_value: cast(before.{name} as varchar), "
        f"to_value: cast(today.{name} as varchar)" + "}"
        for name in dimensions
    )
    differs = " or ".join(f"before.{name} is distinct from today.{name}" for name in dimensions)
    connection.execute(f"""
        create table whatif.changed as
        select
            found.* exclude (line),
            found.line.dimension, found.line.from_value, found.line.to_value
        from (
            select
                coalesce(today.pair_date, before.pair_date) as as_of_date,
                coalesce(today.previous, before.previous) as previous,
                coalesce(today.customer_key, before.customer_key) as customer_key,
                unnest([{lines}]) as line
            from {both_dates()}
            where {differs}
        ) as found
        where found.line.from_value is distinct from found.line.to_value
    """)


def _causes() -> str:
    """Write the query for the changes with the first cause that alone brings the new value."""

    def brings(scenario: str) -> str:
        return f"bool_or(found.scenario = '{scenario}' and found.value = changed.to_value)"

    tried = " ".join(
        f"when {brings(scenario)} "
        + (f"and not {brings('decay')} " if scenario in KINDS else "")
        + f"then '{cause}'"
        for scenario, cause in CAUSES.items()
    )
    columns = ", ".join(
        f"changed.{column}"
        for column in (
            "as_of_date", "previous", "customer_key", "dimension", "from_value", "to_value",
        )
    )  # fmt: skip
    return f"""
        select
            {columns},
            case
                when changed.from_value is null then 'entered'
                when changed.to_value is null then 'left'
                {tried}
                else 'combined'
            end as cause
        from whatif.changed as changed
        left join whatif.found as found using (as_of_date, customer_key, dimension)
        group by {columns}
    """
