-- Grain: one row per line of an order or invoice known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__order_lines') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

orders as (
    select distinct order_key as record_key from {{ ref('int_crm__orders') }}
),

products as (
    select distinct product_key as record_key from {{ ref('int_crm__products') }}
)

select
    records.as_of_date,
    records.crm_source,
    'order_lines' as entity,
    records.record_kind,
    records.order_line_id as record_id,
    cast(null as string) as owner_key,
    {{ flag(
        'str_008',
        applies='coalesce(records.order_key, records.product_key) is not null',
        fails='(records.order_key is not null and orders.record_key is null)'
        ~ ' or (records.product_key is not null and products.record_key is null)',
        value="case when records.order_key is not null and orders.record_key is null"
        ~ " then 'order ' || records.order_id else 'product ' || records.product_id end"
    ) }},
    {{ flag(
        'ent_014',
        fails='coalesce(records.product_id, records.product_name) is null'
        ~ ' or records.quantity is null'
        ~ ' or coalesce(records.list_price_doc, records.line_total_doc) is null',
        value="case when coalesce(records.product_id, records.product_name) is null then 'product'"
        ~ " when records.quantity is null then 'quantity' else 'price' end"
    ) }},
    {{ flag(
        'ent_026',
        fails=has_cast_error(
            'records.cast_errors', ['quantity', 'list_price', 'discount', 'line_total', 'tax']
        ) ~ ' or records.has_long_decimals',
        value='coalesce(records.cast_errors, cast(records.line_total_doc as string))'
    ) }},
    {{ flag(
        'ent_041',
        applies='records.parts_doc is not null and records.line_total_doc is not null',
        fails=differ('records.parts_doc', 'records.line_total_doc') ~ ' and '
        ~ differ('(records.parts_doc + records.tax_doc)', 'records.line_total_doc'),
        value='records.line_total_doc'
    ) }}
from records
cross join run_context
cross join thresholds
left join orders on records.order_key = orders.record_key
left join products on records.product_key = products.record_key
