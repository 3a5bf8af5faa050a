-- Grain: one row per living customer, on the published date.
with customer_values as (
    select * from {{ ref('int_customers__value') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    customer_values.as_of_date,
    customer_values.customer_key,
    cast(customer_values.historic_clv_base as decimal(18, 2)) as historic_clv_base,
    cast(customer_values.predicted_clv_base as decimal(18, 2)) as predicted_clv_base,
    customer_values.p_alive,
    customer_values.expected_purchases_12m,
    cast(customer_values.profit_contribution_base as decimal(18, 2)) as profit_contribution_base,
    customer_values.cost_coverage_pct,
    customer_values.loyalty_score,
    customer_values.value_score,
    customer_values.value_class,
    customer_values.loyalty_class,
    customer_values.frequency_class,
    customer_values.average_order_base,
    customer_values.purchasing_power
from customer_values
inner join run_context on customer_values.as_of_date = run_context.as_of_date
