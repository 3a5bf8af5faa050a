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
    metrics.net_base,
    metrics.costed_net_base,
    metrics.profit_contribution_base,
    metrics.window_net_base,
    metrics.window_units,
    metrics.window_first_purchase_date,
    metrics.window_online_base,
    metrics.window_offline_base,
    metrics.last_online_date,
    metrics.last_offline_date,
    {{ days_between('metrics.last_purchase_date', 'metrics.as_of_date') }} as recency_days,
    case
        when run_settings.frequency_measure = 'orders' then metrics.window_orders
        else metrics.window_purchase_days
    end as frequency,
    case
        when run_settings.monetary_measure = 'margin' then metrics.window_profit_base
        when run_settings.monetary_measure = 'average_order'
            then case
                when metrics.window_orders > 0
                    then cast(
                        {{ rounded(
                            'cast(metrics.monetary_base as double)'
                            ~ ' / cast(nullif(metrics.window_orders, 0) as double)'
                        ) }} as decimal(18, 2)
                    )
                else cast(0 as decimal(18, 2))
            end
        else metrics.monetary_base
    end as rfm_monetary_base
from metrics
inner join customers
    on
        metrics.as_of_date = customers.as_of_date
        and metrics.customer_key = customers.customer_key
cross join run_settings
