-- Grain: one row per month of first purchase × month since, on the published date: how many of the
-- cohort bought in that month.
with customer_days as (
    select * from {{ ref('int_purchases__customer_days') }}
    where orders > 0
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

cohorts as (
    select
        buyers.as_of_date,
        buyers.customer_key,
        {{ month_of('buyers.first_purchase_date') }} as cohort_month,
        run_context.knowledge_date
    from buyers
    inner join run_context on buyers.as_of_date = run_context.as_of_date
),

cohort_sizes as (
    select
        cohort_month,
        count(*) as cohort_customers
    from cohorts
    group by cohort_month
),

active_months as (
    select
        cohorts.as_of_date,
        cohorts.cohort_month,
        {{ month_of('customer_days.event_date') }} as active_month,
        count(distinct customer_days.customer_key) as customers,
        sum(customer_days.net_base) as net_base
    from customer_days
    inner join cohorts
        on
            customer_days.customer_key = cohorts.customer_key
            and customer_days.event_date <= cohorts.as_of_date
            and customer_days.known_from <= cohorts.knowledge_date
            and (
                customer_days.known_to is null or customer_days.known_to > cohorts.knowledge_date
            )
    group by
        cohorts.as_of_date,
        cohorts.cohort_month,
        {{ month_of('customer_days.event_date') }}
)

select
    active_months.as_of_date,
    active_months.cohort_month,
    cast(
        floor(
            12 * extract(year from active_months.active_month)
            - 12 * extract(year from active_months.cohort_month)
            + extract(month from active_months.active_month)
            - extract(month from active_months.cohort_month)
        ) as integer
    ) as month_number,
    cohort_sizes.cohort_customers,
    active_months.customers,
    {{ rounded(
        'cast(active_months.customers as double)'
        ~ ' / cast(nullif(cohort_sizes.cohort_customers, 0) as double)'
    ) }} as retention,
    cast(active_months.net_base as decimal(18, 2)) as net_base
from active_months
inner join cohort_sizes on active_months.cohort_month = cohort_sizes.cohort_month
