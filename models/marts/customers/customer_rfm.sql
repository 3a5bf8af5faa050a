-- Grain: one row per customer with a purchase, on the published date.
with rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    rfm.as_of_date,
    rfm.customer_key,
    rfm.last_purchase_date,
    rfm.recency_days,
    cast(rfm.frequency as bigint) as frequency,
    cast(rfm.monetary_base as decimal(18, 2)) as monetary_base,
    rfm.r_score,
    rfm.f_score,
    rfm.m_score,
    rfm.rfm_code,
    rfm.rfm_class
from rfm
inner join run_context on rfm.as_of_date = run_context.as_of_date
