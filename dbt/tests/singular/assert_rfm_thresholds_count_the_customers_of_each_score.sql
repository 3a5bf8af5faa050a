{{ config(meta={'dagster': {'ref': {'name': 'rfm_thresholds'}}}) }}
-- On the published date every score has its row and its customers, between its bounds.
with scores as (
    select as_of_date, 'recency' as measure, r_score as score, recency_days as value
    from {{ ref('customer_rfm') }}
    union all
    select as_of_date, 'frequency' as measure, f_score as score, frequency as value
    from {{ ref('customer_rfm') }}
    union all
    select as_of_date, 'monetary' as measure, m_score as score, monetary_base as value
    from {{ ref('customer_rfm') }}
),

found as (
    select
        as_of_date,
        measure,
        score,
        count(*) as customers,
        min(cast(value as double)) as lowest_value,
        max(cast(value as double)) as highest_value
    from scores
    group by as_of_date, measure, score
),

published as (
    select thresholds.*
    from {{ ref('rfm_thresholds') }} as thresholds
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and thresholds.as_of_date = run_context.as_of_date
)

select
    found.measure,
    found.score,
    found.customers,
    published.measure as published_measure,
    published.score as published_score,
    published.customers as published_customers
from found
full outer join published
    on
        found.as_of_date = published.as_of_date
        and found.measure = published.measure
        and found.score = published.score
where
    coalesce(found.customers, 0) <> coalesce(published.customers, 0)
    or found.lowest_value <= published.lower_bound
    or found.highest_value > published.upper_bound
