-- Grain: one row per as_of_date × living customer: what it needs most.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

summaries as (
    select * from {{ ref('int_behaviour__needs_summary') }}
    where party_type = 'customer'
)

select
    customers.as_of_date,
    customers.customer_key,
    coalesce(summaries.primary_need, 'unknown') as primary_need,
    coalesce(summaries.need_kind, 'unknown') as need_kind,
    coalesce(summaries.product_tier, 'unknown') as product_tier,
    coalesce(summaries.service_type, 'unknown') as service_type
from customers
left join summaries
    on
        customers.as_of_date = summaries.as_of_date
        and customers.customer_key = summaries.party_key
