"""Who moves: the classes of the night and of the preview, compared row by row.

What belongs here: the table `moves` and what is counted of it. What does not: how it is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dagster_project.ingest.sql import literal, quoted
from dagster_project.rules.overlay import NIGHT

COLUMNS = (
    *("subject", "record_key", "name", "dimension"),
    *("from_code", "from_label_zh", "from_label_en", "to_code", "to_label_zh", "to_label_en"),
    *("net_window_base", "net_lifetime_base"),
)
# Columns of customer_abc that follow from a tier, without labels.
POLICY = ("revisit_interval_days", "response_hours", "has_dedicated_owner", "service_channel")
SHOWN_MOVES = 20
# In place of a code on the side on which a customer does not have the dimension at all.
NONE = "(none 无)"


@dataclass(frozen=True)
class Compared:
    """A table of both sides: its key, and the dimensions with the columns of their labels."""

    table: str
    key: str
    name: str
    subject: str
    dimensions: Sequence[tuple[str, str | None, str | None]]
    where: str = "true"


def find_moves(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `moves`: one row per customer or lead × dimension whose code changes."""
    connection.execute(
        f"""
        create temp table money as
        select customer_key, sum(monetary_base) as net_window_base,
            sum(lifetime_base) as net_lifetime_base
        from {NIGHT}.intermediate.int_customers__buyers
        where as_of_date = (select max(as_of_date) from raw.run_context)
        group by customer_key
        """
    )
    connection.execute(
        "create temp table moves (" + ", ".join(f"{c} varchar" for c in COLUMNS[:-2]) + ", "
        "net_window_base decimal(18, 2), net_lifetime_base decimal(18, 2))"
    )
    classes = _labelled(connection, "customer_classification")
    prospects = _labelled(connection, "prospect_classification")
    known = {name for name, _, _ in classes}
    own = [dimension for dimension in prospects if dimension[0] not in known]
    for compared in (
        Compared("customer_classification", "customer_key", "customer_name", "customer", classes),
        Compared(
            *("prospect_classification", "prospect_key", "prospect_name", "customer", own),
            where="prospect_type = 'customer'",
        ),
        Compared(
            *("prospect_classification", "prospect_key", "prospect_name", "lead", prospects),
            where="prospect_type = 'lead'",
        ),
        Compared(
            *("customer_abc", "customer_key", "customer_key", "customer"),
            [(column, None, None) for column in POLICY],
        ),
    ):
        _add_moves(connection, compared)
    _add_segments(connection)
    _add_tags(connection)


def _labelled(
    connection: duckdb.DuckDBPyConnection, table: str
) -> list[tuple[str, str | None, str | None]]:
    """Columns of a table that have labels beside them, on both sides."""
    names = [
        row[0]
        for row in connection.execute(
            "select column_name from duckdb_columns() "
            "where schema_name = 'main' and table_name = ? "
            "group by column_name having count(distinct database_name) = 2 "
            "order by min(column_index)",
            (table,),
        ).fetchall()
    ]
    return [
        (name, f"{name}_label_zh", f"{name}_label_en")
        if f"{name}_label_zh" in names
        else (name, f"{name}_zh", f"{name}_en")
        for name in names
        if {f"{name}_label_zh", f"{name}_zh"} & set(names)
    ]


def _add_moves(connection: duckdb.DuckDBPyConnection, compared: Compared) -> None:
    """Add the moves of a table; the changed rows are found once, then told by dimension."""
    columns = [
        column for dimension in compared.dimensions for column in dimension if column is not None
    ]
    if not columns:
        return
    sides = ", ".join(
        f"{side}.{quoted(column)} as {quoted(f'{side}_{column}')}"
        for side in ("before", "after")
        for column in columns
    )
    differs = " or ".join(
        f"before.{quoted(code)} is distinct from after.{quoted(code)}"
        for code, _, _ in compared.dimensions
    )
    connection.execute(
        f"""
        create or replace temp table changed as
        select coalesce(after.{compared.key}, before.{compared.key}) as record_key,
            coalesce(after.{compared.name}, before.{compared.name}) as name, {sides}
        from (select * from {NIGHT}.main.{compared.table} where {compared.where}) as before
        full join (select * from main.{compared.table} where {compared.where}) as after
            on before.{compared.key} = after.{compared.key}
        where {differs}
        """
    )
    for code, label_zh, label_en in compared.dimensions:
        values = ", ".join(
            f"{_text(f'{side}_{code}')}, {_text(f'{side}_{label_zh or code}')}, "
            f"{_text(f'{side}_{label_en or code}')}"
            for side in ("before", "after")
        )
        connection.execute(
            f"""
            insert into moves
            select '{compared.subject}', record_key, name, '{code}', {values},
                coalesce(net_window_base, 0), coalesce(net_lifetime_base, 0)
            from changed left join money on changed.record_key = money.customer_key
            where {quoted(f"before_{code}")} is distinct from {quoted(f"after_{code}")}
            """
        )


def _text(column: str) -> str:
    return f"coalesce(cast({quoted(column)} as varchar), {literal(NONE)})"


def _add_segments(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the moves between the segments of each preset."""
    _add_long(
        connection,
        before=f"select customer_key, 'segment ' || preset as dimension, segment as code "
        f"from {NIGHT}.main.customer_segments",
        after="select customer_key, 'segment ' || preset as dimension, segment as code "
        "from main.customer_segments",
        label_dimension="segment",
    )


def _add_tags(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the computed tags that customers get and lose."""
    _add_long(
        connection,
        before=f"select customer_key, 'tag ' || tag as dimension, tag as code "
        f"from {NIGHT}.main.customer_tags where tag_source = 'computed'",
        after="select customer_key, 'tag ' || tag as dimension, tag as code "
        "from main.customer_tags where tag_source = 'computed'",
        label_dimension="tag",
    )


def _add_long(
    connection: duckdb.DuckDBPyConnection, *, before: str, after: str, label_dimension: str
) -> None:
    label = f"select * from {{}}seeds.class_labels where dimension = '{label_dimension}'"
    connection.execute(
        f"""
        insert into moves
        with before as ({before}),
        after as ({after}),
        names as (
            select customer_key, customer_name from {NIGHT}.main.customer_classification
            union
            select customer_key, customer_name from main.customer_classification
        ),
        changed as (
            select coalesce(after.customer_key, before.customer_key) as customer_key,
                coalesce(after.dimension, before.dimension) as dimension,
                before.code as from_code, after.code as to_code
            from before
            full join after
                on before.customer_key = after.customer_key
                    and before.dimension = after.dimension
            where before.code is distinct from after.code
        )
        select 'customer', changed.customer_key, max(names.customer_name), changed.dimension,
            coalesce(max(from_code), {literal(NONE)}),
            coalesce(max(from_labels.label_zh), max(from_code), {literal(NONE)}),
            coalesce(max(from_labels.label_en), max(from_code), {literal(NONE)}),
            coalesce(max(to_code), {literal(NONE)}),
            coalesce(max(to_labels.label_zh), max(to_code), {literal(NONE)}),
            coalesce(max(to_labels.label_en), max(to_code), {literal(NONE)}),
            coalesce(max(net_window_base), 0), coalesce(max(net_lifetime_base), 0)
        from changed
        left join names on changed.customer_key = names.customer_key
        left join money on changed.customer_key = money.customer_key
        left join ({label.format(NIGHT + ".")}) as from_labels
            on changed.from_code = from_labels.code
        left join ({label.format("")}) as to_labels on changed.to_code = to_labels.code
        group by changed.customer_key, changed.dimension
        """
    )


def _both_labels(prefix: str) -> str:
    zh, en = f"{prefix}label_zh", f"{prefix}label_en"
    return f"case when {zh} = {en} then {zh} else {zh} || ' ' || {en} end"


TOTALS = f"""
    with sizes as (
        select 'customer' as subject, count(*) as records from {NIGHT}.main.customer_classification
        union all
        select 'lead', count(*) from {NIGHT}.main.prospect_classification
        where prospect_type = 'lead'
    ),
    moved as (
        select subject, record_key, max(net_window_base) as net_window_base,
            max(net_lifetime_base) as net_lifetime_base
        from moves group by subject, record_key
    )
    select sizes.subject, sizes.records, count(moved.record_key) as moved,
        coalesce(sum(moved.net_window_base), 0) as net_window_base,
        coalesce(sum(moved.net_lifetime_base), 0) as net_lifetime_base
    from sizes left join moved on sizes.subject = moved.subject
    group by sizes.subject, sizes.records
    order by sizes.subject
"""

DIMENSIONS = """
    select subject, dimension, count(*) as moved, sum(net_window_base) as net_window_base,
        sum(net_lifetime_base) as net_lifetime_base
    from moves
    group by subject, dimension
    order by subject, moved desc, dimension
"""

WAYS = f"""
    select
        {_both_labels("from_")} as "from 从",
        {_both_labels("to_")} as "to 到",
        count(*) as moved, sum(net_window_base) as net_window_base,
        sum(net_lifetime_base) as net_lifetime_base
    from moves
    where subject = ? and dimension = ?
    group by all
    order by moved desc, net_lifetime_base desc, 1, 2
    limit {SHOWN_MOVES}
"""

RELABELLED = f"""
    select dimension, code,
        coalesce(before.label_zh || ' ' || before.label_en, '{NONE}') as "from 从",
        coalesce(after.label_zh || ' ' || after.label_en, '{NONE}') as "to 到"
    from {NIGHT}.seeds.class_labels as before
    full join seeds.class_labels as after using (dimension, code)
    where before.label_zh is distinct from after.label_zh
        or before.label_en is distinct from after.label_en
    order by dimension, code
"""

EVERY_MOVE = f"""
    select {", ".join(COLUMNS)} from moves
    order by subject, dimension, net_lifetime_base desc, record_key
"""


def changed_thresholds(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Give the thresholds in force on the date that differ: parameter, before, after."""
    both = []
    for database in (f"{NIGHT}.", ""):
        cursor = connection.execute(
            f"select * from {database}intermediate.int_config__thresholds "
            "where as_of_date = (select max(as_of_date) from raw.run_context)"
        )
        names = [column[0] for column in cursor.description or []]
        both.append(dict(zip(names, cursor.fetchone() or (), strict=False)))
    before, after = both
    return [
        (name, _plain(before.get(name)), _plain(after[name]))
        for name in after
        if name != "rule_version" and before.get(name) != after[name]
    ]


def _plain(value: object) -> str:
    return "" if value is None else f"{float(str(value)):g}"
