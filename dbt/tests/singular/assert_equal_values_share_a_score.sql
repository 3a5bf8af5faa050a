{{ config(meta={'dagster': {'ref': {'name': 'customer_rfm'}}}) }}
-- A score is a function of the value alone.
with scores as (
    select 'recency' as measure, recency_days as value, r_score as score
    from {{ ref('customer_rfm') }}
    union all
    select 'frequency' as measure, frequency as value, f_score as score
    from {{ ref('customer_rfm') }}
    union all
    select 'monetary' as measure, monetary_base as value, m_score as score
    from {{ ref('customer_rfm') }}
)

select
    measure,
    value,
    min(score) as lowest_score,
    max(score) as highest_score
from scores
group by measure, value
having min(score) <> max(score)
