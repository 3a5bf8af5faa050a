-- Grain: one row per as_of_date × living customer: value, loyalty, frequency, purchasing power.
-- A term of a score that is not known is left out and the weights of the others rescaled.
-- pct = share of buyers whose value is not above one's own.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

clv_scores as (
    select * from {{ source('raw', 'clv_scores') }}
),

feedback as (
    select * from {{ ref('int_customers__feedback') }}
),

profiles as (
    select * from {{ ref('int_customers__profile') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

measured as (
    select
        buyers.as_of_date,
        buyers.customer_key,
        profiles.customer_type,
        buyers.purchase_days,
        buyers.window_purchase_days,
        buyers.monetary_base,
        buyers.lifetime_base,
        buyers.profit_contribution_base,
        case
            when buyers.net_base <> 0
                then {{ rounded(
                    '100 * cast(buyers.costed_net_base as double)'
                    ~ ' / cast(nullif(buyers.net_base, 0) as double)'
                ) }}
        end as cost_coverage_pct,
        clv_scores.predicted_clv_base,
        clv_scores.p_alive,
        clv_scores.expected_purchases_12m,
        case
            when buyers.window_orders > 0
                then {{ rounded(
                    'cast(buyers.monetary_base as double)'
                    ~ ' / cast(nullif(buyers.window_orders, 0) as double)'
                ) }}
            else {{ rounded(
                'cast(buyers.lifetime_base as double)'
                ~ ' / cast(nullif(buyers.orders, 0) as double)'
            ) }}
        end as average_order_base,
        cast(buyers.purchase_days - 1 as double) / cast(nullif(buyers.purchase_days, 0) as double)
            as repeat_term,
        least(
            cast({{ days_between('buyers.first_purchase_date', 'buyers.as_of_date') }} as double),
            cast(thresholds.loyalty_tenure_cap_days as double)
        ) / cast(nullif(thresholds.loyalty_tenure_cap_days, 0) as double) as tenure_term,
        case when buyers.purchase_days = 1 then 0 else clv_scores.p_alive end as alive_term,
        (feedback.satisfaction_score + 1) / 2 as satisfaction_term
    from buyers
    inner join thresholds on buyers.as_of_date = thresholds.as_of_date
    left join clv_scores
        on
            buyers.as_of_date = clv_scores.as_of_date
            and buyers.customer_key = clv_scores.customer_key
    left join feedback
        on
            buyers.as_of_date = feedback.as_of_date
            and buyers.customer_key = feedback.customer_key
    left join profiles
        on
            buyers.as_of_date = profiles.as_of_date
            and buyers.customer_key = profiles.customer_key
),

loyal as (
    select
        measured.*,
        {{ rounded(weighted_mean([
            ('thresholds.loyalty_repeat_weight', 'measured.repeat_term'),
            ('thresholds.loyalty_tenure_weight', 'measured.tenure_term'),
            ('thresholds.loyalty_alive_weight', 'measured.alive_term'),
            ('thresholds.loyalty_satisfaction_weight', 'measured.satisfaction_term'),
        ])) }} as loyalty_score
    from measured
    inner join thresholds on measured.as_of_date = thresholds.as_of_date
),

ranked as (
    select
        loyal.*,
        cume_dist() over (
            partition by loyal.as_of_date order by loyal.monetary_base nulls last
        ) as monetary_pct,
        case
            when loyal.predicted_clv_base is not null
                then cume_dist() over (
                    partition by loyal.as_of_date, loyal.predicted_clv_base is null
                    order by loyal.predicted_clv_base nulls last
                )
        end as clv_pct
    from loyal
),

median_orders as (
    select
        as_of_date,
        customer_type,
        {{ median_of('average_order_base') }} as average_order_base
    from measured
    group by as_of_date, customer_type
),

scored as (
    select
        ranked.*,
        {{ rounded(weighted_mean([
            ('thresholds.value_monetary_weight', 'ranked.monetary_pct'),
            ('thresholds.value_clv_weight', 'ranked.clv_pct'),
            ('thresholds.value_loyalty_weight', 'ranked.loyalty_score'),
        ])) }} as value_score,
        median_orders.average_order_base as median_order_base
    from ranked
    inner join thresholds on ranked.as_of_date = thresholds.as_of_date
    inner join median_orders
        on
            ranked.as_of_date = median_orders.as_of_date
            and ranked.customer_type = median_orders.customer_type
)

select
    customers.as_of_date,
    customers.customer_key,
    coalesce(scored.lifetime_base, 0) as historic_clv_base,
    scored.predicted_clv_base,
    scored.p_alive,
    scored.expected_purchases_12m,
    coalesce(scored.profit_contribution_base, 0) as profit_contribution_base,
    scored.cost_coverage_pct,
    scored.repeat_term,
    scored.tenure_term,
    scored.alive_term,
    scored.satisfaction_term,
    scored.loyalty_score,
    {{ loyalty_class_of({'loyalty_score': 'scored.loyalty_score'}) }} as loyalty_class,
    {{ rounded('scored.monetary_pct') }} as monetary_pct,
    {{ rounded('scored.clv_pct') }} as clv_pct,
    scored.value_score,
    {{ value_class_of({'value_score': 'scored.value_score'}) }} as value_class,
    coalesce(scored.window_purchase_days, 0) as window_purchase_days,
    {{ frequency_class_of({'window_purchase_days': 'scored.window_purchase_days'}) }}
        as frequency_class,
    scored.average_order_base,
    scored.median_order_base,
    size_classes.purchasing_power as power_of_size,
    {{ purchasing_power_of({
        'average_order_base': 'scored.average_order_base',
        'median_order_base': 'scored.median_order_base',
        'power_of_size': 'size_classes.purchasing_power',
    }) }} as purchasing_power
from customers
inner join thresholds on customers.as_of_date = thresholds.as_of_date
left join scored
    on
        customers.as_of_date = scored.as_of_date
        and customers.customer_key = scored.customer_key
left join profiles
    on
        customers.as_of_date = profiles.as_of_date
        and customers.customer_key = profiles.customer_key
left join size_classes
    on
        profiles.company_size = size_classes.company_size
        and customers.as_of_date >= size_classes.valid_from
        and customers.as_of_date <= coalesce(size_classes.valid_to, cast('9999-12-31' as date))
