-- Grain: one row per order, invoice or won deal known and dated by the published date.
with versions as (
    select * from {{ ref('int_purchases__documents') }}
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.order_key,
    coalesce(customers.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.record_kind,
    versions.order_id,
    versions.document_number,
    versions.owner_key,
    versions.order_date,
    versions.gross_base,
    versions.discount_base,
    versions.net_base,
    versions.net_doc,
    versions.currency,
    versions.channel,
    versions.crm_status,
    versions.status,
    versions.life_status,
    versions.is_counted,
    versions.is_refund
from versions
inner join run_context
    on
        versions.order_date <= run_context.as_of_date
        and {{ is_known('versions', 'run_context.knowledge_date') }}
left join customers
    on
        run_context.as_of_date = customers.as_of_date
        and versions.customer_key = customers.customer_key
