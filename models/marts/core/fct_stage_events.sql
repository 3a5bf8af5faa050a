-- Grain: one row per journey × visit of a funnel stage by the published date.
with visits as (
    select * from {{ ref('int_funnel__stage_visits') }}
),

journeys as (
    select * from {{ ref('int_funnel__journeys') }}
)

select
    md5(
        visits.journey_key || '|' || visits.stage || '|' || cast(visits.entered_date as string)
    ) as stage_event_key,
    visits.journey_key,
    journeys.crm_source,
    journeys.lead_key,
    journeys.deal_key,
    journeys.owner_key,
    visits.stage,
    visits.entered_date,
    visits.left_date,
    visits.visit_number,
    visits.stage_source
from visits
inner join journeys on visits.journey_key = journeys.journey_key
