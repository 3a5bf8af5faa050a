-- Grain: one row per as_of_date × living customer with a purchase: its ABC tier by net amount in
-- the window. share_before counts strictly greater amounts, so that ties share a tier; it is null
-- where nobody has a positive amount.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
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
)

select
    buyers.as_of_date,
    buyers.customer_key,
    buyers.monetary_base,
    {{ rounded(
        'cast(cumulated.amount_before as double)'
        ~ ' / cast(nullif(cumulated.amount_in_all, 0) as double)'
    ) }} as share_before,
    case
        when buyers.monetary_base <= 0 then 'C'
        when
            cumulated.amount_before * 100
            < cumulated.amount_in_all * cast(thresholds.abc_a_share_pct as decimal(5, 2))
            then 'A'
        when
            cumulated.amount_before * 100
            < cumulated.amount_in_all * cast(thresholds.abc_b_share_pct as decimal(5, 2))
            then 'B'
        else 'C'
    end as abc_tier_raw
from buyers
inner join thresholds on buyers.as_of_date = thresholds.as_of_date
inner join cumulated
    on
        buyers.as_of_date = cumulated.as_of_date
        and buyers.monetary_base = cumulated.monetary_base
