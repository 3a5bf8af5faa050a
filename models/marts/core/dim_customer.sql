-- Grain: one row per customer that existed on the published date, deleted ones included, and the
-- 'unknown' member that facts without a customer point to.
with customers as (
    select * from {{ ref('int_customers__customers') }}
),

metrics as (
    select * from {{ ref('int_purchases__customer_metrics') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    customers.customer_key,
    customers.customer_name,
    customers.customer_type,
    coalesce(metrics.purchase_days, 0) > 0 as is_existing,
    customers.is_inferred,
    customers.is_deleted,
    customers.crm_source as crm_sources,
    customers.country,
    customers.province,
    customers.city,
    customers.industry,
    customers.source_channel,
    customers.source_channel_group,
    customers.crm_status,
    customers.owner_key,
    customers.created_date,
    metrics.first_purchase_date
from customers
inner join run_context on customers.as_of_date = run_context.as_of_date
left join metrics
    on
        customers.as_of_date = metrics.as_of_date
        and customers.customer_key = metrics.customer_key
union all
select
    'unknown' as customer_key,
    '未知 / unknown' as customer_name,
    'unknown' as customer_type,
    false as is_existing,
    false as is_inferred,
    false as is_deleted,
    cast(null as string) as crm_sources,
    cast(null as string) as country,
    cast(null as string) as province,
    cast(null as string) as city,
    cast(null as string) as industry,
    cast(null as string) as source_channel,
    'unknown' as source_channel_group,
    cast(null as string) as crm_status,
    cast(null as string) as owner_key,
    cast(null as date) as created_date,
    cast(null as date) as first_purchase_date
from run_context
