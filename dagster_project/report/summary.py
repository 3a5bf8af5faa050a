"""The summary of a run for people, in Markdown: what came in, what was found, what came out."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb

from dagster_project.publish.history import Restated
from dagster_project.publish.publication import (
    DATA_DOCS,
    DATABASE_NAME,
    FIX_LISTS,
    Publication,
)
from dagster_project.report.run_log import RunRecord
from dagster_project.report.run_notes import Attention
from dagster_project.settings import Settings
from dagster_project.transform.history import DATABASE_DAYS, HISTORY

FILES = """
    select
        crm_source,
        kind,
        cast(export_date as varchar) as export_date,
        count(*) as files,
        sum(rows_read) as rows_read,
        sum(rows_loaded) as rows_loaded,
        sum(rows_quarantined) as rows_quarantined
    from main.load_manifest
    where export_date = (
        select max(newest.export_date)
        from main.load_manifest as newest
        where newest.crm_source = load_manifest.crm_source
            and newest.kind = load_manifest.kind
    )
    group by all
    order by all
"""

CHECKS = """
    with rules as (
        select rule_id, entity, severity,
            case
                when bool_or(status = 'ERROR') then 'ERROR'
                when bool_or(status = 'FAIL') then 'FAIL'
                when bool_or(status = 'PASS') then 'PASS'
                else 'NOT_APPLICABLE'
            end as status
        from main.dq_results
        where as_of_date = (select max(as_of_date) from raw.run_context)
        group by rule_id, entity, severity
    )

    select
        severity,
        count(*) filter (where status = 'PASS') as passed,
        count(*) filter (where status = 'FAIL') as failed,
        count(*) filter (where status = 'NOT_APPLICABLE') as not_applicable,
        count(*) filter (where status = 'ERROR') as errors
    from rules
    group by severity
    order by case severity when 'critical' then 1 when 'warning' then 2 else 3 end
"""

UNASSIGNED = """
    select 'fct_orders' as facts, crm_source, count(*) as rows,
        count(*) filter (where customer_key = 'unknown') as unassigned
    from main.fct_orders group by crm_source
    union all
    select 'fct_deals', crm_source, count(*), count(*) filter (where customer_key = 'unknown')
    from main.fct_deals group by crm_source
    union all
    select 'fct_activities', crm_source, count(*), count(*) filter (where customer_key = 'unknown')
    from main.fct_activities group by crm_source
    union all
    select 'fct_web_sessions', crm_source, count(*),
        count(*) filter (where customer_key = 'unknown')
    from main.fct_web_sessions group by crm_source
    union all
    select 'fct_email_events', crm_source, count(*),
        count(*) filter (where customer_key = 'unknown')
    from main.fct_email_events group by crm_source
    union all
    select 'fct_feedback', crm_source, count(*), count(*) filter (where customer_key = 'unknown')
    from main.fct_feedback group by crm_source
    union all
    select 'names that several accounts bear', crm_source, count(*), count(*)
    from intermediate.int_crm__account_names where account_key is null group by crm_source
    order by 1, 2
"""

WORST = """
    select rule_id, entity, crm_source, severity, failed, evaluated,
        coalesce('无法执行: ' || error, description_zh) as description_zh,
        coalesce('could not be judged: ' || error, description_en) as description_en
    from main.dq_results
    where status in ('ERROR', 'FAIL')
        and as_of_date = (select max(as_of_date) from raw.run_context)
    order by status, case severity when 'critical' then 1 when 'warning' then 2 else 3 end,
        failed desc, rule_id, entity, crm_source
    limit 10
"""

COVERAGE = """
    pivot (
        select dimension, crm_source, round(unknown_pct, 1) as unknown_pct
        from main.class_coverage
        where dimension in (
            select dimension from main.class_coverage where unknown_customers > 0
        )
    )
    on crm_source using max(unknown_pct)
    order by dimension
"""

CHANGES = """
    select
        cause,
        cause_label_zh as 中文,
        cause_label_en as english,
        count(distinct customer_key) as customers,
        count(*) as changes
    from main.customer_class_changes
    where as_of_date = (select max(as_of_date) from raw.run_context where is_newest)
    group by all
    order by changes desc, cause
"""


RESTATED_HEAD = (
    "| as_of_date 截至 | customers with other classes 分类变化的客户 | published before 此前发布 "
    "| compare 比较 |\n|---|---|---|---|"
)


def summarise(
    connection: duckdb.DuckDBPyConnection,
    *,
    settings: Settings,
    publication: Publication,
    run: RunRecord,
    forgotten: Sequence[date] = (),
    attention: Sequence[Attention] = (),
) -> str:
    """Write the summary from the working database.

    forgotten: the dates that the retention deleted from the history.
    """
    parts = [
        f"# Kefen 客分 · {run.kind} {run.run_id}",
        (
            f"As of 截至 **{run.as_of_date}**, as known 数据截至 **{run.knowledge_date}**, "
            f"money in 本位币 **{run.base_currency}**."
        ),
        *(
            ["## Attention 注意", "\n".join(f"- {a.zh}\n  {a.en}" for a in attention)]
            if attention
            else []
        ),
        "## Files 文件",
        markdown_table(connection, FILES),
        "## Rules 规则",
        markdown_table(connection, CHECKS),
    ]
    worst = connection.execute(WORST).fetchall()
    if worst:
        parts += ["Most broken rules 主要问题:", markdown_table(connection, WORST)]
    parts += [
        "## Not assigned to a customer 未能归属客户",
        markdown_table(connection, UNASSIGNED),
        "## Customers 客户",
    ]
    for dimension in ("rfm_class", "abc_tier", "value_class", "customer_status"):
        parts.append(
            markdown_table(
                connection,
                f"select {dimension}, {dimension}_label_zh as 中文, "
                f"{dimension}_label_en as english, count(*) as customers "
                "from main.customer_classification group by all order by customers desc, 1",
            )
        )
    parts += [
        "Unknown, in percent of the customers it applies to, by source 各来源未知占比（%）:",
        markdown_table(connection, COVERAGE),
        "## Changes since the date before 与前一日期相比的变动",
        markdown_table(connection, CHANGES),
        *_history(publication, forgotten),
        "## Where 位置",
        f"- database 数据库: `{publication.database or '(not replaced: an older date)'}`",
        f"- Parquet: `{publication.run_dir}`",
        *_beside(publication),
        f"- tables 表: {len(publication.tables)}, rows 行: {sum(publication.tables.values()):,}",
        *(
            f"- {name}: `{path}`"
            for name, path in (
                ("data docs 规则文档", settings.published_dir / DATA_DOCS / "index.html"),
                ("fix lists 修正清单", settings.published_dir / FIX_LISTS),
            )
            if publication.database and path.exists()
        ),
        f"- this summary 本摘要: `{settings.report_dir / (run.run_id + '.md')}`",
    ]
    return "\n\n".join(parts) + "\n"


def _history(publication: Publication, forgotten: Sequence[date]) -> list[str]:
    """Say what became of the history: how much there is, what was cut, what says something else."""
    history = publication.history
    if history is None or not history.rows:
        return []
    span = f"{min(history.rows)} – {max(history.rows)}"
    rows = sum(history.rows.values())
    lines = [
        f"- dates 日期: {len(history.rows)} ({span}), rows 行: {rows:,}",
        f"- dates written now 本次写入: {len(history.written)}",
    ]
    if publication.database and history.is_cut:
        lines.append(
            f"- `{DATABASE_NAME}` holds only {len(history.in_database)} dates, the last "
            f"{DATABASE_DAYS} days and month ends 数据库只含最近 {DATABASE_DAYS} 天与月末; "
            f"all of them 全部: `{publication.run_dir / HISTORY}`"
        )
    if forgotten:
        lines.append(
            f"- deleted by the retention 按保留期删除: {len(forgotten)} "
            f"({forgotten[0]} – {forgotten[-1]})"
        )
    parts = ["## History 历史", "\n".join(lines)]
    if history.restated:
        parts += [
            "Dates that say something else than what was published 与已发布不同的日期:",
            "\n".join([RESTATED_HEAD, *(_restated(publication, one) for one in history.restated)]),
        ]
    return parts


def _restated(publication: Publication, one: Restated) -> str:
    kept = f"`{one.kept}`" if one.kept else "(still published 仍在发布)"
    command = f"`make diff A={one.published_by} B={publication.run_id}`"
    return f"| {one.as_of_date} | {one.customers:,} | {kept} | {command} |"


def _beside(publication: Publication) -> list[str]:
    """Say what became of the publication to another place, the fault first of all."""
    beside = publication.beside
    if beside is None:
        return []
    if beside.fault:
        return [f"- **not published 未发布**: {beside.fault}"]
    tables, rows = len(beside.tables), sum(beside.tables.values())
    return [f"- {beside.place}: tables 表 {tables}, rows 行 {rows:,}, {beside.seconds:.1f} s"]


def markdown_table(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[str] = ()
) -> str:
    """Write the rows of a query as a table."""
    cursor = connection.execute(query, list(values))
    names = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    lines = [
        "| " + " | ".join(names) + " |",
        "|" + "|".join("---" for _ in names) + "|",
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]
    return "\n".join(lines) if rows else "(none 无)"


def _cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
