-- Grain: one row per as_of_date: what its predicted CLV was computed with, replaced per as_of_date.
{{ history_table() }}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_requested
),

fits as (
    select * from {{ source('raw', 'clv_fits') }}
)

select
    fits.as_of_date,
    fits.fitted_on,
    fits.model,
    fits.r,
    fits.alpha,
    fits.a,
    fits.b,
    fits.p,
    fits.q,
    fits.v,
    fits.log_likelihood,
    fits.spend_log_likelihood,
    fits.customers,
    fits.repeat_customers,
    fits.status,
    fits.reason
from fits
inner join run_context on fits.as_of_date = run_context.as_of_date
