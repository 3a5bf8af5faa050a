-- Grain: one row per journey × mode × step (stage before won): entered it, and how it went on.
-- any = visited; imputed = visited it or a later one; strict = any, over journeys whose visited
-- stages are a gap-free prefix first visited in order.
with visits as (
    select * from {{ ref('int_funnel__stage_visits') }}
),

journeys as (
    select * from {{ ref('int_funnel__journeys') }}
),

funnel_stages as (
    select * from {{ ref('funnel_stages') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

stage_facts as (
    select
        visits.journey_key,
        visits.stage_order,
        min(visits.entered_date) as first_entered_date,
        min(visits.visit_number) as first_visit_number,
        sum(
            {{ days_between(
                'visits.entered_date', 'coalesce(visits.left_date, run_context.as_of_date)'
            ) }}
        ) as days_in_stage
    from visits
    cross join run_context
    where visits.stage <> 'lost'
    group by visits.journey_key, visits.stage_order
),

ordered as (
    select
        *,
        row_number() over (partition by journey_key order by stage_order nulls last) as position,
        lag(first_visit_number) over (partition by journey_key order by stage_order nulls last)
            as visit_number_before
    from stage_facts
),

journey_facts as (
    select
        ordered.journey_key,
        max(ordered.stage_order) as furthest_stage,
        max(
            case
                when
                    ordered.position <> ordered.stage_order
                    or ordered.first_visit_number < ordered.visit_number_before
                    then 1
                else 0
            end
        ) = 0 as is_gap_free
    from ordered
    group by ordered.journey_key
),

lost_journeys as (
    select
        journey_key,
        max_by(stage, visit_number) = 'lost' as is_lost
    from visits
    group by journey_key
),

steps as (
    select
        journeys.journey_key,
        funnel_stages.stage,
        funnel_stages.next_stage,
        funnel_stages.stage_order,
        stage_facts.journey_key is not null as is_visited,
        journey_facts.furthest_stage,
        journey_facts.is_gap_free,
        coalesce(lost_journeys.is_lost, false) as is_lost,
        stage_facts.days_in_stage,
        coalesce(stage_facts.first_entered_date, journeys.started_date) as entered_date,
        journeys.started_date
    from journeys
    inner join journey_facts on journeys.journey_key = journey_facts.journey_key
    cross join funnel_stages
    left join stage_facts
        on
            journeys.journey_key = stage_facts.journey_key
            and funnel_stages.stage_order = stage_facts.stage_order
    left join lost_journeys on journeys.journey_key = lost_journeys.journey_key
    where funnel_stages.stage <> 'won'
),

modes as (
    select 'any' as mode
    union all
    select 'imputed' as mode
    union all
    select 'strict' as mode
)

select
    steps.journey_key,
    modes.mode,
    steps.stage,
    steps.next_stage,
    steps.stage_order,
    steps.started_date,
    steps.entered_date,
    steps.furthest_stage > steps.stage_order as is_advanced,
    steps.furthest_stage <= steps.stage_order and steps.is_lost as is_lost,
    steps.furthest_stage <= steps.stage_order and not steps.is_lost as is_open,
    case when steps.is_visited then steps.days_in_stage end as days_in_stage
from steps
inner join modes
    on
        (modes.mode = 'any' and steps.is_visited)
        or (modes.mode = 'imputed' and steps.furthest_stage >= steps.stage_order)
        or (modes.mode = 'strict' and steps.is_visited and steps.is_gap_free)
