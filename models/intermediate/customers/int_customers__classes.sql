-- Grain: one row per as_of_date × living customer: one value per class, never null.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

abc as (
    select * from {{ ref('int_customers__abc') }}
),

lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
)

select
    customers.as_of_date,
    customers.customer_key,
    customers.customer_name,
    customers.owner_key,
    coalesce(rfm.rfm_class, 'not_applicable') as rfm_class,
    coalesce(rfm.rfm_code, 'not_applicable') as rfm_code,
    coalesce(abc.abc_tier_raw, 'not_applicable') as abc_tier,
    lifecycle.relationship_stage,
    lifecycle.customer_status,
    lifecycle.prospect_stage,
    customers.customer_type,
    lifecycle.customer_status = 'new' as is_new_customer
from customers
inner join lifecycle
    on
        customers.as_of_date = lifecycle.as_of_date
        and customers.customer_key = lifecycle.customer_key
left join rfm
    on customers.as_of_date = rfm.as_of_date and customers.customer_key = rfm.customer_key
left join abc
    on customers.as_of_date = abc.as_of_date and customers.customer_key = abc.customer_key
