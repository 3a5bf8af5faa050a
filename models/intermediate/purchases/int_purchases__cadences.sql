-- Grain: one row per as_of_date × customer with enough purchase days by then (three): the median gap
-- between them, in days.
with customer_days as (
    select * from {{ ref('int_purchases__customer_days') }}
    where orders > 0
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

metrics as (
    select * from {{ ref('int_purchases__customer_metrics') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

repeat_buyers as (
    select
        metrics.as_of_date,
        metrics.customer_key
    from metrics
    inner join thresholds on metrics.as_of_date = thresholds.as_of_date
    where metrics.purchase_days >= thresholds.cadence_min_purchase_days
),

gaps as (
    select
        run_context.as_of_date,
        customer_days.customer_key,
        {{ days_between(
            'lag(customer_days.event_date) over ('
            ~ 'partition by run_context.as_of_date, customer_days.customer_key '
            ~ 'order by customer_days.event_date nulls last)',
            'customer_days.event_date'
        ) }} as gap_days
    from customer_days
    inner join run_context
        on
            customer_days.event_date <= run_context.as_of_date
            and customer_days.known_from <= run_context.knowledge_date
            and (
                customer_days.known_to is null
                or customer_days.known_to > run_context.knowledge_date
            )
    inner join repeat_buyers
        on
            run_context.as_of_date = repeat_buyers.as_of_date
            and customer_days.customer_key = repeat_buyers.customer_key
)

select
    as_of_date,
    customer_key,
    {{ median_of('gap_days') }} as cadence_days
from gaps
where gap_days is not null
group by as_of_date, customer_key
