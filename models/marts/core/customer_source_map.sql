-- Grain: one row per source record that stands for a customer.
with source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    source_map.crm_source,
    source_map.record_type,
    source_map.source_id,
    source_map.customer_key,
    source_map.match_rule,
    source_map.evidence,
    case when customers.is_deleted then 'deleted' else 'active' end as status,
    source_map.first_seen_on
from source_map
inner join customers on source_map.customer_key = customers.customer_key
inner join run_context on customers.as_of_date = run_context.as_of_date
