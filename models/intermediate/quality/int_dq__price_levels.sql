-- Grain: one row per product, and one per source of deals: what a price or an amount usually is, as the
-- median of its logarithms and their median absolute deviation.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

amounts as (
    select
        order_lines.product_key as level_key,
        {{ rounded('ln(cast(order_lines.list_price_doc as double))') }} as log_amount
    from {{ ref('int_crm__order_lines') }} as order_lines
    inner join run_context on {{ is_known('order_lines', 'run_context.knowledge_date') }}
    where order_lines.product_key is not null and order_lines.list_price_doc > 0
    union all
    select
        deals.crm_source as level_key,
        {{ rounded('ln(cast(deals.amount_base as double))') }} as log_amount
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on {{ is_known('deals', 'run_context.knowledge_date') }}
    where deals.amount_base > 0
),

medians as (
    select
        level_key,
        count(*) as records,
        {{ median_of('log_amount') }} as median_log
    from amounts
    group by level_key
)

select
    amounts.level_key,
    max(medians.records) as records,
    max(medians.median_log) as median_log,
    {{ median_of('abs(amounts.log_amount - medians.median_log)') }} as deviation_log
from amounts
inner join medians on amounts.level_key = medians.level_key
group by amounts.level_key
