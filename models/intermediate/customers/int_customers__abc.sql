-- Grain: one row per as_of_date × living customer with a purchase: its ABC tier by net amount in
-- the window. share_before counts strictly greater amounts, so that ties share a tier; it is null
-- where nobody has a positive amount. abc_tier is the best raw tier of the last N calendar days, of
-- which each was computed for itself: promotion at once, demotion on the N-th day below.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

value_index as (
    select * from {{ ref('int_customers__value_index') }}
),

amounts as (
    select
        as_of_date,
        monetary_base,
        sum(monetary_base) as amount_total
    from buyers
    group by as_of_date, monetary_base
),

cumulated as (
    select
        as_of_date,
        monetary_base,
        coalesce(
            sum(amount_total) over (
                partition by as_of_date order by monetary_base desc nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as amount_before,
        sum(case when monetary_base > 0 then amount_total end) over (partition by as_of_date)
            as amount_in_all
    from amounts
),

raw_tiers as (
    select
        buyers.as_of_date,
        buyers.customer_key,
        buyers.monetary_base,
        {{ rounded(
            'cast(cumulated.amount_before as double)'
            ~ ' / cast(nullif(cumulated.amount_in_all, 0) as double)'
        ) }} as share_before,
        cumulated.amount_before,
        cumulated.amount_in_all,
        value_index.value_index_pct,
        case
            when buyers.monetary_base <= 0 then 'C'
            when run_settings.abc_preset = 'value_index'
                then case
                    when value_index.value_index_pct > thresholds.abc_index_a then 'A'
                    when value_index.value_index_pct > thresholds.abc_index_b then 'B'
                    else 'C'
                end
            when
                cumulated.amount_before * 100
                < cumulated.amount_in_all * cast(thresholds.abc_a_share_pct as decimal(5, 2))
                then 'A'
            when
                cumulated.amount_before * 100
                < cumulated.amount_in_all * cast(thresholds.abc_b_share_pct as decimal(5, 2))
                then 'B'
            else 'C'
        end as abc_tier_raw,
        run_settings.abc_hysteresis_days
    from buyers
    cross join run_settings
    inner join thresholds on buyers.as_of_date = thresholds.as_of_date
    inner join cumulated
        on
            buyers.as_of_date = cumulated.as_of_date
            and buyers.monetary_base = cumulated.monetary_base
    left join value_index
        on
            buyers.as_of_date = value_index.as_of_date
            and buyers.customer_key = value_index.customer_key
),

last_tiers as (
    select
        *,
        {%- for tier in ['A', 'B'] %}
            max(case when abc_tier_raw = '{{ tier }}' then as_of_date end) over (
                partition by customer_key
                order by as_of_date nulls last
                rows between unbounded preceding and 1 preceding
            ) as last_{{ tier | lower }}_date,
        {%- endfor %}
        {{ add_days('as_of_date', '-abc_hysteresis_days') }} as forgotten_date
    from raw_tiers
),

held as (
    select
        *,
        case
            when last_a_date > forgotten_date then 'A'
            when last_b_date > forgotten_date then 'B'
            else 'C'
        end as held_tier
    from last_tiers
)

select
    as_of_date,
    customer_key,
    monetary_base,
    share_before,
    amount_before,
    amount_in_all,
    value_index_pct,
    abc_tier_raw,
    held_tier,
    least(abc_tier_raw, held_tier) as abc_tier
from held
