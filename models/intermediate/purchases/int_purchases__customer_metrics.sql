-- Grain: one row per as_of_date × customer with a counted purchase or refund by then.
with customer_days as (
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

known_days as (
    select
        periods.as_of_date,
        customer_days.customer_key,
        customer_days.event_date,
        customer_days.orders,
        customer_days.net_base,
        customer_days.net_base - customer_days.refund_base as amount_base,
        customer_days.units,
        customer_days.cost_base,
        -- The share of the day's money whose cost is known, by its lines.
        case
            when
                customer_days.costed_lines_base = customer_days.lines_base
                and customer_days.lines_base <> 0
                then customer_days.net_base
            when customer_days.costed_lines_base <> 0
                then cast(
                    cast(customer_days.net_base as double)
                    * cast(customer_days.costed_lines_base as double)
                    / cast(nullif(customer_days.lines_base, 0) as double) as decimal(18, 2)
                )
            else cast(0 as decimal(18, 2))
        end as costed_net_base,
        customer_days.online_base,
        customer_days.offline_base,
        customer_days.event_date >= periods.window_start as in_window,
        customer_days.event_date >= periods.recent_start as in_recent,
        customer_days.event_date >= periods.prior_start
        and customer_days.event_date < periods.recent_start as in_prior
    from customer_days
    inner join periods
        on
            customer_days.event_date <= periods.as_of_date
            and customer_days.known_from <= periods.knowledge_date
            and (
                customer_days.known_to is null
                or customer_days.known_to > periods.knowledge_date
            )
)

select
    known_days.as_of_date,
    known_days.customer_key,
    min(case when known_days.orders > 0 then known_days.event_date end) as first_purchase_date,
    max(case when known_days.orders > 0 then known_days.event_date end) as last_purchase_date,
    count(*) filter (where known_days.orders > 0) as purchase_days,
    coalesce(sum(known_days.orders), 0) as orders,
    coalesce(sum(known_days.amount_base), 0) as lifetime_base,
    count(*) filter (where known_days.orders > 0 and known_days.in_window) as window_purchase_days,
    coalesce(sum(known_days.orders) filter (where known_days.in_window), 0) as window_orders,
    coalesce(sum(known_days.amount_base) filter (where known_days.in_window), 0) as monetary_base,
    count(*) filter (where known_days.orders > 0 and known_days.in_recent) as recent_purchase_days,
    coalesce(sum(known_days.amount_base) filter (where known_days.in_recent), 0) as recent_base,
    count(*) filter (where known_days.orders > 0 and known_days.in_prior) as prior_purchase_days,
    coalesce(sum(known_days.amount_base) filter (where known_days.in_prior), 0) as prior_base,
    coalesce(sum(known_days.net_base), 0) as net_base,
    coalesce(sum(known_days.costed_net_base), 0) as costed_net_base,
    coalesce(sum(known_days.costed_net_base - known_days.cost_base), 0)
        as profit_contribution_base,
    coalesce(
        sum(known_days.costed_net_base - known_days.cost_base) filter (where known_days.in_window),
        0
    ) as window_profit_base,
    coalesce(sum(known_days.net_base) filter (where known_days.in_window), 0) as window_net_base,
    coalesce(sum(known_days.units) filter (where known_days.in_window), 0) as window_units,
    coalesce(sum(known_days.online_base) filter (where known_days.in_window), 0)
        as window_online_base,
    coalesce(sum(known_days.offline_base) filter (where known_days.in_window), 0)
        as window_offline_base,
    max(case when known_days.online_base > 0 then known_days.event_date end) as last_online_date,
    max(case when known_days.offline_base > 0 then known_days.event_date end) as last_offline_date,
    min(case when known_days.orders > 0 and known_days.in_window then known_days.event_date end)
        as window_first_purchase_date
from known_days
group by known_days.as_of_date, known_days.customer_key
