-- Grain: one row per return or refund document known and dated by the published date.
with versions as (
    select * from {{ ref('int_purchases__refunds') }}
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.refund_key,
    coalesce(customers.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.record_kind,
    versions.refund_id,
    versions.order_key,
    versions.refund_date,
    versions.amount_base,
    versions.amount_doc,
    versions.currency,
    versions.reason,
    versions.is_counted
from versions
inner join run_context
    on
        versions.refund_date <= run_context.as_of_date
        and {{ is_known('versions', 'run_context.knowledge_date') }}
left join customers
    on
        run_context.as_of_date = customers.as_of_date
        and versions.customer_key = customers.customer_key
