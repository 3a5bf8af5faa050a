-- Grain: one row per source record whose customer exists on the published date: how facts find the
-- row of dim_customer they belong to.
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
    source_map.record_key,
    source_map.customer_key
from source_map
inner join customers on source_map.customer_key = customers.customer_key
inner join run_context on customers.as_of_date = run_context.as_of_date
