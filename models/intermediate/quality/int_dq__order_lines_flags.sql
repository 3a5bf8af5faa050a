-- Grain: one row per line of an order or invoice known to the run. One nullable boolean per rule:
-- true = fails, null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__order_lines') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
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
    records.order_line_id as record_id,
    cast(null as string) as owner_key,
    records.valid_from as known_since,
    case
        when records.order_key is not null or records.product_key is not null
            then
                (records.order_key is not null and orders.record_key is null)
                or (records.product_key is not null and products.record_key is null)
    end as str_008,
    case
        when records.order_key is not null and orders.record_key is null
            then 'order ' || records.order_id
        when records.product_key is not null and products.record_key is null
            then 'product ' || records.product_id
    end as str_008_value,
    {{ has_cast_error(
        'records.cast_errors', ['quantity', 'list_price', 'discount', 'line_total', 'tax']
    ) }} or records.has_long_decimals as ent_026,
    coalesce(records.cast_errors, cast(records.line_total_doc as string)) as ent_026_value
from records
left join orders on records.order_key = orders.record_key
left join products on records.product_key = products.record_key
