-- Grain: one row per as_of_date × living customer with a counted purchase by then.
with metrics as (
    select * from {{ ref('int_purchases__customer_metrics') }}
    where purchase_days > 0
),

customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
)

select
    metrics.as_of_date,
    metrics.customer_key,
    metrics.first_purchase_date,
    metrics.last_purchase_date,
    metrics.purchase_days,
    metrics.orders,
    metrics.lifetime_base,
    metrics.window_purchase_days,
    metrics.window_orders,
    metrics.monetary_base,
    metrics.recent_purchase_days,
    metrics.recent_base,
    metrics.prior_purchase_days,
    metrics.prior_base,
    {{ days_between('metrics.last_purchase_date', 'metrics.as_of_date') }} as recency_days,
    case
        when run_settings.frequency_measure = 'orders' then metrics.window_orders
        else metrics.window_purchase_days
    end as frequency
from metrics
inner join customers
    on
        metrics.as_of_date = customers.as_of_date
        and metrics.customer_key = customers.customer_key
cross join run_settings
