-- Grain: one row per journey × visit of a stage by the published date, in order of entry.
-- stage_source says how the entry is known: history export, difference between two exports, or a
-- created, converted or closed date. Entries of the stage a journey is in already are no visits.
with journeys as (
    select * from {{ ref('int_funnel__journeys') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

leads as (
    select
        leads.*,
        lag(leads.lead_stage)
            over (
                partition by leads.lead_key order by leads.valid_from nulls last
            )
            as previous_stage,
        row_number() over (
            partition by leads.lead_key order by leads.valid_from nulls last
        ) as version_number
    from {{ ref('int_crm__leads') }} as leads
    inner join run_context on leads.valid_from <= run_context.attribute_date
),

deals as (
    select
        deals.*,
        lag(deals.stage) over (partition by deals.deal_key order by deals.valid_from nulls last)
            as previous_stage,
        row_number() over (
            partition by deals.deal_key order by deals.valid_from nulls last
        ) as version_number
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on deals.valid_from <= run_context.attribute_date
),

stage_events as (
    select stage_events.*
    from {{ ref('int_crm__stage_events') }} as stage_events
    inner join run_context on {{ is_known('stage_events', 'run_context.attribute_date') }}
),

lead_entries as (
    select
        journeys.journey_key,
        'prospect' as stage,
        journeys.started_date as entered_date,
        'created' as stage_source
    from journeys
    where journeys.lead_key is not null
    union all
    select
        journeys.journey_key,
        leads.lead_stage as stage,
        case
            when leads.version_number = 1 then journeys.started_date
            else leads.valid_from
        end as entered_date,
        case when leads.version_number = 1 then 'created' else 'export' end as stage_source
    from journeys
    inner join leads on journeys.lead_key = leads.lead_key
    where
        not leads.is_converted
        and (leads.version_number = 1 or leads.lead_stage <> leads.previous_stage)
        and (
            leads.lead_stage in ('prospect', 'intent')
            or (leads.lead_stage = 'lost' and journeys.deal_key is null)
        )
    union all
    select
        journeys.journey_key,
        'intent' as stage,
        min(coalesce(leads.converted_date, leads.valid_from)) as entered_date,
        'converted' as stage_source
    from journeys
    inner join leads on journeys.lead_key = leads.lead_key
    where leads.is_converted
    group by journeys.journey_key
),

deals_with_history as (
    select
        deal_key,
        max(left_date) as last_left_date
    from stage_events
    group by deal_key
),

history_entries as (
    select
        journeys.journey_key,
        stage_events.stage,
        coalesce(
            lag(stage_events.left_date) over (
                partition by stage_events.deal_key
                order by stage_events.left_at nulls last, stage_events.stage_event_key nulls last
            ),
            deals.created_date,
            stage_events.left_date
        ) as entered_date,
        'history' as stage_source
    from stage_events
    inner join journeys on stage_events.deal_key = journeys.deal_key
    left join deals
        on stage_events.deal_key = deals.deal_key and deals.version_number = 1
    union all
    select
        journeys.journey_key,
        deals.stage,
        greatest(deals_with_history.last_left_date, coalesce(deals.created_date, deals.valid_from))
            as entered_date,
        'history' as stage_source
    from deals
    inner join journeys on deals.deal_key = journeys.deal_key
    inner join run_context on {{ is_known('deals', 'run_context.attribute_date') }}
    inner join deals_with_history on deals.deal_key = deals_with_history.deal_key
),

deal_entries as (
    select
        journeys.journey_key,
        deals.stage,
        case
            when deals.stage in ('won', 'lost')
                then coalesce(deals.close_date, deals.stage_changed_date, deals.valid_from)
            when deals.version_number = 1
                then coalesce(deals.stage_changed_date, deals.created_date, deals.valid_from)
            else coalesce(deals.stage_changed_date, deals.valid_from)
        end as entered_date,
        case
            when deals.version_number > 1 then 'export'
            when deals.stage in ('won', 'lost') then 'closed'
            else 'created'
        end as stage_source
    from deals
    inner join journeys on deals.deal_key = journeys.deal_key
    left join deals_with_history on deals.deal_key = deals_with_history.deal_key
    where
        deals_with_history.deal_key is null
        and (deals.version_number = 1 or deals.stage <> deals.previous_stage)
),

deal_starts as (
    select
        journeys.journey_key,
        'prospect' as stage,
        journeys.started_date as entered_date,
        'created' as stage_source
    from journeys
    inner join deal_entries on journeys.journey_key = deal_entries.journey_key
    where journeys.lead_key is null
    group by journeys.journey_key, journeys.started_date
    having
        min(deal_entries.entered_date) > journeys.started_date
        or min(case when deal_entries.stage in ('won', 'lost') then 1 else 0 end) = 1
),

entries as (
    select * from lead_entries
    union all
    select * from history_entries
    union all
    select * from deal_entries
    union all
    select * from deal_starts
),

placed as (
    select
        entries.journey_key,
        entries.stage,
        case entries.stage
            when 'prospect' then 1
            when 'intent' then 2
            when 'negotiation' then 3
            when 'won' then 4
            when 'lost' then 5
        end as stage_order,
        min(entries.entered_date) as entered_date,
        min(entries.stage_source) as stage_source
    from entries
    cross join run_context
    where entries.stage <> 'unknown' and entries.entered_date <= run_context.as_of_date
    group by entries.journey_key, entries.stage, entries.entered_date
),

followed as (
    select
        *,
        lag(stage)
            over (
                partition by journey_key order by entered_date nulls last, stage_order nulls last
            )
            as stage_before
    from placed
),

visits as (
    select *
    from followed
    where stage_before is null or stage <> stage_before
)

select
    visits.journey_key,
    visits.stage,
    visits.stage_order,
    visits.entered_date,
    visits.stage_source,
    lead(visits.entered_date) over (
        partition by visits.journey_key
        order by visits.entered_date nulls last, visits.stage_order nulls last
    ) as left_date,
    cast(
        row_number() over (
            partition by visits.journey_key
            order by visits.entered_date nulls last, visits.stage_order nulls last
        ) as bigint
    ) as visit_number
from visits
