-- Grain: one row per order or invoice with lines on the published date: what its lines add up to, and
-- how far its dearest price lies above what the product usually costs.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

order_lines as (
    select order_lines.*
    from {{ ref('int_crm__order_lines') }} as order_lines
    inner join run_context on {{ is_known('order_lines', 'run_context.knowledge_date') }}
),

price_levels as (
    select * from {{ ref('int_dq__price_levels') }}
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

priced as (
    select
        order_lines.order_key,
        order_lines.line_total_doc,
        case
            when
                price_levels.records >= thresholds.price_min_records
                and order_lines.list_price_doc > 0
                then {{ robust_z(
                    'ln(cast(order_lines.list_price_doc as double))',
                    'price_levels.median_log',
                    'price_levels.deviation_log'
                ) }}
        end as price_z
    from order_lines
    cross join thresholds
    left join price_levels on order_lines.product_key = price_levels.level_key
)

select
    order_key,
    count(*) as line_count,
    case when count(*) = count(line_total_doc) then sum(line_total_doc) end as lines_total_doc,
    max(price_z) as price_z
from priced
where order_key is not null
group by order_key
