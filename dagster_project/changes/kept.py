"""What is kept of each date besides its classes: the lines that its population drew.

Cut points, mean scores, cumulated amounts, percentiles and medians depend on everybody. To ask what
one customer would be with another date's lines, they are kept beside the history.
"""

from collections.abc import Collection
from datetime import date

import duckdb

from dagster_project.changes.models import DATABASE, class_models, query_of_part

# The database of what is kept, and that of the night, as attached.
KEPT = "history"
NIGHT = "night"
CHANGES = "customer_class_changes"

_CUSTOMERS = f"{NIGHT}.intermediate.int_customers__"
_QUERIES = {
    "cut_points": f"""
        select as_of_date, measure, cut_number, cut_point from {_CUSTOMERS}rfm_cut_points
    """,
    "rfm_totals": f"""
        select
            as_of_date, count(*) as customers, sum(r_score) as r_total, sum(f_score) as f_total,
            sum(m_score) as m_total, sum(recency_days) as recency_total,
            sum(frequency) as frequency_total, sum(monetary_base) as monetary_total
        from {_CUSTOMERS}rfm group by as_of_date
    """,
    "amounts": f"""
        select
            as_of_date, monetary_base, sum(monetary_base) as amount_total,
            min(amount_before) as amount_before, min(amount_in_all) as amount_in_all
        from {_CUSTOMERS}abc group by as_of_date, monetary_base
    """,
    "held_tiers": f"""
        select as_of_date, customer_key, held_tier from {_CUSTOMERS}abc where held_tier <> 'C'
    """,
    "percentiles": f"""
        select distinct as_of_date, 'monetary' as measure, buyers.monetary_base as value,
            values_of.monetary_pct as pct
        from {_CUSTOMERS}buyers as buyers
        inner join {_CUSTOMERS}value as values_of using (as_of_date, customer_key)
        union all
        select distinct as_of_date, 'clv' as measure, predicted_clv_base as value, clv_pct as pct
        from {_CUSTOMERS}value where clv_pct is not null
    """,
    "order_medians": f"""
        select distinct as_of_date, profiles.customer_type,
            values_of.median_order_base as average_order_base
        from {_CUSTOMERS}value as values_of
        inner join {NIGHT}.intermediate.int_profiles__customers as profiles
            using (as_of_date, customer_key)
        where values_of.median_order_base is not null
    """,
    "value_index": f"""
        select as_of_date, customer_key, value_index, value_index_pct from {_CUSTOMERS}value_index
    """,
    "ntiles": f"select as_of_date, customer_key, measure, score from {_CUSTOMERS}rfm_ntiles",
    "clv_fits": f"select * from {NIGHT}.raw.clv_fits",
    "clv_means": f"""
        select distinct as_of_date, expected_purchases_12m, predicted_clv_base
        from {NIGHT}.raw.clv_scores where status = 'segment_mean'
    """,
}
_PARTS = {
    "tier_cadences": "int_customers__lifecycle",
    "overall_cadences": "int_customers__lifecycle",
}


def keep_lines(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep the lines of the dates that the night computed, in place of earlier ones."""
    connection.execute(f"create schema if not exists {KEPT}.kept")
    statements = class_models().statements
    parts = {
        part: query_of_part(statements[model], part).replace(f'"{DATABASE}".', f'"{NIGHT}".')
        for part, model in _PARTS.items()
    }
    # Days that only a tier looks back at were not computed in full.
    dates = f"(select as_of_date from {NIGHT}.raw.run_context where is_requested or is_compared)"
    for table, query in (_QUERIES | parts).items():
        target = f"{KEPT}.kept.{table}"
        rows = f"select * from ({query}) as kept where as_of_date in {dates}"
        connection.execute(f"create table if not exists {target} as {rows} limit 0")
        connection.execute(f"delete from {target} where as_of_date in {dates}")
        connection.execute(f"insert into {target} by name {rows}")
    connection.execute(
        f"create table if not exists {KEPT}.kept.knowledge "
        "(as_of_date date primary key, knowledge_date date)"
    )
    connection.execute(
        f"insert or replace into {KEPT}.kept.knowledge select as_of_date, knowledge_date "
        f"from {NIGHT}.raw.run_context where as_of_date in {dates}"
    )


def forget_lines(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """Forget the lines of dates that are in the history no more."""
    connection.execute(
        f"create or replace temp table dates_left as select distinct as_of_date from {history}"
    )
    for table in (*_QUERIES, *_PARTS, "knowledge", "waiting"):
        connection.execute(
            f"delete from {KEPT}.kept.{table} "
            "where as_of_date not in (select as_of_date from dates_left)"
        )


def note_waiting(
    connection: duckdb.DuckDBPyConnection, *, compared: Collection[date], waiting: Collection[date]
) -> None:
    """Note which dates a later run has to compare with the date before."""
    connection.execute(
        f"create schema if not exists {KEPT}.kept; "
        f"create table if not exists {KEPT}.kept.waiting (as_of_date date primary key)"
    )
    connection.execute(
        f"delete from {KEPT}.kept.waiting where as_of_date in "
        "(select unnest(cast($days as date[])))",
        {"days": list(compared)},
    )
    connection.execute(
        f"insert or ignore into {KEPT}.kept.waiting select unnest(cast($days as date[]))",
        {"days": list(waiting)},
    )


def forget_knowledge(connection: duckdb.DuckDBPyConnection, days: Collection[date]) -> None:
    """Take the lines of dates for lost: they are about to be computed again."""
    if _has(connection, "knowledge"):
        connection.execute(
            f"delete from {KEPT}.kept.knowledge where as_of_date in "
            "(select unnest(cast($days as date[])))",
            {"days": list(days)},
        )


def knowledge_kept(connection: duckdb.DuckDBPyConnection) -> dict[date, date]:
    """Give the dates whose lines are kept, and the last export that each was computed with."""
    if not _has(connection, "knowledge"):
        return {}
    return dict(
        connection.execute("select as_of_date, knowledge_date from kept.knowledge").fetchall()
    )


def dates_waiting(connection: duckdb.DuckDBPyConnection) -> set[date]:
    """Give the dates that a later run has to compare with the date before."""
    if not _has(connection, "waiting"):
        return set()
    return {row[0] for row in connection.execute("select as_of_date from kept.waiting").fetchall()}


def dates_noted(connection: duckdb.DuckDBPyConnection) -> list[date]:
    """Give the dates of which changes are noted, in order."""
    if not _has(connection, CHANGES, schema="main"):
        return []
    rows = connection.execute(
        f"select distinct as_of_date from main.{CHANGES} order by all"
    ).fetchall()
    return [row[0] for row in rows]


def _has(connection: duckdb.DuckDBPyConnection, table: str, *, schema: str = "kept") -> bool:
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where schema_name = ? and table_name = ?",
            [schema, table],
        ).fetchone()
    )
