-- Grain: one row per as_of_date: what its predicted CLV was computed with, replaced per as_of_date.
{{ history_table() }}
with fits as (
    select * from {{ source('raw', 'clv_fits') }}
)

select
    as_of_date,
    fitted_on,
    model,
    r,
    alpha,
    a,
    b,
    p,
    q,
    v,
    log_likelihood,
    spend_log_likelihood,
    customers,
    repeat_customers,
    status,
    reason
from fits
