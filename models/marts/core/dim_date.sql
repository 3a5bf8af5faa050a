-- Grain: one row per day from the first purchase, journey or as-of date to the published date.
with bounds as (
    select min(order_date) as first_date from {{ ref('fct_orders') }}
    union all
    select min(as_of_date) as first_date from {{ source('raw', 'run_context') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

days as (
    select {{ unnest_days('first_dates.first_date', 'run_context.as_of_date') }} as date_day
    from (select min(first_date) as first_date from bounds) as first_dates
    cross join run_context
)

select
    date_day,
    cast(extract(year from date_day) as integer) as year_number,
    cast(extract(quarter from date_day) as integer) as quarter_number,
    cast(extract(month from date_day) as integer) as month_number,
    cast(extract(day from date_day) as integer) as day_of_month,
    {{ month_of('date_day') }} as month_start,
    {{ iso_weekday('date_day') }} as iso_weekday,
    {{ iso_weekday('date_day') }} >= 6 as is_weekend
from days
