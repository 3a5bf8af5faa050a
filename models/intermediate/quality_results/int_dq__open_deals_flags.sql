-- Grain: one row per open deal on the published date, judged once the funnel is known. One nullable
-- boolean per rule: true = fails, null = does not apply; and the value at fault of those that fail.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

dq_thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

deals as (
    select deals.*
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on {{ is_known('deals', 'run_context.knowledge_date') }}
    where
        deals.stage not in ('won', 'lost')
        and deals.life_status <> 'void'
        and coalesce(deals.created_date, run_context.as_of_date) <= run_context.as_of_date
),

journeys as (
    select
        journey_key,
        deal_key
    from {{ ref('int_funnel__journeys') }}
    where deal_key is not null
),

visits as (
    select * from {{ ref('int_funnel__stage_visits') }}
),

completed as (
    select
        visits.stage,
        count(*) as visits,
        {{ percentile_of(
            days_between('visits.entered_date', 'visits.left_date'), 0.9
        ) }} as p90_days
    from visits
    where visits.left_date is not null
    group by visits.stage
),

current_visits as (
    select
        journeys.deal_key,
        max_by(visits.stage, visits.visit_number) as stage,
        max_by(visits.entered_date, visits.visit_number) as entered_date
    from journeys
    inner join visits on journeys.journey_key = visits.journey_key
    group by journeys.deal_key
)

select
    run_context.as_of_date,
    deals.crm_source,
    'open_deals' as entity,
    'deals' as record_kind,
    deals.deal_id as record_id,
    deals.owner_key,
    {{ flag(
        'upd_004',
        applies='completed.visits >= dq_thresholds.stage_min_visits',
        fails=days_between('current_visits.entered_date', 'run_context.as_of_date')
        ~ ' > completed.p90_days',
        value='current_visits.entered_date'
    ) }}
from deals
cross join run_context
cross join dq_thresholds
inner join current_visits on deals.deal_key = current_visits.deal_key
left join completed on current_visits.stage = completed.stage
