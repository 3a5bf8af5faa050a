-- Grain: one row per as_of_date × customer with a counted purchase or refund by then.
{%- set starts = ['window_start', 'recent_start', 'prior_start'] %}
with days as (
    select * from {{ ref('int_purchases__customer_days') }}
    where customer_key <> 'unknown'
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

periods as (
    select
        run_context.as_of_date,
        run_context.knowledge_date,
        run_context.window_start,
        {{ add_days('run_context.as_of_date', '1 - thresholds.half_period_days') }} as recent_start,
        {{ add_days('run_context.as_of_date', '1 - 2 * thresholds.half_period_days') }}
            as prior_start
    from run_context
    inner join thresholds on run_context.as_of_date = thresholds.as_of_date
),

{{ days_at_turns(['customer_key'], starts) }},

seen as (
    select
        as_of_date,
        customer_key,
        event_date,
        orders,
        net_base,
        net_base - refund_base as amount_base,
        units,
        cost_base,
        -- The share of the day's money whose cost is known, by its lines.
        case
            when costed_lines_base = lines_base and lines_base <> 0 then net_base
            when costed_lines_base <> 0
                then cast(
                    cast(net_base as double) * cast(costed_lines_base as double)
                    / cast(nullif(lines_base, 0) as double) as decimal(18, 2)
                )
            else cast(0 as decimal(18, 2))
        end as costed_net_base,
        online_base,
        offline_base,
        event_date >= window_start as in_window,
        event_date >= recent_start as in_recent,
        event_date >= prior_start and event_date < recent_start as in_prior
    from days_at_turns
),

counted as (
    select
        seen.as_of_date,
        seen.customer_key,
        min(case when seen.orders > 0 then seen.event_date end) as first_purchase_date,
        max(case when seen.orders > 0 then seen.event_date end) as last_purchase_date,
        count(*) filter (where seen.orders > 0) as purchase_days,
        {{ sum_of_counts('seen.orders') }} as orders,
        {{ sum_of_money('seen.amount_base') }} as lifetime_base,
        count(*) filter (where seen.orders > 0 and seen.in_window) as window_purchase_days,
        {{ sum_of_counts('seen.orders', 'seen.in_window') }} as window_orders,
        {{ sum_of_money('seen.amount_base', 'seen.in_window') }} as monetary_base,
        count(*) filter (where seen.orders > 0 and seen.in_recent) as recent_purchase_days,
        {{ sum_of_money('seen.amount_base', 'seen.in_recent') }} as recent_base,
        count(*) filter (where seen.orders > 0 and seen.in_prior) as prior_purchase_days,
        {{ sum_of_money('seen.amount_base', 'seen.in_prior') }} as prior_base,
        {{ sum_of_money('seen.net_base') }} as net_base,
        {{ sum_of_money('seen.costed_net_base') }} as costed_net_base,
        {{ sum_of_money('seen.costed_net_base - seen.cost_base') }}
            as profit_contribution_base,
        {{ sum_of_money('seen.costed_net_base - seen.cost_base', 'seen.in_window') }}
            as window_profit_base,
        {{ sum_of_money('seen.net_base', 'seen.in_window') }} as window_net_base,
        {{ sum_of_money('seen.units', 'seen.in_window') }} as window_units,
        {{ sum_of_money('seen.online_base', 'seen.in_window') }}
            as window_online_base,
        {{ sum_of_money('seen.offline_base', 'seen.in_window') }}
            as window_offline_base,
        max(case when seen.online_base > 0 then seen.event_date end) as last_online_date,
        max(case when seen.offline_base > 0 then seen.event_date end) as last_offline_date,
        min(case when seen.orders > 0 and seen.in_window then seen.event_date end)
            as window_first_purchase_date
    from seen
    group by seen.as_of_date, seen.customer_key
)

select
    periods.as_of_date,
    counted.customer_key,
    counted.first_purchase_date,
    counted.last_purchase_date,
    counted.purchase_days,
    counted.orders,
    counted.lifetime_base,
    counted.window_purchase_days,
    counted.window_orders,
    counted.monetary_base,
    counted.recent_purchase_days,
    counted.recent_base,
    counted.prior_purchase_days,
    counted.prior_base,
    counted.net_base,
    counted.costed_net_base,
    counted.profit_contribution_base,
    counted.window_profit_base,
    counted.window_net_base,
    counted.window_units,
    counted.window_online_base,
    counted.window_offline_base,
    counted.last_online_date,
    counted.last_offline_date,
    counted.window_first_purchase_date
from {{ on_every_date('counted', ['customer_key']) }}
