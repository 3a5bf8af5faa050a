-- Grain: one row per line of an order or invoice known and dated by the published date.
with versions as (
    select * from {{ ref('int_crm__order_lines') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.order_line_key,
    versions.crm_source,
    versions.record_kind,
    versions.order_line_id,
    orders.order_key,
    coalesce(orders.customer_key, 'unknown') as customer_key,
    orders.order_date,
    versions.product_key,
    versions.product_name,
    versions.quantity,
    versions.unit,
    versions.list_price_doc,
    versions.discount_doc,
    versions.line_total_doc
from versions
inner join run_context
    on
        {{ is_known('versions', 'run_context.knowledge_date') }}
left join orders on versions.order_key = orders.order_key
