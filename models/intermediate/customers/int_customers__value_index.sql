-- Grain: one row per as_of_date × living buyer where tiers are cut by the value index; none otherwise.
-- v = weighted pct(amount) and pct(frequency); value_index_pct = pct(v), pct = share of buyers whose
-- value is not above one's own.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
    where abc_preset = 'value_index'
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

ranked as (
    select
        buyers.as_of_date,
        buyers.customer_key,
        cume_dist() over (
            partition by buyers.as_of_date order by buyers.monetary_base nulls last
        ) as amount_pct,
        cume_dist() over (
            partition by buyers.as_of_date order by buyers.frequency nulls last
        ) as frequency_pct
    from buyers
    cross join run_settings
),

indexed as (
    select
        ranked.as_of_date,
        ranked.customer_key,
        {{ rounded(
            'cast(thresholds.abc_index_amount_weight as double) * ranked.amount_pct'
            ~ ' + cast(thresholds.abc_index_frequency_weight as double) * ranked.frequency_pct'
        ) }} as value_index
    from ranked
    inner join thresholds on ranked.as_of_date = thresholds.as_of_date
)

select
    as_of_date,
    customer_key,
    value_index,
    {{ rounded(
        'cume_dist() over (partition by as_of_date order by value_index nulls last)'
    ) }} as value_index_pct
from indexed
