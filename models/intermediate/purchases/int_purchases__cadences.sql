-- Grain: one row per as_of_date × customer with enough purchase days by then (three): the median gap
-- between them, in days.
with periods as (
    select
        as_of_date,
        knowledge_date
    from {{ source('raw', 'run_context') }}
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

days as (
    select
        customer_key,
        event_date,
        known_from,
        known_to
    from {{ ref('int_purchases__customer_days') }}
    where
        orders > 0
        and customer_key in (select repeat_buyers.customer_key from repeat_buyers)
),

{{ days_at_turns(['customer_key']) }},

gaps as (
    select
        as_of_date,
        customer_key,
        {{ days_between(
            'lag(event_date) over ('
            ~ 'partition by as_of_date, customer_key order by event_date nulls last)',
            'event_date'
        ) }} as gap_days
    from days_at_turns
),

cadences as (
    select
        as_of_date,
        customer_key,
        {{ median_of('gap_days') }} as cadence_days
    from gaps
    where gap_days is not null
    group by as_of_date, customer_key
),

dated as (
    select
        periods.as_of_date,
        cadences.customer_key,
        cadences.cadence_days
    from {{ on_every_date('cadences', ['customer_key']) }}
)

select dated.*
from dated
inner join repeat_buyers
    on
        dated.as_of_date = repeat_buyers.as_of_date
        and dated.customer_key = repeat_buyers.customer_key
