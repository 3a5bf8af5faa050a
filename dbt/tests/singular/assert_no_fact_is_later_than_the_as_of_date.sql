{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}
{%- set dates = {
    'fct_orders': 'order_date',
    'fct_order_lines': 'order_date',
    'fct_refunds': 'refund_date',
    'fct_activities': 'activity_date',
    'fct_deals': 'created_date',
    'fct_stage_events': 'entered_date',
    'fct_web_sessions': 'cast(occurred_at as date)',
    'fct_email_events': 'cast(occurred_at as date)',
    'fct_feedback': 'cast(occurred_at as date)',
} -%}
with newest as (
    {%- for table, column in dates.items() %}
    select
        '{{ table }}' as fact_table,
        max({{ column }}) as newest_date
    from {{ ref(table) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    newest.fact_table,
    newest.newest_date,
    run_context.as_of_date
from newest
inner join {{ source('raw', 'run_context') }} as run_context
    on run_context.is_newest and newest.newest_date > run_context.as_of_date
