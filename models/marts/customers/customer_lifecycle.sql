-- Grain: one row per living customer, on the published date.
with lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    lifecycle.as_of_date,
    lifecycle.customer_key,
    lifecycle.purchase_days,
    lifecycle.tenure_days,
    lifecycle.cadence_days,
    lifecycle.relationship_stage,
    lifecycle.customer_status,
    lifecycle.prospect_stage
from lifecycle
inner join run_context on lifecycle.as_of_date = run_context.as_of_date
